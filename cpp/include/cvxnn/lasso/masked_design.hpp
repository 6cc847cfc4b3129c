// [D_1 X, .., D_P X] from X and the bits of the patterns, or gates, one group per cell.
#pragma once

#include "cvxnn/lasso/design.hpp"
#include "cvxnn/masks.hpp"

namespace cvxnn::lasso {

class MaskedDesign final : public Design {
 public:
  // X and cells must outlive the design.
  MaskedDesign(const ConstMatrixRef& X, const Cells& cells);
  // The patterns of gates, one a row, made anew wherever they are needed: it takes the memory of
  // the gates instead of a bit for each row of X and each cell. X and gates must outlive the
  // design.
  MaskedDesign(const ConstMatrixRef& X, const ConstMatrixRef& gates);

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

  MaskedDesign(const ConstMatrixRef& X, const Cells* cells, const ConstMatrixRef& gates,
               Index n_cells);

  // The masks of all groups, and of some.
  MaskSource masks() const;
  MaskSource masks_of(const std::vector<Index>& groups) const;

  Eigen::Map<const Matrix> X_;
  const Cells* cells_;  // none if there are gates
  Eigen::Map<const Matrix> gates_;
};

}  // namespace cvxnn::lasso
