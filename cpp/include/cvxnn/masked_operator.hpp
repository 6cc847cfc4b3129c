// The design [A_1 X, .., A_P X] as an operator: X and packed patterns, never the columns. A_i is
// diagonal, 1 where pattern i is and `slope` elsewhere: 0 for the ReLU.
#pragma once

#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

struct MaskedOperator {
  const Matrix* X = nullptr;
  const Cells* cells = nullptr;
  double slope = 0.0;

  Index n_rows() const { return X->rows(); }
  Index n_features() const { return X->cols(); }

  // The diagonal of A_cell.
  Vector mask(Index cell) const;
  // f += scale * A_cell X u.
  void apply_add(Index cell, const Vector& u, double scale, Eigen::Ref<Vector> f) const;
  // X' A_cell v.
  Vector apply_transposed(Index cell, const Eigen::Ref<const Vector>& v) const;
  // X' A_cell diag(h) A_cell X, lower and upper part.
  Matrix gram(Index cell, const Eigen::Ref<const Vector>& h) const;
};

}  // namespace cvxnn
