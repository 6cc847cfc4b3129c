#include <algorithm>

#include "cvxnn/loss.hpp"

namespace cvxnn {

double SquaredLoss::value(const Vector& f) const {
  return 0.5 * (weights_.array() * (f - y_).array().square()).sum();
}

Vector SquaredLoss::gradient(const Vector& f) const { return weights_.cwiseProduct(f - y_); }

Vector SquaredLoss::curvature(const Vector&) const { return weights_; }

double SquaredLoss::dual_value(const Vector& v) const {
  return -0.5 * (v.array().square() / weights_.array()).sum() - v.dot(y_);
}

double SquaredLoss::best_scale(const Vector& v, double limit) const {
  const double curvature = (v.array().square() / weights_.array()).sum();
  if (!(curvature > 0.0)) return 0.0;
  return std::min(limit, std::max(0.0, -v.dot(y_) / curvature));
}

}  // namespace cvxnn
