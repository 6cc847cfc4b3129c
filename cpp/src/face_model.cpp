#include "face_model.hpp"

#include <Eigen/Cholesky>

namespace cvxnn {
namespace {

Vector solve(Matrix system, const Vector& right) {
  if (right.size() == 0) return right;
  const double scale = system.diagonal().maxCoeff();
  for (double ridge = 1e-14; ridge < 1e-2; ridge *= 100.0) {
    system.diagonal().array() += ridge * scale;
    const Eigen::LLT<Matrix> factor(system);
    if (factor.info() == Eigen::Success) return factor.solve(right);
  }
  return Vector();
}

}  // namespace

void Faces::add(const Vector& u, Matrix basis) {
  points.push_back(u);
  bases.push_back(std::move(basis));
  starts.push_back(starts.back() + bases.back().cols());
}

Matrix Faces::hessian(const Matrix& full, double beta, const Execution& execution) const {
  Matrix columns(full.rows(), n_unknowns());
  Matrix system(n_unknowns(), n_unknowns());
  const Index count = static_cast<Index>(points.size());
  const Index d = count > 0 ? points[0].size() : 0;
  const double cost = static_cast<double>(2 * d * d * full.rows());
  parallel_for(count, cost, execution, [&](Index a, int, const auto&) {
    columns.middleCols(starts[a], bases[a].cols()).noalias() = full.middleCols(a * d, d) * bases[a];
  });
  parallel_for(count, cost, execution, [&](Index a, int, const auto&) {
    auto rows = system.middleRows(starts[a], bases[a].cols());
    rows.noalias() = bases[a].transpose() * columns.middleRows(a * d, d);
    const double length = points[a].norm();
    const Vector along = bases[a].transpose() * points[a] / length;
    rows.middleCols(starts[a], rows.rows()) +=
        beta / length * (Matrix::Identity(rows.rows(), rows.rows()) - along * along.transpose());
  });
  return system;
}

Vector Faces::step(const Matrix& system, const Vector& gradient, bool vanish,
                   std::vector<char>& vanishing) const {
  constexpr int kAttempts = 8;
  Vector y = Vector::Zero(n_unknowns());
  vanishing.assign(points.size(), 0);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Eigen::Matrix<Index, Eigen::Dynamic, 1> free(n_unknowns());
    Index n_free = 0;
    for (std::size_t a = 0; a < points.size(); ++a) {
      if (vanishing[a]) {
        y.segment(starts[a], bases[a].cols()) = -(bases[a].transpose() * points[a]);
        continue;
      }
      for (Index i = starts[a]; i < starts[a + 1]; ++i) free(n_free++) = i;
    }
    free.conservativeResize(n_free);
    y(free).setZero();
    const Vector right = -(gradient + system * y);
    const Vector solution = solve(system(free, free), right(free));
    if (solution.size() != n_free) return Vector();
    y(free) = solution;
    bool more = false;
    for (std::size_t a = 0; a < points.size() && vanish; ++a) {
      if (vanishing[a]) continue;
      const Vector along = bases[a].transpose() * points[a];
      const double forward = along.dot(y.segment(starts[a], bases[a].cols()));
      if (points[a].squaredNorm() + forward > 0.0) continue;
      vanishing[a] = 1;
      more = true;
    }
    if (!more) break;
  }
  return y;
}

}  // namespace cvxnn
