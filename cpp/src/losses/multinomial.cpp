#include <limits>

#include "losses/losses.hpp"

namespace cvxnn {
namespace {

// l = log sum_k exp(f_k) - f . y, y one-hot over the classes.
class MultinomialLoss final : public Loss {
 public:
  using Loss::Loss;

  double value(const Vector& f) const override {
    const auto F = f.reshaped(n_samples(), n_targets_);
    const Vector largest = F.rowwise().maxCoeff();
    // sum of exp(f_k - largest) less the 1 of the largest, without cancellation
    Vector others = Vector::Constant(n_samples(), -1.0);
    for (Index k = 0; k < n_targets_; ++k) {
      others.array() += (F.col(k).array() == largest.array()).cast<double>();
    }
    for (Index k = 0; k < n_targets_; ++k) {
      const auto below = (F.col(k) - largest).array();
      others.array() += (below == 0.0).select(0.0, below.exp());
    }
    const Vector fitted = F.cwiseProduct(targets()).rowwise().sum();
    return sample_weights().dot((others.array().log1p() + (largest - fitted).array()).matrix());
  }
  Vector gradient(const Vector& f) const override {
    // p - y, that of the right class from the others: near 1 the difference would be rounding
    const Vector wrong = probabilities(f).array() * (1.0 - y_.array());
    const Vector missing = wrong.reshaped(n_samples(), n_targets_).rowwise().sum();
    const Vector right = y_.cwiseProduct(missing.replicate(n_targets_, 1));
    return weights_.cwiseProduct(wrong - right);
  }
  Vector curvature(const Vector& f) const override {
    const auto p = probabilities(f);
    return weights_.array() * p.array() * (1.0 - p.array());
  }
  Hessian hessian(const Vector& f) const override {
    const Vector p = probabilities(f);
    return {curvature(f), {}, weights_.cwiseSqrt().cwiseProduct(p), n_targets_};
  }
  bool separable() const override { return false; }
  double max_curvature() const override { return 0.5; }  // of the whole K x K block

  // v = w (p - y) with p in the simplex; -L* is the weighted entropy of p.
  double dual_value(const Vector& v) const override {
    constexpr double kRounding = 1e-14;  // of p - y
    double sum = 0.0;
    for (Index k = 0; k < v.size(); ++k) {
      const double p = v(k) / weights_(k) + y_(k);
      if (p < -kRounding) return -std::numeric_limits<double>::infinity();
      sum -= weights_(k) * entropy_term(p);
    }
    const Matrix V = v.reshaped(n_samples(), n_targets_);
    const Vector excess = V.rowwise().sum().cwiseAbs();
    const double slack = kRounding * static_cast<double>(n_targets_);
    if ((excess.array() > slack * sample_weights().array()).any()) {
      return -std::numeric_limits<double>::infinity();
    }
    return sum;
  }

 private:
  Eigen::Map<const Matrix> targets() const { return {y_.data(), n_samples(), n_targets_}; }
  Eigen::Map<const Vector> sample_weights() const { return {weights_.data(), n_samples()}; }

  Vector probabilities(const Vector& f) const {
    const auto F = f.reshaped(n_samples(), n_targets_);
    const Vector largest = F.rowwise().maxCoeff();
    Matrix p = (F.colwise() - largest).array().exp();
    p.array().colwise() /= p.rowwise().sum().array().eval();
    return p.reshaped();
  }
};

}  // namespace

std::unique_ptr<Loss> make_multinomial(const Matrix& y, const Vector& weights) {
  return std::make_unique<MultinomialLoss>(y, weights);
}

}  // namespace cvxnn
