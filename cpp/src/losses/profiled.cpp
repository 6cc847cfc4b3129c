#include <cmath>
#include <limits>
#include <utility>

#include "losses/intercept.hpp"
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
  Hessian hessian(const Vector& f) const override {
    const Vector h = curvature(f);
    const double total = h.sum();
    return {h, total > 0.0 ? Vector(h / std::sqrt(total)) : Vector(), {}, 1};
  }
  Vector majorant(const Vector& f) const override { return loss_->majorant(at_best(f)); }
  bool separable() const override { return false; }
  bool smooth() const override { return loss_->smooth(); }
  std::unique_ptr<Loss> smoothed(const Vector& v, double width) const override {
    return cvxnn::profiled(loss_->smoothed(v, width));
  }
  Vector missing(const Vector& f) const override { return loss_->missing(at_best(f)); }
  double first_width(double beta) const override { return loss_->first_width(beta); }
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
    fit_intercept(*loss_, f);
    return f;
  }

  std::unique_ptr<Loss> loss_;
};

}  // namespace

std::unique_ptr<Loss> profiled(std::unique_ptr<Loss> loss) {
  return std::make_unique<ProfiledLoss>(std::move(loss));
}

}  // namespace cvxnn
