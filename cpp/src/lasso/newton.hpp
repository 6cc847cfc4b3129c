// The Newton direction of the group lasso on its non-zero groups.
#pragma once

#include <optional>
#include <vector>

#include "lasso/subproblem.hpp"

namespace cvxnn::lasso {

// The non-zero groups with the derivatives of the objective there.
struct Support {
  std::vector<Index> members;
  std::vector<Index> starts{0};
  Matrix U;         // stacked
  Matrix free;      // 1 where an entry may move, 0 at the kinks of the penalty
  Matrix gradient;  // of the objective
  Vector intercept_gradient;
  std::vector<double> bend;  // strength / ||U_g||
  Index n_columns() const { return starts.back(); }
};

struct Direction {
  Matrix D;   // of the support's coefficients
  Vector db;  // of the intercept
};

struct NewtonDirection {
  Support support;
  Direction direction;
  double slope = 0.0;  // of the objective along it
};

// None if there is no direction of descent. `accuracy` is that of the linear system.
std::optional<NewtonDirection> newton_direction(Subproblem& sub, double accuracy,
                                                const Execution& execution);

}  // namespace cvxnn::lasso
