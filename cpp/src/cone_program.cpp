#include "cvxnn/cone_program.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "kinks.hpp"
#include "working_set.hpp"

namespace cvxnn {

Vector predictions(const Program& program, const std::vector<Block>& blocks) {
  Vector f = Vector::Zero(program.n_targets * program.design.n_samples());
  for (const Block& block : blocks) {
    if (!block.u.isZero(0)) program.add_outputs(block.id, block.u, f);
  }
  return f;
}

double total_length(const std::vector<Block>& blocks) {
  double sum = 0.0;
  for (const Block& block : blocks) sum += block.u.norm();
  return sum;
}

double penalty(const Program& program, const WorkingSet& set) {
  return program.beta * total_length(set.blocks);
}

double working_set_gap(const Program& program, const Loss& loss, const WorkingSet& set,
                       const Execution& execution) {
  std::vector<double> supports(set.blocks.size(), 0.0);
  std::vector<ConeProjector> projectors(static_cast<std::size_t>(execution.n_threads));
  const Index n_blocks = static_cast<Index>(set.blocks.size());
  parallel_for(n_blocks, block_cost(program), execution, [&](Index b, int thread, const auto&) {
    const Block& block = set.blocks[b];
    const Vector target = -program.gradient(block.id, set.dual);
    std::vector<Index> tight = block.tight;
    projectors[thread].project(program.cone_of(block.id), target, tight, program.beta);
    supports[b] = projectors[thread].point().norm();
  });
  double largest = program.beta;
  for (const double support : supports) largest = std::max(largest, support);
  const double objective = loss.value(set.predictions) + penalty(program, set);
  return objective - dual_bound(loss, set.dual, largest, program.beta).value;
}

void coordinate_sweep(const Program& program, const Loss& loss, const std::vector<double>& bounds,
                      WorkingSet& set, ConeProjector& projector) {
  for (std::size_t b = 0; b < set.blocks.size(); ++b) {
    Block& block = set.blocks[b];
    if (!(bounds[b] > 0.0)) continue;
    const Vector gradient = program.gradient(block.id, loss.gradient(set.predictions));
    const double threshold = program.beta / bounds[b];
    projector.project(program.cone_of(block.id), block.u - gradient / bounds[b], block.tight,
                      threshold);
    const Vector updated = shrink(projector.point(), threshold);
    const Vector change = updated - block.u;
    if (change.isZero(0)) continue;
    program.add_outputs(block.id, change, set.predictions);
    block.u = updated;
  }
}

std::vector<double> curvature_bounds(const Program& program, const Loss& loss,
                                     const WorkingSet& set, const Execution& execution) {
  const Vector h = loss.max_curvature() * loss.weights();
  std::vector<double> bounds(set.blocks.size());
  const double cost =
      2.0 * static_cast<double>(program.design.X->size() * program.design.n_features());
  parallel_for(
      static_cast<Index>(set.blocks.size()), cost, execution, [&](Index b, int, const auto&) {
        const Index id = set.blocks[b].id;
        const Matrix gram =
            program.design.gram(program.cell_of(id), program.part(h, program.target_of(id)));
        bounds[b] = Eigen::SelfAdjointEigenSolver<Matrix>(gram, Eigen::EigenvaluesOnly)
                        .eigenvalues()
                        .maxCoeff();
      });
  return bounds;
}

namespace {

constexpr int kSweeps = 5;         // enough to find the support; second-order steps do the rest
constexpr Index kNewBlocks = 32;   // violated blocks taken in a round, at least
constexpr int kPatient = 60;       // failures of the second-order steps when all else is no use
constexpr int kStalledRounds = 5;  // rounds without progress before giving up

void drop_zero_blocks(std::vector<Block>& blocks) {
  blocks.erase(std::remove_if(blocks.begin(), blocks.end(),
                              [](const Block& block) { return block.u.isZero(0); }),
               blocks.end());
}

// Keeps the non-zero blocks and adds the most violated others.
void update_working_set(const Program& program, const Pricing& pricing, WorkingSet& set) {
  auto& blocks = set.blocks;
  drop_zero_blocks(blocks);
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

// Brings the working set to within `gap` of its own optimum.
void improve(const Program& program, const Loss& loss, double gap, WorkingSet& set,
             const Deadline& deadline, const Execution& execution) {
  if (set.blocks.empty()) return;
  const std::vector<double> bounds = curvature_bounds(program, loss, set, execution);
  const double steepest = *std::max_element(bounds.begin(), bounds.end());
  ConeProjector projector;
  const auto sweep = [&](int times) {
    for (int i = 0; i < times; ++i) coordinate_sweep(program, loss, bounds, set, projector);
  };
  sweep(kSweeps);
  if (!set.stiff && refine(program, loss, gap, steepest, 2, set, deadline, execution)) return;
  set.stiff = interior_point(program, loss, gap, set, deadline, execution);
  if (set.stiff) sweep(2);  // puts the blocks that are left tiny to zero
  refine(program, loss, gap, steepest, set.stiff ? 3 : kPatient, set, deadline, execution);
}

Solution solve_smooth(const Program& program, const Loss& loss, const SolverOptions& options,
                      const Execution& execution, WarmStart start) {
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  WorkingSet set;
  set.blocks = std::move(start.blocks);
  set.sigma = start.sigma;
  set.predictions = predictions(program, set.blocks);
  set.dual = loss.gradient(set.predictions);
  Solution solution;
  int rounds_without_progress = 0;

  for (int round = 0;; ++round) {
    const Pricing pricing = price_blocks(program, set.dual, execution);
    const DualBound bound = dual_bound(loss, set.dual, pricing.max_support, program.beta);
    const bool tighter = round == 0 || bound.value > solution.lower_bound;
    if (tighter) {
      solution.lower_bound = bound.value;
      solution.dual = bound.scale * set.dual;
    }
    const double objective = loss.value(set.predictions) + penalty(program, set);
    const bool better = round == 0 || objective < solution.objective;
    if (better) {
      solution.objective = objective;
      solution.blocks = set.blocks;
    }
    const Progress progress{round, deadline.elapsed(), solution.objective, solution.lower_bound,
                            count_active(set)};
    solution.history.push_back(progress);
    const bool stop = options.on_round && options.on_round(progress);

    const double gap = solution.objective - solution.lower_bound;
    const double target = options.tol * std::abs(solution.objective);
    rounds_without_progress = better || tighter ? 0 : rounds_without_progress + 1;
    solution.status = gap <= target                 ? Status::converged
                      : stop                        ? Status::stopped
                      : deadline.passed()           ? Status::time_limit
                      : round == options.max_rounds ? Status::iteration_limit
                                                    : Status::stalled;
    const bool out_of_ideas = rounds_without_progress == kStalledRounds;
    if (solution.status != Status::stalled || out_of_ideas) break;

    update_working_set(program, pricing, set);
    // a small part of the gap to close, but never below what the last round will need
    const double inner_gap = std::max(0.3 * target, 0.05 * gap);
    improve(program, loss, inner_gap, set, deadline, execution);
  }
  drop_zero_blocks(solution.blocks);
  solution.sigma = set.sigma;
  return solution;
}

}  // namespace

Solution solve_cone_program(const Program& program, const Loss& loss, const SolverOptions& options,
                            const Execution& execution, WarmStart start) {
  const auto solve = [&](const Loss& smooth, const SolverOptions& inner, const Solution* last) {
    WarmStart from = last != nullptr ? WarmStart{last->blocks, 0.0} : start;
    return solve_smooth(program, smooth, inner, execution, std::move(from));
  };
  if (loss.smooth()) return solve(loss, options, nullptr);
  const auto program_of = [&](const Solution&) { return program; };
  return approach_kinks<Solution>(loss, program.beta, options, execution, solve, program_of);
}

}  // namespace cvxnn
