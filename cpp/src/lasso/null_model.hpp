// The best point without coefficients, and the strengths at which it is the solution.
#pragma once

#include "lasso/subproblem.hpp"

namespace cvxnn::lasso {

struct Null {
  Vector f;
  Vector b;
  Vector v;
  double objective = 0.0;
  double scale = 0.0;       // what the relative gap is relative to
  bool is_perfect = false;  // nothing, up to rounding, is left to explain
};

Null null_model(const Problem& problem);

inline Penalty penalty_of(const Problem& problem) {
  return {problem.l1, problem.l2, problem.positive};
}

// The smallest strength at which it is the solution, from the correlations there. Infinite if a
// group without a penalty has something to explain.
double smallest_zero_alpha(const Problem& problem, const Correlations& correlations);

}  // namespace cvxnn::lasso
