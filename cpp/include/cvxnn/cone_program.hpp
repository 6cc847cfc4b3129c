// The convex program of a network over given cells, with or without cones, to a certified gap.
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include "cvxnn/pricing.hpp"
#include "cvxnn/status.hpp"

namespace cvxnn {

struct Progress {
  int round = 0;
  double seconds = 0.0;
  double objective = 0.0;    // of the current point, which lies in the cones
  double lower_bound = 0.0;  // the best proved so far
  Index n_active = 0;        // non-zero blocks
};

struct SolverOptions {
  double tol = 1e-6;  // relative gap to reach, (objective - lower_bound) / |objective|
  int max_rounds = 1000;
  double max_seconds = std::numeric_limits<double>::infinity();
  std::function<bool(const Progress&)> on_round;  // called after each; true means stop
};

// One group of variables: u of block `id`, zero or in the closure of its cell.
struct Block {
  Index id = 0;
  Vector u;
  std::vector<Index> tight;  // rows of the cone that hold with equality, a warm start
};

struct WarmStart {
  std::vector<Block> blocks;  // of the program, sorted by id
  double sigma = 0.0;         // length of a proximal point step, longer the better the blocks are
};

struct Solution {
  Status status = Status::iteration_limit;
  std::vector<Block> blocks;  // the non-zero ones
  double objective = 0.0;
  double lower_bound = 0.0;  // on the program over all given cells
  Vector dual;               // the dual feasible vector that proves it
  bool proved = true;        // otherwise the bound is that of the loss alone, and
                             // `dual` the gradient of the loss, not scaled
  double sigma = 0.0;        // see WarmStart
  std::vector<Progress> history;
};

// Working set and block coordinate descent: price all blocks, keep the active ones and those most
// violated, find their support by a few sweeps of block updates, finish with second-order steps,
// repeat until the bound from pricing all blocks meets the objective.
Solution solve_cone_program(const Program& program, const Loss& loss, const SolverOptions& options,
                            const Execution& execution, WarmStart start = {});

}  // namespace cvxnn
