// The widest direction of a cone {u : g_k . u >= 0} is found by projecting the point (0, 1) onto
// {(u, t) : g_k . u - t >= 0}: the projection trades the margin t against the length of u.
#include "cvxnn/witness.hpp"

#include <cmath>

#include "cvxnn/cone.hpp"

namespace cvxnn {

Matrix find_witnesses(const ConstMatrixRef& X, const Cells& cells, const Execution& execution) {
  const Index n = X.rows();
  const Index d = X.cols();
  const Matrix rows = unit_rows(X);
  const std::vector<Word> all_positive(static_cast<std::size_t>(cells.n_words()), ~Word{0});
  Matrix witnesses = Matrix::Zero(cells.size(), d);
  parallel_for(cells.size(), execution, [&](Index i, int) {
    Matrix lifted = Matrix::Zero(n, d + 1);
    for (Index k = 0; k < n; ++k) {
      if (rows.row(k).isZero(0)) continue;
      const double side = get_bit(cells.pattern(i), k) ? 1.0 : -1.0;
      lifted.row(k).head(d) = std::sqrt(0.5) * side * rows.row(k);
      lifted(k, d) = -std::sqrt(0.5);
    }
    Vector apex = Vector::Zero(d + 1);
    apex(d) = 1.0;
    ConeProjector projector;
    std::vector<Index> tight;
    projector.project({&lifted, all_positive.data()}, apex, tight);
    const Vector direction = projector.point().head(d);
    const double length = direction.norm();
    if (length > 0.0) witnesses.row(i) = direction.transpose() / length;
  });
  return witnesses;
}

}  // namespace cvxnn
