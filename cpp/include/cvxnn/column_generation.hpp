// The convex program of a network over every cell of the data, none of them listed.
#pragma once

#include "cvxnn/cone_program.hpp"

namespace cvxnn {

struct GlobalSolution : Solution {
  Cells cells;  // those that the blocks belong to, see Program
};

// Rounds of: solve the program over a few cells to the accuracy of float64; bound what any cell
// could gain at its dual vector (branch_and_bound.hpp), which is the certificate; add the cells of
// the local maxima found on the way. For few columns: about six.
GlobalSolution solve_over_all_cells(const Matrix& X, const Loss& loss, double beta,
                                    const SolverOptions& options, const Execution& execution);

}  // namespace cvxnn
