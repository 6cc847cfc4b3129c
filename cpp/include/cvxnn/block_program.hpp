// A convex program of blocks in cones that are given as matrices: for models whose blocks are no
// masks of one design, with few blocks at a time.
#pragma once

#include <vector>

#include "cvxnn/cone_program.hpp"
#include "cvxnn/part_norm.hpp"

namespace cvxnn {

// u adds `outputs` u to the predictions, all targets one below the other, where `cone` u >= 0.
struct ListedBlock {
  Matrix outputs;  // (n_samples n_targets, width)
  Matrix cone;     // rows of any length, also zero; as many for each block
};

// Minimise L(sum_b A_b u_b) + beta sum_b N(u_b) over the cones.
struct BlockProgram {
  std::vector<ListedBlock> blocks;
  PartNorm norm;
  double beta = 1.0;
  Index n_targets = 1;
};

// Upper bounds on max -v . (A u) over the cone and N(u) <= 1, one for each block, rounding
// included. Below beta they are not resolved.
std::vector<double> price_blocks(const BlockProgram& program, const Vector& v,
                                 const Execution& execution);

// Row b is a unit vector u in the interior of the cone of block b, far from its walls; of zeros
// where rounding leaves nothing.
Matrix block_interiors(const BlockProgram& program, const Execution& execution);

// Solves the program by an interior-point method. Row b of `interiors` is a point strictly inside
// the cone of block b. For losses without kinks.
Solution solve_block_program(const BlockProgram& program, const Loss& loss, const Matrix& interiors,
                             const SolverOptions& options, const Execution& execution);

}  // namespace cvxnn
