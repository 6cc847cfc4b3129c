// Pricing: how much each block of the convex program could still gain, and the bound that follows.
#pragma once

#include <vector>

#include "cvxnn/cone.hpp"
#include "cvxnn/loss.hpp"
#include "cvxnn/masked_operator.hpp"

namespace cvxnn {

// The convex program over given cells: minimise L(sum_b s_b A_b X u_b) + beta sum_b ||u_b||.
struct Program {
  MaskedOperator design;
  Matrix cone_rows;  // unit rows of X; the constraints of a cell are signs of these
  double beta = 1.0;
  // With cones (ReLU) a cell carries two blocks, for output sign +1 and -1, each u in the cell's
  // closure. Without (gated ReLU) it carries one free block.
  bool cones = true;

  Index n_blocks() const { return design.cells->size() * (cones ? 2 : 1); }
  Index cell_of(Index block) const { return cones ? block / 2 : block; }
  double sign_of(Index block) const { return cones && block % 2 == 1 ? -1.0 : 1.0; }
  Cone cone_of(Index block) const;
};

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
