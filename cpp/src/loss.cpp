#include "cvxnn/loss.hpp"

#include <stdexcept>

#include "losses/losses.hpp"

namespace cvxnn {

std::unique_ptr<Loss> Loss::smoothed(const Vector&, double) const {
  throw std::logic_error("the loss is smooth");
}

double Loss::first_width(double) const {
  const double width = 0.1 * value(Vector::Zero(size())) / weights_.sum();
  return width > 0.0 ? width : 0.1;
}

Vector Loss::majorant(const Vector&) const { return max_curvature() * weights_; }

// The dual value is concave in s: thirds of an interval that shrinks around the maximum.
double Loss::best_scale(const Vector& v, double limit) const {
  double low = 0.0;
  double high = limit;
  for (int i = 0; i < 80; ++i) {
    const double left = low + (high - low) / 3.0;
    const double right = high - (high - low) / 3.0;
    const bool rising = dual_value(left * v) < dual_value(right * v);
    (rising ? low : high) = rising ? left : right;
  }
  return dual_value(limit * v) >= dual_value(low * v) ? limit : low;
}

std::unique_ptr<Loss> make_loss(const std::string& name, const Matrix& y, const Vector& weights,
                                double delta) {
  if (name == "squared") return std::make_unique<SquaredLoss>(y, weights);
  if (name == "logistic") return std::make_unique<LogisticLoss>(y, weights);
  if (name == "multinomial") return make_multinomial(y, weights);
  if (name == "poisson") return make_poisson(y, weights);
  if (name == "huber") return make_huber(y, weights, delta);
  if (name == "squared_hinge") return make_squared_hinge(y, weights);
  if (name == "absolute") return make_absolute(y, weights);
  if (name == "hinge") return make_hinge(y, weights);
  if (name == "interpolation") return make_interpolation(y, weights);
  throw std::invalid_argument(
      "loss must be 'squared', 'logistic', 'multinomial', 'poisson', 'huber', 'absolute', "
      "'hinge', 'squared_hinge' or 'interpolation', got '" +
      name + "'");
}

}  // namespace cvxnn
