// The design [A_1 X, .., A_P X] as an operator: X and packed patterns, never the columns. A_i is
// diagonal, 1 where pattern i is and `slope` elsewhere: 0 for the ReLU. Rows of X that belong to
// one sample are added up.
#pragma once

#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"
#include "cvxnn/patches.hpp"

namespace cvxnn {

struct MaskedOperator {
  const Matrix* X = nullptr;
  const Cells* cells = nullptr;
  double slope = 0.0;
  Index patches = 1;  // rows of a sample

  Index n_samples() const { return X->rows() / patches; }
  Index n_features() const { return X->cols(); }

  // A_cell X T.
  Matrix outputs(Index cell, const ConstMatrixRef& T) const;
  // The rows of A_cell X that belong to samples first, .., first + count - 1; first is a multiple
  // of 64.
  Matrix columns(Index cell, Index first, Index count) const;
  // f += scale * A_cell X u.
  void apply_add(Index cell, const Vector& u, double scale, Eigen::Ref<Vector> f) const;
  // X' A_cell v.
  Vector apply_transposed(Index cell, const Eigen::Ref<const Vector>& v) const;
  // (A_cell X)' diag(h) A_cell X, lower and upper part.
  Matrix gram(Index cell, const Eigen::Ref<const Vector>& h) const;
};

}  // namespace cvxnn
