#include "losses/intercept.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

namespace cvxnn {
namespace {

constexpr double kRounding = 8.0 * std::numeric_limits<double>::epsilon();

Vector target_sums(const Loss& loss, const Vector& v) {
  return v.reshaped(loss.n_samples(), loss.n_targets()).colwise().sum();
}

Vector shifted(const Loss& loss, const Vector& f, const Vector& b) {
  return (f.reshaped(loss.n_samples(), loss.n_targets()).rowwise() + b.transpose()).reshaped();
}

Matrix hessian_of_shift(const Loss& loss, const Vector& f) {
  const Index K = loss.n_targets();
  const Index n = loss.n_samples();
  const Hessian hessian = loss.hessian(f);
  Matrix H(K, K);
  Vector direction = Vector::Zero(f.size());
  for (Index k = 0; k < K; ++k) {
    direction.setZero();
    direction.segment(k * n, n).setOnes();
    H.col(k) = target_sums(loss, hessian.apply(direction));
  }
  return 0.5 * (H + H.transpose());
}

// -H^+ g, its small eigenvalues raised: a direction of descent even where H is singular.
Vector newton_step(const Matrix& H, const Vector& g, double floor) {
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(H);
  const Vector values = eigen.eigenvalues().cwiseMax(floor);
  return -eigen.eigenvectors() * (eigen.eigenvectors().transpose() * g).cwiseQuotient(values);
}

// Newton's method between bounds, each target by itself: a derivative that grows with the intercept
// says on which side of it the best one lies, however flat the loss is.
Vector fit_separately(const Loss& loss, Vector& f) {
  constexpr int kSteps = 400;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Index K = loss.n_targets();
  const Index n = loss.n_samples();
  const Vector start = f;
  Vector b = Vector::Zero(K);
  Vector low = Vector::Constant(K, -kInfinity);
  Vector high = Vector::Constant(K, kInfinity);
  Vector stride = Vector::Ones(K);  // where nothing but the direction is known
  for (int i = 0; i < kSteps; ++i) {
    const Vector v = loss.gradient(f);
    const Vector h = loss.curvature(f);
    bool done = true;
    for (Index k = 0; k < K; ++k) {
      const double sum = v.segment(k * n, n).sum();
      if (std::abs(sum) <= kRounding * v.segment(k * n, n).cwiseAbs().sum()) continue;
      (sum > 0.0 ? high(k) : low(k)) = b(k);
      double next = b(k) - sum / h.segment(k * n, n).sum();
      const double side = sum > 0.0 ? -1.0 : 1.0;
      // steps of a few logits: Newton overshoots where the curvature grows without bound
      if (!loss.bounded_curvature()) next = std::clamp(next, b(k) - 2.0, b(k) + 2.0);
      if (!std::isfinite(next) || next <= low(k) || next >= high(k)) {
        const bool between = std::isfinite(low(k)) && std::isfinite(high(k));
        next = between ? 0.5 * (low(k) + high(k)) : b(k) + side * stride(k);
        stride(k) *= 2.0;
      }
      if (next == b(k) || !std::isfinite(next)) continue;
      if (next <= low(k) || next >= high(k)) continue;  // no number in between
      b(k) = next;
      done = false;
    }
    if (done) break;
    f = shifted(loss, start, b);
  }
  return b;
}

}  // namespace

bool is_balanced(const Loss& loss, const Vector& f, const Vector& v) {
  constexpr double kTolerance = 1e-10;
  const double rounding = kRounding * loss.weights().dot(f.cwiseAbs());
  return target_sums(loss, v).cwiseAbs().sum() <= kTolerance * v.cwiseAbs().sum() + rounding;
}

Vector fit_intercept(const Loss& loss, Vector& f) {
  if (loss.separable()) return fit_separately(loss, f);
  constexpr int kSteps = 100;
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

}  // namespace cvxnn
