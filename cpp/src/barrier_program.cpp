#include "barrier_program.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "working_set.hpp"

namespace cvxnn {
namespace {

// An upper bound on the supports of all blocks from the multipliers that a method holds: their
// points of the dual cones, whatever these multipliers are.
double support_from(const PricedBlocks& blocks, const BarrierMethod& method, const Vector& v,
                    const Execution& execution) {
  std::vector<double> supports(static_cast<std::size_t>(blocks.size()));
  parallel_for(blocks.size(), 4.0 * blocks.cost(), execution, [&](Index b, int, const auto&) {
    const Vector& multipliers = method.multipliers(b);
    const Vector dual_point = blocks.pull(b, multipliers) - blocks.gradient(b, v);
    const double rounding =
        static_cast<double>(multipliers.size() + 8) * std::numeric_limits<double>::epsilon();
    supports[b] = blocks.norm().dual(dual_point) + rounding * multipliers.sum();
  });
  return *std::max_element(supports.begin(), supports.end());
}

struct Candidate {
  std::vector<Block> blocks;
  double objective = std::numeric_limits<double>::infinity();
};

Index count_used(const PricedBlocks& all, const std::vector<Block>& blocks) {
  constexpr double kUsed = 1e-4;  // of the largest
  Vector norms(static_cast<Index>(blocks.size()));
  for (Index b = 0; b < norms.size(); ++b) norms(b) = all.norm().value(blocks[b].u);
  return norms.size() == 0 ? 0 : (norms.array() > kUsed * norms.maxCoeff()).count();
}

// t u for the t in [0, 1] with the least objective: of use where time ran out.
Candidate best_multiple(const PricedBlocks& all, const Loss& loss, Candidate candidate) {
  constexpr int kHalvings = 60;
  Vector f = Vector::Zero(loss.size());
  double norms = 0.0;
  for (const Block& block : candidate.blocks) {
    all.add_outputs(block.id, block.u, f);
    norms += all.norm().value(block.u);
  }
  double low = 0.0;
  double high = 1.0;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = 0.5 * (low + high);
    const double slope = loss.gradient(middle * f).dot(f) + all.beta() * norms;
    (slope > 0.0 ? high : low) = middle;
  }
  const double objective = loss.value(low * f) + all.beta() * low * norms;
  if (!(objective < candidate.objective)) return candidate;
  for (Block& block : candidate.blocks) block.u *= low;
  candidate.objective = objective;
  return candidate;
}

// The blocks above a share of the largest one, at the objective that is left without the others.
Candidate without_small(const PricedBlocks& all, const Loss& loss, const std::vector<Block>& blocks,
                        double share) {
  double largest = 0.0;
  for (const Block& block : blocks) largest = std::max(largest, all.norm().value(block.u));
  Candidate kept;
  Vector f = Vector::Zero(loss.size());
  double norms = 0.0;
  for (const Block& block : blocks) {
    const double length = all.norm().value(block.u);
    if (length <= share * largest) continue;
    all.add_outputs(block.id, block.u, f);
    norms += length;
    kept.blocks.push_back(block);
  }
  kept.objective = loss.value(f) + all.beta() * norms;
  return kept;
}

}  // namespace

Solution solve_by_barrier(const PricedBlocks& blocks, const Loss& loss,
                          const SolverOptions& options, const Execution& execution) {
  constexpr int kMaxSmallSteps = 10;
  constexpr double kShares[] = {1e-2, 1e-4, 1e-6, 1e-8};
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  BarrierMethod method(blocks, loss, execution);
  Solution solution;
  solution.objective = loss.value(Vector::Zero(loss.size()));
  solution.lower_bound = -std::numeric_limits<double>::infinity();
  solution.dual = Vector::Zero(loss.size());
  const auto bound_from = [&](const Vector& v, double support) {
    const DualBound bound = dual_bound(loss, v, std::max(support, blocks.beta()), blocks.beta());
    if (!(bound.value > solution.lower_bound)) return;
    solution.lower_bound = bound.value;
    solution.dual = bound.scale * v;
  };
  Poller poller(execution);
  const bool started = blocks.size() > 0 && method.start({});
  if (!started) {
    solution.status = blocks.size() > 0 ? Status::stalled : Status::converged;
    bound_from(loss.gradient(Vector::Zero(loss.size())), 0.0);
    if (blocks.size() > 0) solution.proved = false;
    return solution;
  }
  int small_steps = 0;
  Candidate found;  // the best iterate
  for (int round = 0;; ++round) {
    const Vector v = loss.gradient(method.predictions());
    bound_from(v, support_from(blocks, method, v, execution) + blocks.gradient_error(v));
    if (method.objective() < found.objective) {
      found.objective = method.objective();
      found.blocks.clear();
      for (Index b = 0; b < blocks.size(); ++b) found.blocks.push_back({b, method.point(b), {}});
    }
    const double objective = std::min(solution.objective, found.objective);
    const Progress progress{round, deadline.elapsed(), objective, solution.lower_bound,
                            count_used(blocks, found.blocks)};
    solution.history.push_back(progress);
    const bool stop = options.on_round && options.on_round(progress);
    const double gap = objective - solution.lower_bound;
    solution.status = gap <= 0.5 * options.tol * std::abs(objective) ? Status::converged
                      : stop                                         ? Status::stopped
                      : deadline.passed()                            ? Status::time_limit
                      : round == options.max_rounds                  ? Status::iteration_limit
                                                                     : Status::stalled;
    if (solution.status != Status::stalled || small_steps == kMaxSmallSteps) break;
    poller.check();
    const double target = 0.1 * options.tol * std::abs(objective);
    small_steps = method.advance(target) < 0.05 ? small_steps + 1 : 0;
  }
  if (solution.status == Status::stalled) {
    // multipliers lag behind where many solutions are as good: those of pricing do not
    const Vector v = loss.gradient(method.predictions());
    const std::vector<double> supports = supports_of(blocks, v, execution);
    bound_from(v, *std::max_element(supports.begin(), supports.end()));
  }
  // the interior-point method leaves no block at zero
  const double allowed = solution.lower_bound + options.tol * std::abs(found.objective);
  Candidate best = best_multiple(blocks, loss, found);
  for (const double share : kShares) {
    Candidate kept = without_small(blocks, loss, best.blocks, share);
    if (kept.objective > std::max(allowed, best.objective)) continue;
    best = std::move(kept);
    break;
  }
  if (best.objective <= solution.objective) {
    solution.objective = best.objective;
    solution.blocks = std::move(best.blocks);
  }
  const double gap = solution.objective - solution.lower_bound;
  if (gap <= options.tol * std::abs(solution.objective)) solution.status = Status::converged;
  return solution;
}

}  // namespace cvxnn
