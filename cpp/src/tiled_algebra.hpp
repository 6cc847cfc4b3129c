// Large symmetric matrices by several threads, tile by tile, so that the number of threads does not
// change a rounding.
#pragma once

#include <Eigen/Cholesky>
#include <algorithm>

#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Tiles small enough to keep threads busy, large enough to be worth packing.
inline Index tile_size(Index m) { return std::clamp<Index>((m / 8 + 7) / 8 * 8, 48, 192); }

// Calls body(i, j) for the tiles of the lower triangle of an m x m matrix, given by the first row i
// and the first column j.
template <class Body>
void for_lower_tiles(Index m, Index tile, double cost, const Execution& execution,
                     const Body& body) {
  const Index count = (m + tile - 1) / tile;
  parallel_for(count * count, cost, execution, [&](Index item, int, const auto&) {
    const Index i = item / count;
    const Index j = item % count;
    if (i >= j) body(i * tile, j * tile);
  });
}

// Lower triangle of B'B; above the diagonal tiles nothing is set.
template <class Derived>
Matrix lower_product(const Eigen::MatrixBase<Derived>& B, const Execution& execution) {
  const Index m = B.cols();
  const Index tile = tile_size(m);
  Matrix product(m, m);
  const double cost = static_cast<double>(tile * tile * B.rows());
  for_lower_tiles(m, tile, cost, execution, [&](Index i, Index j) {
    const Index height = std::min(tile, m - i);
    const Index width = std::min(tile, m - j);
    product.block(i, j, height, width).noalias() =
        B.middleCols(i, height).transpose() * B.middleCols(j, width);
  });
  return product;
}

// Replaces the lower triangle of a positive definite matrix by its Cholesky factor.
inline void factorise(Matrix& A, const Execution& execution) {
  const Index m = A.rows();
  const Index tile = tile_size(m);
  for (Index k = 0; k < m; k += tile) {
    const Index width = std::min(tile, m - k);
    const Index rest = k + width;
    auto corner = A.block(k, k, width, width);
    const Eigen::LLT<Eigen::Ref<Matrix>> in_place(corner);
    if (rest == m) return;
    const double cost = static_cast<double>(tile * tile * tile);
    parallel_for((m - rest + tile - 1) / tile, cost, execution, [&](Index item, int, const auto&) {
      const Index i = rest + item * tile;
      auto panel = A.block(i, k, std::min(tile, m - i), width);
      corner.triangularView<Eigen::Lower>().transpose().solveInPlace<Eigen::OnTheRight>(panel);
    });
    for_lower_tiles(m - rest, tile, 2.0 * cost, execution, [&](Index i, Index j) {
      const Index height = std::min(tile, m - rest - i);
      const Index across = std::min(tile, m - rest - j);
      A.block(rest + i, rest + j, height, across).noalias() -=
          A.block(rest + i, k, height, width) * A.block(rest + j, k, across, width).transpose();
    });
  }
}

// The solution x of A x = b for a positive definite A, of which the lower triangle counts and is
// destroyed.
inline Vector solve_symmetric(Matrix& A, Vector b, const Execution& execution) {
  factorise(A, execution);
  A.triangularView<Eigen::Lower>().solveInPlace(b);
  A.triangularView<Eigen::Lower>().transpose().solveInPlace(b);
  return b;
}

}  // namespace cvxnn
