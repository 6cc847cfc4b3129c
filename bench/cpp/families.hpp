// Arrangements of known structure, for benchmarks and tests.
#pragma once

#include "cvxnn/types.hpp"

namespace cvxnn::families {

// Row `code` has the binary digits of `code`.
inline Matrix binary_rows(Index begin, Index d) {
  Matrix rows((Index{1} << d) - begin, d);
  for (Index code = begin; code < Index{1} << d; ++code) {
    for (Index j = 0; j < d; ++j) rows(code - begin, j) = static_cast<double>((code >> j) & 1);
  }
  return rows;
}

// All non-zero rows of zeros and ones.
inline Matrix resonance(Index d) { return binary_rows(1, d); }

// All rows (1, c), c of zeros and ones.
inline Matrix threshold(Index d) {
  const Matrix cube = binary_rows(0, d);
  Matrix rows(cube.rows(), d + 1);
  rows << Vector::Ones(cube.rows()), cube;
  return rows;
}

// Rows (1, c) where c has an odd sum.
inline Matrix demicube(Index d) {
  const Matrix all = threshold(d);
  Matrix rows(all.rows() / 2, d + 1);
  Index next = 0;
  for (Index k = 0; k < all.rows(); ++k) {
    if (static_cast<Index>(all.row(k).sum() - 1.0) % 2 == 1) rows.row(next++) = all.row(k);
  }
  return rows;
}

// Rows e_i and e_i - e_j.
inline Matrix braid(Index d) {
  Matrix rows = Matrix::Zero(d * (d + 1) / 2, d);
  rows.topRows(d).setIdentity();
  Index next = d;
  for (Index i = 0; i < d; ++i) {
    for (Index j = i + 1; j < d; ++j, ++next) {
      rows(next, i) = 1.0;
      rows(next, j) = -1.0;
    }
  }
  return rows;
}

// Rows (1, e_i) and (1, -e_i).
inline Matrix cross_polytope(Index d) {
  Matrix rows = Matrix::Zero(2 * d, d + 1);
  rows.col(0).setOnes();
  for (Index i = 0; i < d; ++i) {
    rows(2 * i, i + 1) = 1.0;
    rows(2 * i + 1, i + 1) = -1.0;
  }
  return rows;
}

}  // namespace cvxnn::families
