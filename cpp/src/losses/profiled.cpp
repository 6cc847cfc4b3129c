#include <cmath>
#include <limits>
#include <utility>

#include "lasso/intercept.hpp"
#include "losses/losses.hpp"

namespace cvxnn {
namespace {

constexpr double kBalanced = 1e-10;  // of a sum of gradients, rounding

class ProfiledLoss final : public Loss {
 public:
  explicit ProfiledLoss(std::unique_ptr<Loss> loss)
      : Loss(Matrix::Zero(loss->size(), 1), loss->weights()), loss_(std::move(loss)) {}

  double value(const Vector& f) const override { return loss_->value(at_best(f)); }
  Vector gradient(const Vector& f) const override { return loss_->gradient(at_best(f)); }
  Vector curvature(const Vector& f) const override { return loss_->curvature(at_best(f)); }
  std::function<Vector(const Vector&)> hessian(const Vector& f) const override {
    const Vector h = curvature(f);
    const double total = h.sum();
    return [h, total](const Vector& direction) -> Vector {
      const double mean = total > 0.0 ? h.dot(direction) / total : 0.0;
      return (h.array() * (direction.array() - mean)).matrix();
    };
  }
  Vector majorant(const Vector& f) const override { return loss_->majorant(at_best(f)); }
  bool separable() const override { return false; }
  bool smooth() const override { return loss_->smooth(); }
  std::unique_ptr<Loss> smoothed(const Vector& v, double width) const override {
    return cvxnn::profiled(loss_->smoothed(v, width));
  }
  bool profiled() const override { return true; }
  bool quadratic() const override { return loss_->quadratic(); }
  double max_curvature() const override { return loss_->max_curvature(); }
  double infimum() const override { return loss_->infimum(); }
  double dual_value(const Vector& v) const override {
    if (!(std::abs(v.sum()) <= kBalanced * v.lpNorm<1>())) {
      return -std::numeric_limits<double>::infinity();
    }
    return loss_->dual_value(v);
  }
  double best_scale(const Vector& v, double limit) const override {
    return loss_->best_scale(v, limit);
  }

 private:
  Vector at_best(Vector f) const {
    lasso::fit_intercept(*loss_, f);
    return f;
  }

  std::unique_ptr<Loss> loss_;
};

}  // namespace

std::unique_ptr<Loss> profiled(std::unique_ptr<Loss> loss) {
  return std::make_unique<ProfiledLoss>(std::move(loss));
}

void project_hessian(const Loss& loss, const Vector& root, Eigen::Ref<Matrix> scaled) {
  const double length = root.norm();
  if (!loss.profiled() || !(length > 0.0)) return;
  const Vector q = root / length;
  scaled -= q * (q.transpose() * scaled).eval();
}

}  // namespace cvxnn
