#include <Eigen/Cholesky>
#include <algorithm>

#include "lasso/subproblem.hpp"
#include "losses/intercept.hpp"

namespace cvxnn::lasso {
namespace {

void set_coefficients(Subproblem& sub, Index member, const Matrix& U) {
  sub.set.W.middleRows(sub.set.start(member), sub.set.width(member)) = U;
}

// With the Gram matrix: Z = X' v is kept up to date instead of v.
void descend_by_gram(Subproblem& sub, const std::vector<Index>& members, int n_passes) {
  ActiveSet& set = sub.set;
  const auto gram = set.gram();
  const Vector v = sub.problem.loss->gradient(sub.f);
  std::vector<Index> all(static_cast<std::size_t>(set.count()));
  for (Index i = 0; i < set.count(); ++i) all[i] = i;
  Matrix slopes = set.correlate(all, as_matrix(v, sub.n()));
  for (int pass = 0; pass < n_passes; ++pass) {
    for (const Index i : members) {
      const Index start = set.start(i);
      const Index width = set.width(i);
      const auto slope = slopes.middleRows(start, width);
      const bool zero = set.is_zero(i);
      if (zero && sub.penalty.support(-slope) <= sub.strength(i)) continue;
      const Matrix old = set.coefficients(i);
      const Matrix U =
          minimise_block(sub.penalty, sub.strength(i), set.spectrum(i), 1.0, old, slope);
      const Matrix change = U - old;
      if (change.isZero(0)) continue;
      slopes.noalias() += gram.middleCols(start, width) * change;
      set_coefficients(sub, i, U);
    }
  }
  refresh_predictions(sub);
}

// With the model gradient V = grad + diag(h) X (W - W0), h the curvatures of a majorant.
void descend_by_residual(Subproblem& sub, const std::vector<Index>& members) {
  ActiveSet& set = sub.set;
  const Loss& loss = *sub.problem.loss;
  const Index n = sub.n();
  Vector v = loss.gradient(sub.f);
  const Vector h = loss.majorant(sub.f);
  const double curvature = h.cwiseQuotient(loss.weights()).maxCoeff();
  Eigen::Map<Matrix> V(v.data(), n, sub.K());
  const auto H = as_matrix(h, n);
  const double before = loss.bounded_curvature() ? 0.0 : objective(sub);
  const Matrix W0 = set.W;
  Vector moved = Vector::Zero(sub.f.size());
  Eigen::Map<Matrix> M(moved.data(), n, sub.K());
  Matrix product(n, sub.K());
  for (const Index i : members) {
    const Matrix slope = set.correlate(i, V);
    if (set.is_zero(i) && sub.penalty.support(-slope) <= sub.strength(i)) continue;
    const Matrix old = set.coefficients(i);
    const Matrix U =
        minimise_block(sub.penalty, sub.strength(i), set.spectrum(i), curvature, old, slope);
    const Matrix change = U - old;
    if (change.isZero(0)) continue;
    product.setZero();
    set.add_product(i, change, product);
    V.array() += H.array() * product.array();
    M += product;
    set_coefficients(sub, i, U);
  }
  const Vector f0 = sub.f;
  sub.f += moved;
  if (!loss.bounded_curvature()) {  // the model does not lie above the loss: shorten the step
    const Matrix W1 = set.W;
    double t = 1.0;
    while (!(objective(sub) <= before) && t > 1e-10) {
      t *= 0.5;
      set.W = W0 + t * (W1 - W0);
      sub.f = f0 + t * moved;
    }
  }
  if (sub.problem.fit_intercept) sub.b += fit_intercept(loss, sub.f);
}

// The points after successive passes, which approach the solution like a linear iteration once the
// support is found: the combination of them whose steps cancel best is often far ahead (Anderson
// acceleration; Bertrand and Massias, "Anderson acceleration of coordinate descent", 2021).
// Moves there if the objective is smaller.
void extrapolate(Subproblem& sub, const std::vector<Point>& points) {
  const Index k = static_cast<Index>(points.size()) - 1;
  Matrix steps(sub.f.size(), k);
  for (Index i = 0; i < k; ++i) steps.col(i) = points[i + 1].f - points[i].f;
  Matrix normal = steps.transpose() * steps;
  const double trace = normal.trace();
  if (!(trace > 0.0)) return;
  normal.diagonal().array() += 1e-12 * trace;
  const Vector solved = normal.ldlt().solve(Vector::Ones(k));
  const Vector shares = solved / solved.sum();
  if (!shares.allFinite()) return;
  Point ahead = points.back();
  ahead.W *= shares(k - 1);
  ahead.f *= shares(k - 1);
  ahead.b *= shares(k - 1);
  for (Index i = 1; i < k; ++i) {
    ahead.W += shares(i - 1) * points[i].W;
    ahead.f += shares(i - 1) * points[i].f;
    ahead.b += shares(i - 1) * points[i].b;
  }
  const double before = objective(sub);
  move_to(sub, ahead);
  if (!(objective(sub) < before)) move_to(sub, points.back());
}

}  // namespace

void block_descent(Subproblem& sub, const std::vector<Index>& members, int n_passes) {
  if (sub.set.has_gram()) return descend_by_gram(sub, members, n_passes);
  std::vector<Point> points;
  for (int pass = 0; pass < n_passes; ++pass) {
    descend_by_residual(sub, members);
    points.push_back(point_of(sub));
  }
  if (n_passes > 2 && sub.penalty.radial()) extrapolate(sub, points);
}

}  // namespace cvxnn::lasso
