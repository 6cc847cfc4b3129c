// The convex program of a network over every cell of the data, none of them listed.
#pragma once

#include <cstdint>

#include "cvxnn/cone_program.hpp"
#include "cvxnn/hidden_layer.hpp"
#include "cvxnn/neurons.hpp"

namespace cvxnn {

struct GlobalSolution : Solution {
  Cells cells;  // those that the blocks belong to, see Program
  Index n_targets = 1;

  // The program over these cells; without the rows of its cones.
  Program program(const HiddenLayer& layer, double beta) const {
    return {{&layer.X, &cells, layer.slope, layer.patches}, {}, beta, true, n_targets};
  }
};

// Rounds of: solve the program over a few cells, as accurately as the round needs; bound what any
// cell could gain at its dual vector (branch_and_bound.hpp), which is the certificate; add the
// cells of the local maxima found on the way. For few columns: about six. Begins with the blocks of
// `start` if there is one, a solution for another loss or beta.
GlobalSolution solve_over_all_cells(const HiddenLayer& layer, const Loss& loss, double beta,
                                    const SolverOptions& options, const Execution& execution,
                                    const GlobalSolution* start = nullptr);

struct SearchOptions : SolverOptions {
  Neurons start;           // to begin with; if there are none, random ones
  std::uint64_t seed = 0;  // of these, and of points from which local maxima are looked for
};

// The same for any number of columns, with nothing proved: a wide random network or the one given
// goes downhill by L-BFGS, then rounds of: solve the program over the cells of its neurons; look
// for local maxima of what other cells could gain, from random points and near the neurons; add
// their cells. `converged` means that the best of those maxima proves the gap if it is the highest
// there is. The lower bound is that of the loss alone, and `dual` the gradient of the loss, not
// scaled.
GlobalSolution search_over_all_cells(const HiddenLayer& layer, const Loss& loss, double beta,
                                     const SearchOptions& options, const Execution& execution);

}  // namespace cvxnn
