#include "cvxnn/group_lasso.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "working_set.hpp"

namespace cvxnn {

double penalty(const Program& program, const WorkingSet& set) {
  double norms = 0.0;
  for (const Block& block : set.blocks) norms += block.u.norm();
  return program.beta * norms;
}

void coordinate_sweep(const Program& program, const Loss& loss, const std::vector<double>& bounds,
                      WorkingSet& set, ConeProjector& projector) {
  for (std::size_t b = 0; b < set.blocks.size(); ++b) {
    Block& block = set.blocks[b];
    if (!(bounds[b] > 0.0)) continue;
    const Index cell = program.cell_of(block.id);
    const double sign = program.sign_of(block.id);
    const Vector gradient =
        sign * program.design.apply_transposed(cell, loss.gradient(set.predictions));
    const double threshold = program.beta / bounds[b];
    projector.project(program.cone_of(block.id), block.u - gradient / bounds[b], block.tight,
                      threshold);
    const Vector updated = shrink(projector.point(), threshold);
    const Vector change = updated - block.u;
    if (change.isZero(0)) continue;
    program.design.apply_add(cell, change, sign, set.predictions);
    block.u = updated;
  }
}

std::vector<double> curvature_bounds(const Program& program, const Loss& loss,
                                     const WorkingSet& set, const Execution& execution) {
  const Vector h = loss.max_curvature() * loss.weights();
  std::vector<double> bounds(set.blocks.size());
  parallel_for(static_cast<Index>(set.blocks.size()), execution, [&](Index b, int) {
    const Matrix gram = program.design.gram(program.cell_of(set.blocks[b].id), h);
    bounds[b] = Eigen::SelfAdjointEigenSolver<Matrix>(gram, Eigen::EigenvaluesOnly)
                    .eigenvalues()
                    .maxCoeff();
  });
  return bounds;
}

namespace {

constexpr int kSweeps = 5;         // enough to find the support; second-order steps do the rest
constexpr Index kNewBlocks = 32;   // violated blocks taken in a round, at least
constexpr int kStalledRounds = 5;  // rounds without progress before giving up

// Keeps the non-zero blocks and adds the most violated others.
void update_working_set(const Program& program, const Pricing& pricing, WorkingSet& set) {
  auto& blocks = set.blocks;
  blocks.erase(std::remove_if(blocks.begin(), blocks.end(),
                              [](const Block& block) { return block.u.isZero(0); }),
               blocks.end());
  std::vector<char> present(static_cast<std::size_t>(program.n_blocks()), 0);
  for (const Block& block : blocks) present[block.id] = 1;
  Index room = std::max(kNewBlocks, static_cast<Index>(blocks.size()));
  for (const Violation& violation : pricing.violations) {
    if (room == 0) break;
    if (present[violation.block]) continue;
    blocks.push_back({violation.block, Vector::Zero(program.design.n_features()), {}});
    --room;
  }
  std::sort(blocks.begin(), blocks.end(),
            [](const Block& a, const Block& b) { return a.id < b.id; });
}

Index count_active(const WorkingSet& set) {
  return static_cast<Index>(std::count_if(set.blocks.begin(), set.blocks.end(),
                                          [](const Block& b) { return !b.u.isZero(0); }));
}

}  // namespace

Solution solve_group_lasso(const Program& program, const Loss& loss, const SolverOptions& options,
                           const Execution& execution) {
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  WorkingSet set;
  set.predictions = Vector::Zero(loss.size());
  set.dual = loss.gradient(set.predictions);
  ConeProjector projector;
  Solution solution;
  solution.lower_bound = -std::numeric_limits<double>::infinity();
  double last_objective = std::numeric_limits<double>::infinity();
  double last_bound = solution.lower_bound;
  int rounds_without_progress = 0;

  for (int round = 0;; ++round) {
    const Pricing pricing = price_blocks(program, set.dual, execution);
    const DualBound bound = dual_bound(loss, set.dual, pricing.max_support, program.beta);
    if (!(bound.value <= solution.lower_bound)) {
      solution.lower_bound = bound.value;
      solution.dual = bound.scale * set.dual;
    }
    solution.objective = loss.value(set.predictions) + penalty(program, set);
    const Progress progress{round, deadline.elapsed(), solution.objective, solution.lower_bound,
                            count_active(set)};
    solution.history.push_back(progress);
    if (options.on_round) options.on_round(progress);

    const double gap = solution.objective - solution.lower_bound;
    const double target = options.tol * std::abs(solution.objective);
    const bool progressed =
        solution.objective < last_objective || solution.lower_bound > last_bound;
    rounds_without_progress = progressed ? 0 : rounds_without_progress + 1;
    last_objective = std::min(last_objective, solution.objective);
    last_bound = solution.lower_bound;
    if (gap <= target) {
      solution.status = Status::converged;
      break;
    }
    if (deadline.passed()) {
      solution.status = Status::time_limit;
      break;
    }
    if (round == options.max_rounds) {
      solution.status = Status::iteration_limit;
      break;
    }
    if (rounds_without_progress == kStalledRounds) {
      solution.status = Status::stalled;
      break;
    }

    update_working_set(program, pricing, set);
    const std::vector<double> bounds = curvature_bounds(program, loss, set, execution);
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      coordinate_sweep(program, loss, bounds, set, projector);
    }
    // a small part of the gap to close, but never below what the last round will need
    const double inner_gap = std::max(0.3 * target, 0.05 * gap);
    refine(program, loss, inner_gap, *std::max_element(bounds.begin(), bounds.end()), set, deadline,
           execution);
  }
  for (Block& block : set.blocks) {
    if (!block.u.isZero(0)) solution.blocks.push_back(std::move(block));
  }
  return solution;
}

}  // namespace cvxnn
