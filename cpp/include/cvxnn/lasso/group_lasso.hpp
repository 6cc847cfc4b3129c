// The group lasso to a certified duality gap: any design, loss and strength of the penalty.
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include "cvxnn/lasso/design.hpp"
#include "cvxnn/loss.hpp"
#include "cvxnn/status.hpp"

namespace cvxnn::lasso {

// minimise  L(f) + alpha sum_g weight_g ||W_g|| + l1 ||W||_1 + l2/2 ||W||^2,
// f = offset + X W + 1 b', with K columns, ||.|| the Frobenius norm, W >= 0 if `positive`.
struct Problem {
  const Design* design = nullptr;
  const Loss* loss = nullptr;
  Vector group_weights;
  Matrix offset;  // n x K, or empty
  double l1 = 0.0;
  double l2 = 0.0;
  bool positive = false;
  bool fit_intercept = true;
};

struct Progress {
  Index alpha_number = 0;  // which of the strengths
  int n_iter = 0;
  double seconds = 0.0;
  double objective = 0.0;
  double relative_gap = 0.0;
};

struct Options {
  double tol = 1e-6;  // relative gap to reach
  int max_iter = 1000;
  double max_seconds = std::numeric_limits<double>::infinity();  // for all strengths together
  std::function<bool(const Progress&)> on_progress;  // true: end here, with the points so far
};

struct Solution {
  std::vector<Index> columns;  // of the non-zero groups, as numbered in the data, ascending
  Matrix values;               // their rows of W
  Vector intercept;
  double objective = 0.0;
  double null_objective = 0.0;  // at W = 0 with the best intercept
  double dual_gap = 0.0;
  double relative_gap = 0.0;  // dual_gap / (null_objective - infimum of the loss)
  Matrix dual;                // the feasible point of the dual that proves it
  int n_iter = 0;             // rounds of: look at all groups, improve a working set
  Status status = Status::iteration_limit;
};

struct Start {
  std::vector<Index> columns;
  Matrix values;
  Vector intercept;
};

// One solution for each strength, each started from the one before.
std::vector<Solution> solve_group_lasso(const Problem& problem, const std::vector<double>& alphas,
                                        const Options& options, const Start* start,
                                        const Execution& execution);

// The smallest strength at which W = 0 is optimal.
double alpha_max(const Problem& problem, const Execution& execution);

}  // namespace cvxnn::lasso
