// Symmetric products of tall matrices by several threads.
#pragma once

#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Lower triangle of B'B, tile by tile, so that the number of threads does not change a rounding.
inline Matrix lower_product(const Eigen::Ref<const Matrix>& B, const Execution& execution) {
  constexpr Index kTile = 48;
  const Index m = B.cols();
  Matrix product(m, m);
  const double cost = static_cast<double>(kTile * B.size());
  parallel_for((m + kTile - 1) / kTile, cost, execution, [&](Index tile, int, const auto&) {
    const Index begin = tile * kTile;
    const Index width = std::min(kTile, m - begin);
    product.block(begin, begin, m - begin, width).noalias() =
        B.rightCols(m - begin).transpose() * B.middleCols(begin, width);
  });
  return product;
}

}  // namespace cvxnn
