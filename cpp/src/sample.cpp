#include "cvxnn/sample.hpp"

#include <limits>

#include "exact.hpp"

namespace cvxnn {
namespace {

constexpr Index kBlock = 64;  // points handled together by one matrix product

}  // namespace

LocatedCells locate_cells(const ConstMatrixRef& X, const ConstMatrixRef& points,
                          const Execution& execution) {
  const Index n = X.rows();
  const Index d = X.cols();
  const Index n_points = points.rows();
  LocatedCells located;
  located.cells.n_hyperplanes = n;
  const Index n_words = located.cells.n_words();
  located.cells.bits.assign(static_cast<std::size_t>(n_points * n_words), 0);
  located.interior.assign(static_cast<std::size_t>(n_points), 1);
  const Matrix magnitude = X.cwiseAbs();
  // |computed - true| <= slope * sum |x_j u_j| + floor, twice the usual bounds for d roundings
  const double slope = static_cast<double>(2 * d + 4) * std::numeric_limits<double>::epsilon();
  const double floor = static_cast<double>(4 * d) * std::numeric_limits<double>::denorm_min();

  const double cost = 4.0 * static_cast<double>(kBlock * X.size());
  parallel_for((n_points + kBlock - 1) / kBlock, cost, execution,
               [&](Index block, int, const auto&) {
                 const Index begin = block * kBlock;
                 const Index width = std::min(kBlock, n_points - begin);
                 const Matrix U = points.middleRows(begin, width).transpose();
                 const Matrix products = X * U;
                 const Matrix bounds = magnitude * U.cwiseAbs() * slope;
                 for (Index p = 0; p < width; ++p) {
                   Word* pattern = located.cells.bits.data() + (begin + p) * n_words;
                   for (Index k = 0; k < n; ++k) {
                     const double bound = bounds(k, p) + floor;
                     if (products(k, p) > bound) {
                       set_bit(pattern, k);
                     } else if (!(products(k, p) < -bound)) {
                       const int sign =
                           exact::sign_dot(X.data() + k, X.outerStride(), U.data() + p * d, 1, d);
                       if (sign > 0) set_bit(pattern, k);
                       if (sign == 0 && !magnitude.row(k).isZero(0))
                         located.interior[begin + p] = 0;
                     }
                   }
                 }
               });
  return located;
}

}  // namespace cvxnn
