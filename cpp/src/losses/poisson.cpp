#include <limits>

#include "losses/losses.hpp"

namespace cvxnn {
namespace {

// l = exp(f) - y f, y >= 0. The conjugate t log t - t, t = v + y, has the domain t >= 0, without an
// upper end. Zero lies in it, so that shrinking a dual vector never leaves it.
class PoissonLoss final : public Loss {
 public:
  using Loss::Loss;

  double value(const Vector& f) const override {
    return (weights_.array() * (f.array().exp() - y_.array() * f.array())).sum();
  }
  Vector gradient(const Vector& f) const override {
    return weights_.array() * (f.array().exp() - y_.array());
  }
  Vector curvature(const Vector& f) const override { return weights_.array() * f.array().exp(); }
  Vector majorant(const Vector& f) const override { return curvature(f); }
  double max_curvature() const override { return std::numeric_limits<double>::infinity(); }

  double infimum() const override {
    double sum = 0.0;
    for (Index k = 0; k < y_.size(); ++k) sum += weights_(k) * (y_(k) - entropy_term(y_(k)));
    return sum;
  }
  double dual_value(const Vector& v) const override {
    double sum = 0.0;
    for (Index k = 0; k < v.size(); ++k) {
      double t = v(k) / weights_(k) + y_(k);
      if (t < 0.0 && t > -1e-15 * y_(k)) t = 0.0;  // rounding of exp(f) - y where exp(f) is tiny
      if (t < 0.0) return -std::numeric_limits<double>::infinity();
      sum += weights_(k) * (t - entropy_term(t));
    }
    return sum;
  }
};

}  // namespace

std::unique_ptr<Loss> make_poisson(const Matrix& y, const Vector& weights) {
  return std::make_unique<PoissonLoss>(y, weights);
}

}  // namespace cvxnn
