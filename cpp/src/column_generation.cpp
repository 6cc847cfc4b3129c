#include "cvxnn/column_generation.hpp"

#include "column_rounds.hpp"
#include "local_search.hpp"

namespace cvxnn {

GlobalSolution solve_over_all_cells(const Matrix& X, const Loss& loss, double beta,
                                    const SolverOptions& options, const Execution& execution) {
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  RestrictedMaster master(X, loss, beta, execution);
  PeakLimits limits;
  limits.floor = beta;
  const auto price = [&](const RestrictedMaster& at) {
    BoundOptions bounding;
    bounding.floor = beta;
    bounding.tol = 0.1 * options.tol;
    bounding.share = 0.3;
    bounding.max_seconds = deadline.max_seconds - deadline.elapsed();
    const SupportBound support = bound_support(X, at.set.dual, bounding, execution);
    return Priced{support.upper, true,
                  distinct_maxima(X, at.set.dual, support.peaks, limits, execution)};
  };
  const auto improve = [&](const std::vector<Peak>& peaks, double, double target) {
    if (!master.exchange(peaks)) return false;
    master.solve(1e-3 * target, deadline);
    return true;
  };
  return generate_columns(master, loss, beta, options, deadline, price, improve);
}

}  // namespace cvxnn
