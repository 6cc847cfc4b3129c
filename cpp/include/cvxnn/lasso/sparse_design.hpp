// Columns in compressed sparse column format.
#pragma once

#include <cstdint>

#include "cvxnn/lasso/design.hpp"

namespace cvxnn::lasso {

class SparseDesign final : public Design {
 public:
  // Row numbers ascend within a column. The three arrays must outlive the design.
  SparseDesign(const double* data, const std::int64_t* indices, const std::int64_t* indptr,
               Index n_rows, Groups groups);

  Index n_rows() const override { return n_rows_; }
  void copy_rows(Index group, Index row, Eigen::Ref<Matrix> out) const override;
  void correlate(Index group, const ConstMatrixRef& V, Eigen::Ref<Matrix> out) const override;
  void add_product(Index group, Index row, const ConstMatrixRef& U,
                   Eigen::Ref<Matrix> F) const override;
  Matrix correlate_all(const ConstMatrixRef& V, Precision precision,
                       const Execution& execution) const override;
  Vector column_norms(const Execution& execution) const override;
  bool lazy() const override;

 private:
  const double* data_;
  const std::int64_t* indices_;
  const std::int64_t* indptr_;
  Index n_rows_;
};

}  // namespace cvxnn::lasso
