// Losses with kinks, approached through smooth ones.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "cvxnn/cone_program.hpp"
#include "working_set.hpp"

namespace cvxnn {

// The proximal point method on the dual (Rockafellar's augmented Lagrangians): the conjugate of the
// loss gains width ||v - v_i||^2 / 2 around the last dual vector v_i, which makes the loss smooth
// and changes the optimum by no more than this term, so that few rounds suffice and the width need
// not become small. `solve(smooth, options, last)` solves the smooth problem, from the last
// solution if there is one; `predict(solution)` returns its predictions.
template <class Result, class Solve, class Predict>
Result approach_kinks(const Loss& loss, double beta, const SolverOptions& options,
                      const Solve& solve, const Predict& predict) {
  constexpr double kFirstWidth = 0.1;  // of the mean loss without a network
  constexpr double kNarrower = 0.2;
  constexpr double kShare = 0.3;  // of the tolerance for the smooth problem, and for what it lost
  constexpr int kMostRounds = 40;
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  const Vector null = Vector::Zero(loss.size());
  double width = kFirstWidth * loss.value(null) / loss.weights().sum();
  if (!(width > 0.0)) width = kFirstWidth;
  Vector center = null;
  Result best;
  Result last;
  double tol = 1e-2;
  for (int round = 0;; ++round) {
    const std::unique_ptr<Loss> smooth = loss.smoothed(center, width);
    SolverOptions inner = options;
    inner.on_round = nullptr;
    inner.tol = std::max(tol, kShare * options.tol);
    inner.max_seconds = deadline.max_seconds - deadline.elapsed();
    last = solve(*smooth, inner, round > 0 ? &last : nullptr);
    const Vector f = predict(last);
    double objective = loss.value(f);
    const double lost = objective - smooth->value(f);
    for (const Block& block : last.blocks) objective += beta * block.u.norm();
    const double scale = loss.best_scale(last.dual, 1.0);
    const double bound = last.proved ? loss.dual_value(scale * last.dual) : loss.infimum();
    center = last.dual;

    const Status ended = last.status;
    const double before =
        round > 0 ? best.objective - best.lower_bound : std::numeric_limits<double>::infinity();
    auto history = std::move(best.history);
    if (round == 0 || objective < best.objective) {
      const double lower = round > 0 ? best.lower_bound : bound;
      const Vector dual = round > 0 ? best.dual : Vector(scale * last.dual);
      best = last;
      best.objective = objective;
      best.lower_bound = lower;
      best.dual = dual;
    }
    if (bound >= best.lower_bound) {
      best.lower_bound = bound;
      best.dual = last.proved ? Vector(scale * last.dual) : last.dual;
    }
    best.history = std::move(history);
    best.history.push_back({round, deadline.elapsed(), best.objective, best.lower_bound,
                            static_cast<Index>(best.blocks.size())});
    const bool stop = options.on_round && options.on_round(best.history.back());

    const double target = options.tol * std::abs(best.objective);
    const double gap = best.objective - best.lower_bound;
    const bool there = lost <= kShare * target && inner.tol <= kShare * options.tol;
    best.status = last.proved && gap <= target ? Status::converged
                  : stop                       ? Status::stopped
                  : deadline.passed()          ? Status::time_limit
                  : there                      ? ended
                                               : Status::stalled;
    if (best.status != Status::stalled || there || round == kMostRounds) return best;
    tol = std::min(0.3 * tol, 0.1 * lost / std::abs(best.objective));
    if (!(gap < 0.3 * before)) width *= kNarrower;
  }
}

}  // namespace cvxnn
