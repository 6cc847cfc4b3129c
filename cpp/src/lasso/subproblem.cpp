#include "lasso/subproblem.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "losses/intercept.hpp"

namespace cvxnn::lasso {

double penalty_value(const Subproblem& sub) {
  double sum = 0.0;
  for (Index i = 0; i < sub.set.count(); ++i) {
    sum += sub.penalty.value(sub.set.coefficients(i), sub.strength(i));
  }
  return sum;
}

double objective(const Subproblem& sub) {
  return sub.problem.loss->value(sub.f) + penalty_value(sub);
}

void move_to(Subproblem& sub, const Point& point) {
  sub.set.W = point.W;
  sub.f = point.f;
  sub.b = point.b;
}

std::vector<Index> support_of(const ActiveSet& set) {
  std::vector<Index> members;
  for (Index i = 0; i < set.count(); ++i) {
    if (!set.is_zero(i)) members.push_back(i);
  }
  return members;
}

void refresh_predictions(Subproblem& sub) {
  const std::vector<Index> members = support_of(sub.set);
  Matrix U(0, sub.K());
  for (const Index i : members) {
    U.conservativeResize(U.rows() + sub.set.width(i), Eigen::NoChange);
    U.bottomRows(sub.set.width(i)) = sub.set.coefficients(i);
  }
  Matrix F = sub.set.product(members, U);
  F.rowwise() += sub.b.transpose();
  sub.f = F.reshaped();
  if (sub.problem.offset.size() > 0) sub.f += sub.problem.offset.reshaped();
  if (sub.problem.fit_intercept) sub.b += fit_intercept(*sub.problem.loss, sub.f);
}

namespace {

struct Look {
  double gap = 0.0;
  std::vector<Index> movable;  // members that are not zero or would leave zero
};

Look look(const Subproblem& sub, double value) {
  const ActiveSet& set = sub.set;
  const Vector v = sub.problem.loss->gradient(sub.f);
  std::vector<Index> all(static_cast<std::size_t>(set.count()));
  std::iota(all.begin(), all.end(), Index{0});
  Correlations correlations;
  correlations.Z = -set.correlate(all, as_matrix(v, sub.n()));
  correlations.slack = Vector::Zero(set.count());
  Vector strengths(set.count());
  Look result;
  for (Index i = 0; i < set.count(); ++i) {
    correlations.starts.push_back(set.start(i));
    strengths(i) = sub.strength(i);
    const auto block = correlations.Z.middleRows(set.start(i), set.width(i));
    if (!set.is_zero(i) || sub.penalty.support(block) > strengths(i)) result.movable.push_back(i);
  }
  correlations.starts.push_back(set.n_columns());
  result.gap =
      value - dual_bound(dual_line(sub.problem, v), sub.penalty, strengths, correlations).value;
  return result;
}

}  // namespace

void improve(Subproblem& sub, double gap, const Deadline& deadline, const Execution& execution) {
  if (sub.set.has_gram() && sub.K() == 1 && sub.penalty.radial()) {
    return improve_by_gram(sub, gap, deadline, execution);
  }
  constexpr int kRounds = 500;
  constexpr int kNewtonSteps = 3;
  constexpr int kPatience = 8;
  // what a Newton step costs, in passes; products with all lazy groups at once are cheap
  const double worth_newton = sub.set.lazy() ? 3.0 : 15.0;
  const int n_passes = sub.set.lazy() && !sub.set.has_gram() ? 1 : 5;  // between looks at the gap
  Poller poller(execution);
  double best_gap = std::numeric_limits<double>::infinity();
  double best_value = best_gap;
  double last_gap = best_gap;
  int without_progress = 0;
  for (int round = 0; round < kRounds; ++round) {
    poller.check();
    const double value = objective(sub);
    const Look now = look(sub, value);
    if (now.gap <= gap) return;
    if (deadline.passed()) return;
    const bool progress = now.gap < 0.9 * best_gap || value < best_value - 0.1 * gap;
    without_progress = progress ? 0 : without_progress + 1;
    if (without_progress > kPatience) return;
    best_gap = std::min(best_gap, now.gap);
    best_value = std::min(best_value, value);
    block_descent(sub, now.movable, n_passes);
    // passes left at the rate of the last ones
    const double rate = round > 0 ? std::clamp(now.gap / last_gap, 0.01, 0.999) : 0.5;
    const double passes = n_passes * std::log(gap / now.gap) / std::log(rate);
    last_gap = now.gap;
    if (round == 0 || passes < worth_newton) continue;
    double accuracy = 0.03;
    for (int step = 0; step < kNewtonSteps; ++step) {
      const NewtonStep taken = newton_step(sub, accuracy, execution);
      if (taken.outcome != NewtonOutcome::moved || taken.predicted < 0.05 * gap) break;
      accuracy *= 0.1;
    }
  }
}

}  // namespace cvxnn::lasso
