// The cells that contain given points of parameter space.
#pragma once

#include <vector>

#include "cvxnn/arrangement.hpp"
#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

struct LocatedCells {
  Cells cells;                 // one pattern per point, repeated patterns kept
  std::vector<char> interior;  // 0 where the point lies on a hyperplane (zero rows do not count)
};

// Signs of X u for every row u of `points` (N x d), decided exactly: a rounded product that could
// have the wrong sign is computed again in integers.
LocatedCells locate_cells(const ConstMatrixRef& X, const ConstMatrixRef& points,
                          const Execution& execution);

// Draws distinct cells with equal probabilities; fewer than `n_cells` where nearly all of them have
// been drawn. In the order drawn; `seed` decides.
Cells uniform_cells(const Arrangement& arrangement, Index n_cells, std::uint64_t seed,
                    const Execution& execution);

}  // namespace cvxnn
