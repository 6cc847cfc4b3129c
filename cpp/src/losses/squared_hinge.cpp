#include <limits>

#include "losses/losses.hpp"

namespace cvxnn {
namespace {

// l = max(0, 1 - y f)^2 / 2, y in {-1, 1}.
class SquaredHingeLoss final : public Loss {
 public:
  using Loss::Loss;

  double value(const Vector& f) const override {
    return 0.5 * (weights_.array() * slack(f).square()).sum();
  }
  Vector gradient(const Vector& f) const override {
    return -weights_.array() * y_.array() * slack(f);
  }
  Vector curvature(const Vector& f) const override {
    return weights_.array() * (slack(f) > 0.0).cast<double>();
  }
  double max_curvature() const override { return 1.0; }

  // v = -w y t with t >= 0; -L* = w (t - t^2 / 2).
  double dual_value(const Vector& v) const override {
    const Eigen::ArrayXd t = -v.array() * y_.array() / weights_.array();
    if ((t < 0.0).any()) return -std::numeric_limits<double>::infinity();
    return (weights_.array() * t * (1.0 - 0.5 * t)).sum();
  }

 private:
  Eigen::ArrayXd slack(const Vector& f) const { return (1.0 - y_.array() * f.array()).max(0.0); }
};

}  // namespace

std::unique_ptr<Loss> make_squared_hinge(const Matrix& y, const Vector& weights) {
  return std::make_unique<SquaredHingeLoss>(y, weights);
}

}  // namespace cvxnn
