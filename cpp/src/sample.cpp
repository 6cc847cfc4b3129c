#include "cvxnn/sample.hpp"

#include "gate_bits.hpp"

namespace cvxnn {
namespace {

constexpr Index kPoints = 64;  // points located together
constexpr Index kRows = 2048;  // rows compared together: products of a block take 1 MB

}  // namespace

LocatedCells locate_cells(const ConstMatrixRef& X, const ConstMatrixRef& points,
                          const Execution& execution) {
  const Index n_points = points.rows();
  LocatedCells located;
  located.cells.n_hyperplanes = X.rows();
  const Index n_words = located.cells.n_words();
  located.cells.bits.assign(static_cast<std::size_t>(n_points * n_words), 0);
  located.interior.assign(static_cast<std::size_t>(n_points), 1);
  for (Index first = 0; first < X.rows(); first += kRows) {
    const GateRows rows(X, first, std::min(kRows, X.rows() - first));
    const double cost = 2.0 * static_cast<double>(kPoints * kRows * X.cols());
    parallel_for((n_points + kPoints - 1) / kPoints, cost, execution,
                 [&](Index block, int, const auto&) {
                   const Index begin = block * kPoints;
                   const Index width = std::min(kPoints, n_points - begin);
                   Word* words = located.cells.bits.data() + begin * n_words + first / 64;
                   rows.bits(points.middleRows(begin, width), {words, 1, n_words},
                             located.interior.data() + begin);
                 });
  }
  return located;
}

}  // namespace cvxnn
