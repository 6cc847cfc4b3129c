#include <limits>

#include "losses/losses.hpp"

namespace cvxnn {
namespace {

constexpr double kSlack = 1e-9;  // of the largest value of a target, within which f is y

// The multipliers p of f = y, with a quadratic term beside them (an augmented Lagrangian): per
// sample p (f - y) + (f - y)^2 / (2 width).
class AugmentedLagrangian final : public Loss {
 public:
  AugmentedLagrangian(const Loss& loss, const Vector& y, Vector p, double width)
      : Loss(loss, y), p_(std::move(p)), width_(width) {}

  double value(const Vector& f) const override {
    const auto off = (f - y_).array();
    return (weights_.array() * off * (p_.array() + 0.5 / width_ * off)).sum();
  }
  Vector gradient(const Vector& f) const override {
    return weights_.cwiseProduct(p_ + (f - y_) / width_);
  }
  Vector curvature(const Vector&) const override { return weights_ / width_; }
  bool quadratic() const override { return true; }
  double max_curvature() const override { return 1.0 / width_; }
  double infimum() const override { return -0.5 * width_ * p_.cwiseAbs2().dot(weights_); }
  double dual_value(const Vector& v) const override {
    const auto moved = (v.cwiseQuotient(weights_) - p_).array();
    return -v.dot(y_) - 0.5 * width_ * (weights_.array() * moved.square()).sum();
  }

 private:
  Vector p_;
  double width_;
};

class Interpolation final : public Loss {
 public:
  using Loss::Loss;

  double value(const Vector& f) const override {
    for (Index t = 0; t < n_targets_; ++t) {
      const auto y = y_.segment(t * n_samples(), n_samples());
      const double slack = kSlack * y.lpNorm<Eigen::Infinity>();
      const auto off = (f.segment(t * n_samples(), n_samples()) - y).array().abs();
      if (!(off <= slack).all()) return std::numeric_limits<double>::infinity();
    }
    return 0.0;
  }
  // A direction of ascent, for want of a subgradient.
  Vector gradient(const Vector& f) const override { return weights_.cwiseProduct(f - y_); }
  Vector curvature(const Vector&) const override { return weights_; }
  double max_curvature() const override { return 1.0; }
  bool smooth() const override { return false; }
  double dual_value(const Vector& v) const override { return -v.dot(y_); }
  double best_scale(const Vector& v, double limit) const override {
    return v.dot(y_) < 0.0 ? limit : 0.0;
  }
  Vector missing(const Vector& f) const override { return y_ - f; }
  // So wide that the first network has no or few neurons.
  double first_width(double beta) const override {
    const double width = weights_.dot(y_.cwiseAbs()) / beta;
    return width > 0.0 ? width : 1.0;
  }
  std::unique_ptr<Loss> smoothed(const Vector& v, double width) const override {
    return std::make_unique<AugmentedLagrangian>(*this, y_, v.cwiseQuotient(weights_), width);
  }
};

}  // namespace

std::unique_ptr<Loss> make_interpolation(const Matrix& y, const Vector& weights) {
  return std::make_unique<Interpolation>(y, weights);
}

}  // namespace cvxnn
