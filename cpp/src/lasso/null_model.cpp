#include "lasso/null_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "losses/intercept.hpp"

namespace cvxnn::lasso {

Null null_model(const Problem& problem) {
  const Loss& loss = *problem.loss;
  Null null;
  null.f = problem.offset.size() > 0 ? Vector(problem.offset.reshaped())
                                     : Vector(Vector::Zero(loss.size()));
  null.b = Vector::Zero(loss.n_targets());
  if (problem.fit_intercept) null.b = fit_intercept(loss, null.f);
  null.v = loss.gradient(null.f);
  null.objective = loss.value(null.f);
  const double rounding = 64.0 * std::numeric_limits<double>::epsilon() *
                          (std::abs(null.objective) + std::abs(loss.infimum()));
  null.scale = null.objective - loss.infimum();
  null.is_perfect = null.scale <= rounding;
  return null;
}

double smallest_zero_alpha(const Problem& problem, const Correlations& correlations) {
  const Penalty penalty = penalty_of(problem);
  double largest = 0.0;
  for (Index g = 0; g < problem.group_weights.size(); ++g) {
    const Index begin = correlations.starts[g];
    const auto Z = correlations.Z.middleRows(begin, correlations.starts[g + 1] - begin);
    const double support = penalty.support(Z);
    if (support > 0.0) largest = std::max(largest, support / problem.group_weights(g));
  }
  return largest;
}

double alpha_max(const Problem& problem, const Execution& execution) {
  const Null null = null_model(problem);
  Correlations correlations;
  correlations.starts = problem.design->groups().starts;
  correlations.Z = -problem.design->correlate_all(as_matrix(null.v, problem.loss->n_samples()),
                                                  Precision::float64, execution);
  return null.is_perfect ? 0.0 : smallest_zero_alpha(problem, correlations);
}

}  // namespace cvxnn::lasso
