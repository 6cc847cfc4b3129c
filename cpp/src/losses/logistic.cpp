#include <algorithm>
#include <cmath>
#include <limits>

#include "cvxnn/loss.hpp"
#include "losses/losses.hpp"

namespace cvxnn {
namespace {

// log(1 + exp(-m)) without overflow.
double log1p_exp_neg(double margin) {
  return margin > 0.0 ? std::log1p(std::exp(-margin)) : -margin + std::log1p(std::exp(margin));
}

double sigmoid(double t) {
  if (t >= 0.0) return 1.0 / (1.0 + std::exp(-t));
  const double e = std::exp(t);
  return e / (1.0 + e);
}

}  // namespace

double LogisticLoss::value(const Vector& f) const {
  double sum = 0.0;
  for (Index k = 0; k < f.size(); ++k) sum += weights_(k) * log1p_exp_neg(y_(k) * f(k));
  return sum;
}

Vector LogisticLoss::gradient(const Vector& f) const {
  Vector v(f.size());
  for (Index k = 0; k < f.size(); ++k) v(k) = -weights_(k) * y_(k) * sigmoid(-y_(k) * f(k));
  return v;
}

Vector LogisticLoss::curvature(const Vector& f) const {
  Vector h(f.size());
  for (Index k = 0; k < f.size(); ++k) h(k) = weights_(k) * sigmoid(f(k)) * sigmoid(-f(k));
  return h;
}

// (sigmoid(f) - 1/2) / f: the parabola with this curvature touches the loss at f and at -f.
Vector LogisticLoss::majorant(const Vector& f) const {
  Vector h(f.size());
  for (Index k = 0; k < f.size(); ++k) {
    const double t = 0.5 * std::abs(f(k));
    h(k) = weights_(k) * 0.25 * (t > 1e-4 ? std::tanh(t) / t : 1.0);
  }
  return h;
}

// v_k = -w_k y_k p_k with p in [0, 1]; -L* is the weighted entropy of p.
double LogisticLoss::dual_value(const Vector& v) const {
  double sum = 0.0;
  for (Index k = 0; k < v.size(); ++k) {
    const double p = -v(k) * y_(k) / weights_(k);
    if (p < 0.0 || p > 1.0 + 1e-14) return -std::numeric_limits<double>::infinity();
    const double rest = p < 1.0 ? (1.0 - p) * std::log1p(-p) : 0.0;  // exact for tiny p
    sum -= weights_(k) * (entropy_term(p) + rest);
  }
  return sum;
}

double LogisticLoss::best_scale(const Vector& v, double limit) const {
  Vector p = -(v.array() * y_.array() / weights_.array()).matrix();
  const double largest = p.maxCoeff();
  if (!(largest > 0.0)) return 0.0;
  // the entropy is concave in s: bisect on the sign of its derivative
  const auto slope = [&](double s) {
    double sum = 0.0;
    for (Index k = 0; k < p.size(); ++k) {
      if (p(k) > 0.0) sum += weights_(k) * p(k) * (std::log1p(-s * p(k)) - std::log(s * p(k)));
    }
    return sum;
  };
  double high = std::min(limit, (1.0 - 1e-15) / largest);
  if (slope(high) >= 0.0) return high;
  double low = 0.0;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (slope(middle) >= 0.0 ? low : high) = middle;
  }
  return low;
}

}  // namespace cvxnn
