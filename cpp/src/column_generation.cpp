#include "cvxnn/column_generation.hpp"

#include "column_rounds.hpp"
#include "kinks.hpp"
#include "local_search.hpp"

namespace cvxnn {
namespace {

GlobalSolution solve_smooth(const HiddenLayer& layer, const Loss& loss, double beta,
                            const SolverOptions& options, const GlobalSolution* start,
                            const Execution& execution) {
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  RestrictedMaster master(layer, loss, beta, execution);
  if (start != nullptr) {
    master.adopt(*start);
    master.solve(options.tol * std::abs(master.objective()), deadline);
  }
  PeakLimits limits;
  limits.floor = beta;
  const auto price = [&](const RestrictedMaster& at) {
    BoundOptions bounding;
    bounding.floor = beta;
    bounding.tol = 0.1 * options.tol;
    bounding.share = 0.3;
    bounding.max_seconds = deadline.max_seconds - deadline.elapsed();
    Priced priced{beta, true, {}};
    for (Index target = 0; target < loss.n_targets(); ++target) {
      const Vector v = spread(at.program.part(at.set.dual, target), layer.patches);
      const SupportBound support = bound_support(layer, v, bounding, execution);
      priced.upper = std::max(priced.upper, support.upper);
      priced.add(distinct_maxima(layer, v, support.peaks, limits, execution), target);
    }
    return priced;
  };
  bool accurate = false;
  const auto improve = [&](const std::vector<Peak>& peaks, double gap, double target) {
    // as accurate as this round needs; more so where no cell is left to add
    const bool any_new = master.exchange(peaks);
    if (!any_new && accurate) return false;
    accurate = !any_new;
    master.solve(accurate ? 1e-3 * target : std::max(0.1 * target, 0.01 * gap), deadline);
    return true;
  };
  return generate_columns(master, loss, beta, options, deadline, price, improve);
}

}  // namespace

GlobalSolution solve_over_all_cells(const HiddenLayer& layer, const Loss& loss, double beta,
                                    const SolverOptions& options, const Execution& execution,
                                    const GlobalSolution* start) {
  const auto solve = [&](const Loss& smooth, const SolverOptions& inner,
                         const GlobalSolution* last) {
    const GlobalSolution* from = last != nullptr ? last : start;
    return solve_smooth(layer, smooth, beta, inner, from, execution);
  };
  if (loss.smooth()) return solve(loss, options, nullptr);
  const Matrix rows = unit_rows(layer.X);
  const auto program_of = [&](const GlobalSolution& solution) {
    Program program = solution.program(layer, beta);
    program.cone_rows = rows;
    return program;
  };
  return approach_kinks<GlobalSolution>(loss, beta, options, execution, solve, program_of);
}

}  // namespace cvxnn
