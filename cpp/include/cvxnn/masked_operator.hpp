// The design [D_1 X, .., D_P X] as an operator: X and packed patterns, never the columns.
#pragma once

#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

struct MaskedOperator {
  const Matrix* X = nullptr;
  const Cells* cells = nullptr;

  Index n_rows() const { return X->rows(); }
  Index n_features() const { return X->cols(); }

  // 0 / 1 per row.
  Vector mask(Index cell) const;
  // f += scale * D_cell X u.
  void apply_add(Index cell, const Vector& u, double scale, Vector& f) const;
  // X' D_cell v.
  Vector apply_transposed(Index cell, const Vector& v) const;
  // X' D_cell diag(h) X, lower and upper part.
  Matrix gram(Index cell, const Vector& h) const;
};

}  // namespace cvxnn
