// Limited-memory BFGS (Liu and Nocedal 1989) with the line search of Lewis and Overton for
// functions with kinks (Nonsmooth optimization via quasi-Newton methods, 2013).
#pragma once

#include <cmath>
#include <deque>
#include <limits>

#include "cvxnn/types.hpp"

namespace cvxnn {

struct DescentPoint {
  Vector x;
  double value = 0.0;
  Vector gradient;
};

struct Correction {
  Vector step;
  Vector change;  // of the gradient
  double inverse_curvature;
};

// Minus the inverse Hessian, as the corrections tell it, times the gradient.
inline Vector quasi_newton_direction(const std::deque<Correction>& memory, const Vector& gradient) {
  Vector direction = -gradient;
  Vector share(static_cast<Index>(memory.size()));
  for (Index i = share.size() - 1; i >= 0; --i) {
    share(i) = memory[i].inverse_curvature * memory[i].step.dot(direction);
    direction -= share(i) * memory[i].change;
  }
  if (!memory.empty()) {
    const Correction& last = memory.back();
    direction /= last.inverse_curvature * last.change.squaredNorm();
  }
  for (Index i = 0; i < share.size(); ++i) {
    const double back = memory[i].inverse_curvature * memory[i].change.dot(direction);
    direction += (share(i) - back) * memory[i].step;
  }
  return direction;
}

// `evaluate(x)` returns the DescentPoint at x. Ends after `max_steps`, where no step goes down any
// more, where `patience` steps gained less than `tol` of the value in all, or where `stop()` says.
template <class Evaluate, class Stop>
DescentPoint minimise(DescentPoint point, int max_steps, double tol, const Evaluate& evaluate,
                      const Stop& stop) {
  constexpr std::size_t kMemory = 20;
  constexpr int kTrials = 30;
  constexpr int kPatience = 20;
  constexpr double kDecrease = 1e-4;
  constexpr double kSlope = 0.9;
  std::deque<Correction> memory;
  double checked = point.value;
  for (int step = 1; step <= max_steps && !stop(); ++step) {
    Vector direction = quasi_newton_direction(memory, point.gradient);
    double slope = point.gradient.dot(direction);
    if (!(slope < 0.0)) {
      memory.clear();
      direction = -point.gradient;
      slope = -point.gradient.squaredNorm();
    }
    double length = memory.empty() ? std::min(1.0, 1.0 / direction.norm()) : 1.0;
    double low = 0.0;
    double high = std::numeric_limits<double>::infinity();
    DescentPoint next;
    bool lower = false;
    for (int trial = 0; trial < kTrials; ++trial) {
      next = evaluate(point.x + length * direction);
      lower = next.value <= point.value + kDecrease * length * slope;
      if (!lower) {
        high = length;
      } else if (next.gradient.dot(direction) < kSlope * slope) {
        low = length;
      } else {
        break;
      }
      length = high < std::numeric_limits<double>::infinity() ? 0.5 * (low + high) : 2.0 * low;
    }
    if (!lower) break;
    Correction correction{next.x - point.x, next.gradient - point.gradient, 0.0};
    const double curvature = correction.step.dot(correction.change);
    if (curvature > 0.0) {
      correction.inverse_curvature = 1.0 / curvature;
      memory.push_back(std::move(correction));
      if (memory.size() > kMemory) memory.pop_front();
    }
    point = std::move(next);
    if (step % kPatience != 0) continue;
    if (checked - point.value <= tol * std::abs(point.value)) break;
    checked = point.value;
  }
  return point;
}

}  // namespace cvxnn
