#include "lasso/penalty.hpp"

#include <algorithm>
#include <cmath>

namespace cvxnn::lasso {

double Penalty::value(const ConstMatrixRef& U, double strength) const {
  double sum = strength * U.norm();
  if (l1 > 0.0) sum += l1 * U.lpNorm<1>();
  if (l2 > 0.0) sum += 0.5 * l2 * U.squaredNorm();
  return sum;
}

Matrix Penalty::shrink_entries(const ConstMatrixRef& Z) const {
  if (radial()) return Z;
  if (positive) return (Z.array() - l1).max(0.0);
  return Z.array().sign() * (Z.array().abs() - l1).max(0.0);
}

double Penalty::support(const ConstMatrixRef& Z) const {
  return radial() ? Z.norm() : shrink_entries(Z).norm();
}

double Penalty::largest_scale(const ConstMatrixRef& Z, double strength, double limit) const {
  if (support(limit * Z) <= strength) return limit;
  if (l1 == 0.0) return std::min(limit, strength / support(Z));
  double low = 0.0;
  double high = limit;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (support(middle * Z) <= strength ? low : high) = middle;
  }
  return low;
}

namespace {

// The t = ||U|| for which U = (a + strength / t)^-1 c, that is sum_j c_j^2 / (a_j t + strength)^2
// = 1. Newton's method on 1 / sqrt(sum) - 1, which is concave and increasing in t, so that from the
// left it passes the root at most once.
double secular_root(const Vector& squares, const Vector& a, double strength) {
  double t = 0.0;
  for (int i = 0; i < 60; ++i) {
    double sum = 0.0;
    double slope = 0.0;
    for (Index j = 0; j < a.size(); ++j) {
      const double denominator = a(j) * t + strength;
      const double term = squares(j) / (denominator * denominator);
      sum += term;
      slope += term * a(j) / denominator;
    }
    if (!(slope > 0.0)) break;
    const double step = (std::sqrt(sum) - 1.0) * sum / slope;
    t = std::max(0.0, t + step);
    if (std::abs(step) <= 4e-16 * t) break;
  }
  return t;
}

Matrix minimise_radial(const Penalty& penalty, double strength, const Spectrum& spectrum,
                       double curvature, const ConstMatrixRef& U0, const ConstMatrixRef& gradient) {
  const Vector& values = spectrum.values;
  const double largest = curvature * values(values.size() - 1);
  const Vector a = (curvature * values).cwiseMax(1e-15 * largest).array() + penalty.l2;
  Matrix c = spectrum.vectors.transpose() * U0;
  c.array().colwise() *= curvature * values.array();
  c.noalias() -= spectrum.vectors.transpose() * gradient;
  const double length = c.norm();
  if (!(length > strength) || !(a(0) > 0.0)) return Matrix::Zero(U0.rows(), U0.cols());
  if (strength > 0.0) {
    const double t = secular_root(c.rowwise().squaredNorm(), a, strength);
    c.array().colwise() *= t / (a.array() * t + strength);
  } else {
    c.array().colwise() /= a.array();
  }
  return spectrum.vectors * c;
}

}  // namespace

Matrix minimise_block(const Penalty& penalty, double strength, const Spectrum& spectrum,
                      double curvature, const ConstMatrixRef& U0, const ConstMatrixRef& gradient) {
  if (penalty.radial()) {
    return minimise_radial(penalty, strength, spectrum, curvature, U0, gradient);
  }
  constexpr int kSteps = 20;
  const double steepest = curvature * spectrum.values(spectrum.values.size() - 1) + penalty.l2;
  if (!(steepest > 0.0)) return Matrix::Zero(U0.rows(), U0.cols());
  const Penalty scaled{penalty.l1 / steepest, 0.0, penalty.positive};
  Matrix U = U0;
  for (int i = 0; i < kSteps; ++i) {
    Matrix moved = spectrum.vectors.transpose() * (U - U0);
    moved.array().colwise() *= curvature * spectrum.values.array();
    const Matrix slope = gradient + spectrum.vectors * moved + penalty.l2 * U;
    const Matrix shrunk = scaled.shrink_entries(U - slope / steepest);
    const double length = shrunk.norm();
    const double keep = length > strength / steepest ? 1.0 - strength / steepest / length : 0.0;
    const Matrix next = keep * shrunk;
    const bool settled = (next - U).norm() <= 1e-3 * (next - U0).norm();
    U = next;
    if (settled) break;
  }
  return U;
}

}  // namespace cvxnn::lasso
