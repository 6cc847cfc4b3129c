// Losses with kinks, approached through smooth ones.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "cvxnn/cone_program.hpp"
#include "meet_targets.hpp"
#include "working_set.hpp"

namespace cvxnn {

// `next`, with the point of `best` where that is better, and the bound of `best` where that is.
template <class Result>
Result better_halves(Result best, Result next) {
  if (!(next.objective <= best.objective)) {
    std::swap(best.lower_bound, next.lower_bound);
    std::swap(best.dual, next.dual);
    std::swap(best, next);
  }
  if (next.lower_bound < best.lower_bound) {
    next.lower_bound = best.lower_bound;
    next.dual = std::move(best.dual);
  }
  return next;
}

// The proximal point method on the dual (Rockafellar's augmented Lagrangians): the conjugate of the
// loss gains width ||v - v_i||^2 / 2 around the last dual vector v_i, which makes the loss smooth
// and changes the optimum by no more than this term, so that few rounds suffice and the width need
// not become small. `solve(smooth, options, last)` solves the smooth problem, from the last
// solution if there is one; `program_of(solution)` returns the program that it solves. Where the
// objective is infinite until predictions meet targets, the last bit of the way to them is gone as
// soon as it is cheap.
template <class Result, class Solve, class ProgramOf>
Result approach_kinks(const Loss& loss, double beta, const SolverOptions& options,
                      const Execution& execution, const Solve& solve, const ProgramOf& program_of) {
  constexpr double kNarrower = 0.2;
  constexpr double kShare = 0.3;  // of the tolerance for the smooth problem, and for what it lost
  constexpr double kNear = 0.01;  // price of what is missing, against the norm of the network
  constexpr int kMostRounds = 40;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  double width = loss.first_width(beta);
  double tol = std::max(1e-2, kShare * options.tol);
  Result last;
  last.dual = Vector::Zero(loss.size());
  Result best;  // its network is the best one, its bound and dual vector are the best of all rounds
  best.objective = kInfinity;
  best.lower_bound = -kInfinity;
  std::vector<Progress> history;
  double before = kInfinity;  // what was left to gain a round ago
  for (int round = 0;; ++round) {
    const std::unique_ptr<Loss> smooth = loss.smoothed(last.dual, width);
    SolverOptions inner = options;
    inner.on_round = nullptr;
    inner.tol = tol;
    inner.max_seconds = deadline.max_seconds - deadline.elapsed();
    const Vector center = last.dual;
    last = solve(*smooth, inner, round > 0 ? &last : nullptr);
    const Program program = program_of(last);
    const auto length = [&](const Result& result) { return beta * total_length(result.blocks); };
    const Vector f = predictions(program, last.blocks);
    const double scale = loss.best_scale(last.dual, 1.0);
    const double bound = last.proved ? loss.dual_value(scale * last.dual) : loss.infimum();

    Result next = last;
    next.objective = loss.value(f) + length(next);
    if (!std::isfinite(next.objective)) {
      const double price = std::abs(last.dual.dot(loss.missing(f)));
      if (price <= kNear * length(next) && meet_targets(program, loss, next.blocks, execution)) {
        next.objective = length(next);
      }
    }
    const double lost = next.objective - (smooth->value(f) + length(last));
    next.lower_bound = bound;
    if (last.proved) next.dual *= scale;
    best = better_halves(std::move(best), std::move(next));
    const Index n_blocks = static_cast<Index>(best.blocks.size());
    history.push_back({round, deadline.elapsed(), best.objective, best.lower_bound, n_blocks});
    const bool stop = options.on_round && options.on_round(history.back());
    const bool met = std::isfinite(best.objective);
    const double target = met ? options.tol * std::abs(best.objective) : 0.0;
    const double gap = best.objective - best.lower_bound;
    const double floor = (met ? 1.0 : 0.1) * kShare * options.tol;
    const bool there = lost <= kShare * target && inner.tol <= floor;
    best.status = last.proved && gap <= target ? Status::converged
                  : stop                       ? Status::stopped
                  : deadline.passed()          ? Status::time_limit
                  : there                      ? last.status
                                               : Status::stalled;
    if (best.status != Status::stalled || there || round == kMostRounds) {
      best.history = std::move(history);
      return best;
    }
    tol *= 0.3;
    if (met) tol = std::min(tol, 0.1 * lost / std::abs(best.objective));
    tol = std::max(tol, floor);
    const double left = met ? gap : width * (last.dual - center).norm();
    if (!(left < 0.3 * before)) width *= kNarrower;
    before = left;
  }
}

}  // namespace cvxnn
