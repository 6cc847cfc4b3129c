// Pricing: how much each block of the convex program could still gain, and the bound that follows.
#pragma once

#include <vector>

#include "cvxnn/loss.hpp"
#include "cvxnn/program.hpp"

namespace cvxnn {

struct Violation {
  double support = 0.0;  // max of -s_b v . (A_b X u) over the block's unit ball
  Index block = 0;
};

struct Pricing {
  double max_support = 0.0;           // upper bound over all blocks, rounding included
  std::vector<Violation> violations;  // blocks above beta, the largest first
};

// Evaluates every block at the dual vector v. Supports below beta are not resolved: the result then
// says max_support = beta, which is all a bound needs.
Pricing price_blocks(const Program& program, const Vector& v, const Execution& execution);

struct DualBound {
  double value = 0.0;  // no point of the program is below
  double scale = 0.0;  // scale * v is the feasible dual point that proves it
};

// max over s of -L*(s v) subject to s * max_support <= beta.
DualBound dual_bound(const Loss& loss, const Vector& v, double max_support, double beta);

}  // namespace cvxnn
