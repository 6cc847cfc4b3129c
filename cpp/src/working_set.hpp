// The blocks under consideration and the predictions they make together.
#pragma once

#include <chrono>
#include <vector>

#include "cvxnn/cone_program.hpp"

namespace cvxnn {

struct WorkingSet {
  std::vector<Block> blocks;
  Vector predictions;  // of the blocks
  Vector dual;         // the dual vector to price with: grad L near the predictions
  double sigma = 0.0;  // length of the last proximal point step, 0 before the first
  bool stiff = false;  // second-order steps crawled: start with the interior-point method
};

struct Deadline {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  double max_seconds = std::numeric_limits<double>::infinity();

  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start).count(); }
  bool passed() const { return elapsed() > max_seconds; }
};

// (1 - threshold / ||p||)_+ p: with p the projection onto a cone, the proximal point of
// threshold ||.|| restricted to that cone.
inline Vector shrink(const Vector& p, double threshold) {
  const double length = p.norm();
  if (!(length > threshold)) return Vector::Zero(p.size());
  return (1.0 - threshold / length) * p;
}

// Operations to project one block: a few products with the rows of X.
inline double block_cost(const Program& program) {
  return 10.0 * static_cast<double>(program.design.X->size());
}

// sum_b s_b A_b X u_b.
Vector predictions(const Program& program, const std::vector<Block>& blocks);

double total_length(const std::vector<Block>& blocks);

double penalty(const Program& program, const WorkingSet& set);

// Objective minus the bound that `set.dual` proves for the program restricted to these blocks.
double working_set_gap(const Program& program, const Loss& loss, const WorkingSet& set,
                       const Execution& execution);

// One sweep of block coordinate descent, each block moved to the minimiser of its quadratic
// majorant with curvature `bounds` (one number a block).
void coordinate_sweep(const Program& program, const Loss& loss, const std::vector<double>& bounds,
                      WorkingSet& set, ConeProjector& projector);

// Largest curvature of the smooth part along each block.
std::vector<double> curvature_bounds(const Program& program, const Loss& loss,
                                     const WorkingSet& set, const Execution& execution);

// Proximal point iterations, each solved by a semismooth Newton method (after Li, Sun and Toh,
// arXiv 1607.05428), until the duality gap on the working set is at most `gap` or `patience` of the
// Newton runs failed. `steepest` is the largest curvature of a block. Returns whether it got there.
bool refine(const Program& program, const Loss& loss, double gap, double steepest, int patience,
            WorkingSet& set, const Deadline& deadline, const Execution& execution);

// Newton steps within the faces of the cones, with rows and blocks that come and go; to the
// accuracy of float64 if it succeeds. Returns whether it did, and false also for too many unknowns.
bool active_set_newton(const Program& program, const Loss& loss, double gap, WorkingSet& set,
                       const Deadline& deadline, const Execution& execution);

// Moves the working set to within `gap` of its optimum by an interior-point method, from and to
// points strictly inside the cones. Returns false, without a change, where a cone has no interior.
bool interior_point(const Program& program, const Loss& loss, double gap, WorkingSet& set,
                    const Deadline& deadline, const Execution& execution);

}  // namespace cvxnn
