// The group lasso over the members of an active set, and steps that solve it.
#pragma once

#include <chrono>
#include <functional>
#include <limits>
#include <vector>

#include "lasso/active_set.hpp"

namespace cvxnn::lasso {

struct Deadline {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  double max_seconds = std::numeric_limits<double>::infinity();

  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start).count(); }
  bool passed() const { return elapsed() > max_seconds; }
};

struct Subproblem {
  const Problem& problem;
  Penalty penalty;
  Vector strengths;  // alpha weight_g of every group
  ActiveSet& set;
  Vector f;                    // offset + centred columns times W + intercept, target by target
  Vector b;                    // the intercept that goes with centred columns
  double damping = 0.0;        // of Newton steps, in units of the curvature of the loss
  bool prefer_direct = false;  // conjugate gradients took longer than a factorisation would

  Index n() const { return problem.loss->n_samples(); }
  Index K() const { return problem.loss->n_targets(); }
  double strength(Index member) const { return strengths(set.group(member)); }
  Eigen::Map<Matrix> F() { return {f.data(), n(), K()}; }
};

struct Point {
  Matrix W;
  Vector f;
  Vector b;
};

inline Point point_of(const Subproblem& sub) { return {sub.set.W, sub.f, sub.b}; }
void move_to(Subproblem& sub, const Point& point);

inline Eigen::Map<const Matrix> as_matrix(const Vector& v, Index n) {
  return {v.data(), n, v.size() / n};
}

double penalty_value(const Subproblem& sub);
double objective(const Subproblem& sub);
std::vector<Index> support_of(const ActiveSet& set);
// The loss predictions anew from W and b, the intercept at its best.
void refresh_predictions(Subproblem& sub);

// Correlations -X_g' v of some groups, stacked; the true ones lie within slack(i) of these.
struct Correlations {
  std::vector<Index> starts;
  Matrix Z;
  Vector slack;
};

struct DualBound {
  double value = 0.0;  // no W has a smaller objective
  double scale = 0.0;  // scale v is the point of the dual that proves it
};

// The smooth part of the dual objective, -L*(s v) + s offset . v, as a function of the scale.
struct DualLine {
  std::function<double(double)> value;
  // The best scale up to a limit. Beyond 1 only if `stretch`.
  std::function<double(double)> best;
  bool stretch = false;
};
DualLine dual_line(const Problem& problem, const Vector& v);

// The dual objective at a multiple of v that is feasible for the groups given.
DualBound dual_bound(const DualLine& line, const Penalty& penalty, const Vector& strengths,
                     const Correlations& correlations);

// Passes over `members`, each block moved to the minimiser of its quadratic model.
void block_descent(Subproblem& sub, const std::vector<Index>& members, int n_passes);

enum class NewtonOutcome { moved, shrank, stuck };  // shrank: some groups became zero

struct NewtonStep {
  NewtonOutcome outcome = NewtonOutcome::stuck;
  double predicted = 0.0;  // decrease of the objective that the quadratic model promises
};

// A Newton step on the non-zero groups with a line search. `accuracy` is that of the linear system.
NewtonStep newton_step(Subproblem& sub, double accuracy, const Execution& execution);

// Solves the Newton system B'B d + P d = -g by a factorisation, P the Hessian of the penalty, B the
// columns of the support scaled by the roots of the curvatures (made by the caller).
struct GroupCurvature {
  Index start, width;
  double tangential;  // of the penalty, perpendicular to `direction`
  double radial;      // along it
  Vector direction;   // unit
};
Vector solve_in_feature_space(const Matrix& normal, const std::vector<GroupCurvature>& groups,
                              const Vector& gradient);
Vector solve_in_sample_space(const Matrix& B, const std::vector<GroupCurvature>& groups,
                             const Vector& gradient);

// For a quadratic loss, one target and a radial penalty: the same with the Gram matrix alone.
void improve_by_gram(Subproblem& sub, double gap, const Deadline& deadline,
                     const Execution& execution);

// Brings the subproblem to within `gap` of its optimum, or as near as it gets before the deadline.
void improve(Subproblem& sub, double gap, const Deadline& deadline, const Execution& execution);

}  // namespace cvxnn::lasso
