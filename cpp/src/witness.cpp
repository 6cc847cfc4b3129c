// The widest direction of a cone {u : g_k . u >= 0} is found by projecting the point (0, 1) onto
// {(u, t) : g_k . u - t >= 0}: the projection trades the margin t against the length of u.
#include "cvxnn/witness.hpp"

#include <cmath>

#include "cvxnn/cone.hpp"

namespace cvxnn {

Vector widest_direction(const Matrix& unit_rows, const Word* pattern) {
  const Index n = unit_rows.rows();
  const Index d = unit_rows.cols();
  const std::vector<Word> all_positive(static_cast<std::size_t>(words_for(n)), ~Word{0});
  Matrix lifted = Matrix::Zero(n, d + 1);
  for (Index k = 0; k < n; ++k) {
    if (unit_rows.row(k).isZero(0)) continue;
    const double side = get_bit(pattern, k) ? 1.0 : -1.0;
    lifted.row(k).head(d) = std::sqrt(0.5) * side * unit_rows.row(k);
    lifted(k, d) = -std::sqrt(0.5);
  }
  Vector apex = Vector::Zero(d + 1);
  apex(d) = 1.0;
  ConeProjector projector;
  std::vector<Index> tight;
  projector.project({&lifted, all_positive.data()}, apex, tight);
  const Vector direction = projector.point().head(d);
  const double length = direction.norm();
  return length > 0.0 ? Vector(direction / length) : Vector(Vector::Zero(d));
}

Matrix find_witnesses(const ConstMatrixRef& X, const Cells& cells, const Execution& execution) {
  const Matrix rows = unit_rows(X);
  Matrix witnesses(cells.size(), X.cols());
  const double cost = 20.0 * static_cast<double>(X.size() * X.cols());
  parallel_for(cells.size(), cost, execution, [&](Index i, int, const auto&) {
    witnesses.row(i) = widest_direction(rows, cells.pattern(i)).transpose();
  });
  return witnesses;
}

}  // namespace cvxnn
