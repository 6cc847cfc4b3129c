// [D_1 X, .., D_P X] from X and the bits of the patterns, one group per cell.
#pragma once

#include "cvxnn/cells.hpp"
#include "cvxnn/lasso/design.hpp"

namespace cvxnn::lasso {

class MaskedDesign final : public Design {
 public:
  // X and cells must outlive the design.
  MaskedDesign(const ConstMatrixRef& X, const Cells& cells);

  Index n_rows() const override { return X_.rows(); }
  void copy_rows(Index group, Index row, Eigen::Ref<Matrix> out) const override;
  void correlate(Index group, const ConstMatrixRef& V, Eigen::Ref<Matrix> out) const override;
  void add_product(Index group, Index row, const ConstMatrixRef& U,
                   Eigen::Ref<Matrix> F) const override;
  void add_products(const std::vector<Index>& groups, const ConstMatrixRef& U, Matrix& F,
                    Precision precision, const Execution& execution) const override;
  Matrix correlate_all(const ConstMatrixRef& V, Precision precision,
                       const Execution& execution) const override;
  Matrix correlate_some(const std::vector<Index>& groups, const ConstMatrixRef& V,
                        Precision precision, const Execution& execution) const override;
  double float32_error(const ConstMatrixRef& V) const override;
  Vector column_norms(const Execution& execution) const override;
  bool lazy() const override { return true; }

 private:
  template <class Real>
  void add_products_in(const std::vector<Index>& groups, const ConstMatrixRef& U, Matrix& F,
                       const Execution& execution) const;

  Eigen::Map<const Matrix> X_;
  const Cells& cells_;
};

}  // namespace cvxnn::lasso
