#include <limits>

#include "losses/losses.hpp"

namespace cvxnn {
namespace {

// l = r^2 / 2 for |r| <= delta, delta |r| - delta^2 / 2 beyond, r = f - y.
class HuberLoss final : public Loss {
 public:
  HuberLoss(const Matrix& y, const Vector& weights, double delta)
      : Loss(y, weights), delta_(delta) {}

  double value(const Vector& f) const override {
    const auto r = (f - y_).array().abs();
    const auto inner = r.min(delta_);
    return (weights_.array() * inner * (r - 0.5 * inner)).sum();
  }
  Vector gradient(const Vector& f) const override {
    return weights_.array() * (f - y_).array().max(-delta_).min(delta_);
  }
  Vector curvature(const Vector& f) const override {
    return weights_.array() * ((f - y_).array().abs() <= delta_).cast<double>();
  }
  // The parabola that touches the loss at r and at -r.
  Vector majorant(const Vector& f) const override {
    return weights_.array() * delta_ / (f - y_).array().abs().max(delta_);
  }
  double max_curvature() const override { return 1.0; }

  double dual_value(const Vector& v) const override {
    constexpr double kRounding = 1.0 + 1e-14;  // of a gradient divided by its weight
    const auto t = v.array() / weights_.array();
    if ((t.abs() > delta_ * kRounding).any()) return -std::numeric_limits<double>::infinity();
    return -0.5 * (weights_.array() * t.square()).sum() - v.dot(y_);
  }

 private:
  double delta_;
};

}  // namespace

std::unique_ptr<Loss> make_huber(const Matrix& y, const Vector& weights, double delta) {
  return std::make_unique<HuberLoss>(y, weights, delta);
}

}  // namespace cvxnn
