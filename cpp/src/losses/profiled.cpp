#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>
#include <utility>

#include "losses/intercept.hpp"
#include "losses/losses.hpp"

namespace cvxnn {
namespace {

constexpr double kBalanced = 1e-10;  // of a sum of gradients, rounding
constexpr double kSingular = 1e-12;  // of a curvature against the largest

class ProfiledLoss final : public Loss {
 public:
  explicit ProfiledLoss(std::unique_ptr<Loss> loss)
      : Loss(*loss, Vector::Zero(loss->size())), loss_(std::move(loss)) {}

  double value(const Vector& f) const override { return loss_->value(at_best(f)); }
  Vector gradient(const Vector& f) const override { return loss_->gradient(at_best(f)); }
  Vector curvature(const Vector& f) const override { return loss_->curvature(at_best(f)); }
  // H - H E (E' H E)^+ E' H, where E adds constants to targets.
  Hessian hessian(const Vector& f) const override {
    Hessian H = loss_->hessian(at_best(f));
    Matrix constants = Matrix::Zero(size(), n_targets());
    Matrix products(size(), n_targets());
    for (Index t = 0; t < n_targets(); ++t) {
      constants.col(t).segment(t * n_samples(), n_samples()).setOnes();
      products.col(t) = H.apply(constants.col(t));
    }
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(constants.transpose() * products);
    const double least = kSingular * eigen.eigenvalues().maxCoeff();
    const Vector roots = eigen.eigenvalues().unaryExpr(
        [&](double value) { return value > least ? 1.0 / std::sqrt(value) : 0.0; });
    H.between_samples = products * eigen.eigenvectors() * roots.asDiagonal();
    return H;
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
    const auto targets = v.reshaped(n_samples(), n_targets());
    if (!(targets.colwise().sum().lpNorm<1>() <= kBalanced * v.lpNorm<1>())) {
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
