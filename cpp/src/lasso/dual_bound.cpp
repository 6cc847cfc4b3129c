#include <algorithm>
#include <cmath>

#include "lasso/subproblem.hpp"

namespace cvxnn::lasso {
namespace {

struct Supports {
  const Penalty& penalty;
  const Vector& strengths;
  const Correlations& correlations;
  std::vector<double> at_one;  // support of Z, slack included

  auto block(Index i) const {
    const Index begin = correlations.starts[i];
    return correlations.Z.middleRows(begin, correlations.starts[i + 1] - begin);
  }

  Supports(const Penalty& p, const Vector& s, const Correlations& c)
      : penalty(p), strengths(s), correlations(c), at_one(s.size()) {
    for (Index i = 0; i < s.size(); ++i) at_one[i] = p.support(block(i)) + c.slack(i);
  }

  // Support of s Z, or more.
  double at(Index i, double s) const {
    if (penalty.l1 == 0.0) return s * at_one[i];
    return penalty.support(s * block(i)) + s * correlations.slack(i);
  }
  // The largest s <= limit at which no group exceeds its strength.
  double largest_scale(double limit) const {
    for (Index i = 0; i < strengths.size(); ++i) {
      if (at(i, limit) <= strengths(i)) continue;
      if (penalty.l1 == 0.0) {
        limit = std::min(limit, strengths(i) / at_one[i]);
        continue;
      }
      double low = 0.0;
      double high = limit;
      for (int k = 0; k < 60; ++k) {
        const double middle = 0.5 * (low + high);
        (at(i, middle) <= strengths(i) ? low : high) = middle;
      }
      limit = low;
    }
    return limit;
  }
  // Conjugate of the penalty at s Z if there is a ridge part.
  double conjugate(double s) const {
    double sum = 0.0;
    for (Index i = 0; i < strengths.size(); ++i) {
      const double excess = at(i, s) - strengths(i);
      if (excess > 0.0) sum += excess * excess;
    }
    return 0.5 * sum / penalty.l2;
  }
};

// The largest of a concave function on [0, 1].
template <class Function>
double maximise(const Function& function) {
  double low = 0.0;
  double high = 1.0;
  for (int i = 0; i < 40; ++i) {
    const double left = low + (high - low) / 3.0;
    const double right = high - (high - low) / 3.0;
    const bool rising = function(left) < function(right);
    (rising ? low : high) = rising ? left : right;
  }
  return 0.5 * (low + high);
}

}  // namespace

DualLine dual_line(const Problem& problem, const Vector& v) {
  const double shift = problem.offset.size() > 0 ? problem.offset.reshaped().dot(v) : 0.0;
  const Loss& loss = *problem.loss;
  DualLine line;
  line.value = [&loss, v, shift](double s) { return loss.dual_value(s * v) + s * shift; };
  line.stretch = loss.quadratic() && problem.offset.size() == 0;
  line.best = [&loss, v, stretch = line.stretch](double limit) {
    return stretch ? loss.best_scale(v, limit) : limit;
  };
  return line;
}

DualBound dual_bound(const DualLine& line, const Penalty& penalty, const Vector& strengths,
                     const Correlations& correlations) {
  const Supports supports(penalty, strengths, correlations);
  const auto value = [&](double s) {
    return penalty.l2 > 0.0 ? line.value(s) - supports.conjugate(s) : line.value(s);
  };
  const double scale = line.best(supports.largest_scale(line.stretch ? 2.0 : 1.0));
  DualBound bound{value(scale), scale};
  if (penalty.l2 == 0.0) return bound;
  for (const double s : {1.0, maximise(value)}) {
    const double here = value(s);
    if (here > bound.value) bound = {here, s};
  }
  return bound;
}

}  // namespace cvxnn::lasso
