// Columns of a dense array of doubles or floats that stays where it is.
#pragma once

#include "cvxnn/lasso/design.hpp"

namespace cvxnn::lasso {

enum class Layout { column_major, row_major };

template <class Scalar>
class DenseDesign final : public Design {
 public:
  // `data` (n_rows x n_columns) must outlive the design.
  DenseDesign(const Scalar* data, Index n_rows, Index n_columns, Layout layout, Groups groups);

  Index n_rows() const override { return n_rows_; }
  void copy_rows(Index group, Index row, Eigen::Ref<Matrix> out) const override;
  void correlate(Index group, const ConstMatrixRef& V, Eigen::Ref<Matrix> out) const override;
  void add_product(Index group, Index row, const ConstMatrixRef& U,
                   Eigen::Ref<Matrix> F) const override;
  Matrix correlate_all(const ConstMatrixRef& V, Precision precision,
                       const Execution& execution) const override;
  Vector column_norms(const Execution& execution) const override;

 private:
  void copy_block(Index row, Index column, Eigen::Ref<Matrix> out) const;

  const Scalar* data_;
  Index n_rows_;
  Index n_columns_;
  Layout layout_;
};

extern template class DenseDesign<double>;
extern template class DenseDesign<float>;

}  // namespace cvxnn::lasso
