#include "lasso/intercept.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>

namespace cvxnn::lasso {
namespace {

Vector target_sums(const Loss& loss, const Vector& v) {
  return v.reshaped(loss.n_samples(), loss.n_targets()).colwise().sum();
}

Vector shifted(const Loss& loss, const Vector& f, const Vector& b) {
  return (f.reshaped(loss.n_samples(), loss.n_targets()).rowwise() + b.transpose()).reshaped();
}

Matrix hessian_of_shift(const Loss& loss, const Vector& f) {
  const Index K = loss.n_targets();
  const Index n = loss.n_samples();
  const auto hessian = loss.hessian(f);
  Matrix H(K, K);
  Vector direction = Vector::Zero(f.size());
  for (Index k = 0; k < K; ++k) {
    direction.setZero();
    direction.segment(k * n, n).setOnes();
    H.col(k) = target_sums(loss, hessian(direction));
  }
  return 0.5 * (H + H.transpose());
}

// -H^+ g, its small eigenvalues raised: a direction of descent even where H is singular.
Vector newton_step(const Matrix& H, const Vector& g, double floor) {
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(H);
  const Vector values = eigen.eigenvalues().cwiseMax(floor);
  return -eigen.eigenvectors() * (eigen.eigenvectors().transpose() * g).cwiseQuotient(values);
}

}  // namespace

Vector fit_intercept(const Loss& loss, Vector& f) {
  constexpr int kSteps = 100;
  constexpr double kRounding = 8.0 * std::numeric_limits<double>::epsilon();
  Vector total = Vector::Zero(loss.n_targets());
  Vector v = loss.gradient(f);
  double value = loss.value(f);
  double floor_ratio = 1e-14;
  for (int i = 0; i < kSteps; ++i) {
    const Vector sums = target_sums(loss, v);
    if (sums.cwiseAbs().sum() <= kRounding * v.cwiseAbs().sum()) break;
    const Matrix H = hessian_of_shift(loss, f);
    const double scale = loss.bounded_curvature() ? loss.max_curvature() * loss.weights().sum()
                                                  : H.diagonal().maxCoeff();
    Vector step = newton_step(H, sums, floor_ratio * scale);
    // no step longer than a few units of a logit: Newton overshoots on flat parts
    const double size = step.cwiseAbs().maxCoeff();
    if (!loss.quadratic() && !loss.bounded_curvature() && size > 2.0) step *= 2.0 / size;
    Vector trial = shifted(loss, f, step);
    double trial_value = loss.value(trial);
    const double slope = sums.dot(step);
    bool accepted = trial_value <= value + 0.25 * slope;
    for (int halving = 0; !accepted && halving < 40; ++halving) {
      // near the minimum values agree to rounding, and the gradient has to decide
      const Vector trial_sums = target_sums(loss, loss.gradient(trial));
      accepted = trial_sums.norm() <= 0.5 * sums.norm();
      if (accepted) break;
      step *= 0.5;
      trial = shifted(loss, f, step);
      trial_value = loss.value(trial);
      accepted = trial_value < value;
    }
    if (!accepted) break;
    f = trial;
    value = trial_value;
    total += step;
    v = loss.gradient(f);
  }
  return total;
}

}  // namespace cvxnn::lasso
