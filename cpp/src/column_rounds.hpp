// Rounds of column generation, however the columns are priced.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "cvxnn/branch_and_bound.hpp"
#include "cvxnn/column_generation.hpp"
#include "restricted_master.hpp"

namespace cvxnn {

// What the cells could gain at a dual vector: with `upper` as a bound on it, and where.
struct Priced {
  double upper = 0.0;
  bool proved = false;
  std::vector<Peak> peaks;  // target by target, the highest first

  void add(std::vector<Peak> found, Index target) {
    for (Peak& peak : found) {
      peak.target = target;
      peaks.push_back(std::move(peak));
    }
  }
};

// Rounds of `price(master)`, which prices every cell at the master's dual vector, and
// `improve(peaks, gap, target)`, which changes the master, or returns false if there is no way to.
template <class Price, class Improve>
GlobalSolution generate_columns(RestrictedMaster& master, const Loss& loss, double beta,
                                const SolverOptions& options, const Deadline& deadline,
                                const Price& price, const Improve& improve) {
  constexpr int kStalledRounds = 8;
  GlobalSolution solution;
  solution.n_targets = loss.n_targets();
  double likely_bound = 0.0;  // the lower bound, if what was found in pricing is all there is
  int idle = 0;
  for (int round = 0;; ++round) {
    WorkingSet& set = master.set;
    const double objective = master.objective();
    const bool better = round == 0 || objective < solution.objective;
    if (better) {
      solution.objective = objective;
      solution.blocks = set.blocks;
      solution.cells = master.cells;
    }
    const double target = options.tol * std::abs(solution.objective);
    const Priced priced = price(master);
    const DualBound bound = dual_bound(loss, set.dual, priced.upper, beta);
    const bool tighter = round == 0 || bound.value > likely_bound;
    if (tighter) {
      likely_bound = bound.value;
      solution.lower_bound = priced.proved ? bound.value : loss.infimum();
      solution.proved = priced.proved;
      solution.dual = priced.proved ? Vector(bound.scale * set.dual) : set.dual;
    }
    solution.history.push_back(
        {round, deadline.elapsed(), solution.objective, solution.lower_bound, master.n_active()});
    const bool stop = options.on_round && options.on_round(solution.history.back());
    const double gap = solution.objective - likely_bound;
    idle = better || tighter ? 0 : idle + 1;
    solution.status = gap <= target                 ? Status::converged
                      : stop                        ? Status::stopped
                      : deadline.passed()           ? Status::time_limit
                      : round == options.max_rounds ? Status::iteration_limit
                                                    : Status::stalled;
    if (solution.status != Status::stalled || idle == kStalledRounds) break;
    if (!improve(priced.peaks, gap, target)) break;
  }
  solution.blocks.erase(std::remove_if(solution.blocks.begin(), solution.blocks.end(),
                                       [](const Block& block) { return block.u.isZero(0); }),
                        solution.blocks.end());
  return solution;
}

}  // namespace cvxnn
