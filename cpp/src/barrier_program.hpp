// Programs of blocks in cones to a certified gap by the barrier method, and their pricing, whatever
// the blocks are.
#pragma once

#include "barrier_method.hpp"
#include "cvxnn/cone_program.hpp"

namespace cvxnn {

// Blocks that can be priced one by one.
class PricedBlocks : public ConeBlocks {
 public:
  // Rows of unit or zero length, of which the cone is {u : rows u >= 0}.
  virtual Matrix cone(Index b) const = 0;
  // The most that the gradient of a block at v is off by.
  virtual double gradient_error(const Vector& v) const = 0;
};

// Upper bounds on max -v . (A u) over N(u) <= 1 in each cone, rounding included; below beta they
// are not resolved.
std::vector<double> supports_of(const PricedBlocks& blocks, const Vector& v,
                                const Execution& execution);

// A unit vector in the interior of {u : cone u >= 0}, far from its walls; zero where rounding
// leaves nothing.
Vector interior_of(const Matrix& cone);

// For losses without kinks; `tight` of the blocks stays empty.
Solution solve_by_barrier(const PricedBlocks& blocks, const Loss& loss,
                          const SolverOptions& options, const Execution& execution);

}  // namespace cvxnn
