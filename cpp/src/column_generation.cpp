#include "cvxnn/column_generation.hpp"

#include <algorithm>
#include <cmath>

#include "cvxnn/branch_and_bound.hpp"
#include "local_search.hpp"
#include "network_descent.hpp"
#include "restricted_master.hpp"

namespace cvxnn {
namespace {

constexpr int kStalledRounds = 8;

// What the cells could gain at a dual vector: with `upper` as a bound on it, and where.
struct Priced {
  double upper = 0.0;
  bool proved = false;
  std::vector<Peak> peaks;
};

// Rounds of pricing and solving. `price(master, target)` prices every cell at the master's dual
// vector; `inner_gap(gap, target)` is how accurately to solve the next program.
template <class Price, class InnerGap>
GlobalSolution generate_columns(RestrictedMaster& master, const Loss& loss, double beta,
                                const SolverOptions& options, const Deadline& deadline,
                                const Price& price, const InnerGap& inner_gap) {
  GlobalSolution solution;
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
    const Priced priced = price(master, target);
    const DualBound bound = dual_bound(loss, set.dual, priced.upper, beta);
    const bool tighter = round == 0 || bound.value > likely_bound;
    if (tighter) {
      likely_bound = bound.value;
      solution.lower_bound = priced.proved ? bound.value : loss.infimum();
      solution.dual = priced.proved ? Vector(bound.scale * set.dual) : set.dual;
    }
    solution.history.push_back(
        {round, deadline.elapsed(), solution.objective, solution.lower_bound, master.n_active()});
    if (options.on_round) options.on_round(solution.history.back());
    const double gap = solution.objective - likely_bound;
    idle = better || tighter ? 0 : idle + 1;
    solution.status = gap <= target                 ? Status::converged
                      : deadline.passed()           ? Status::time_limit
                      : round == options.max_rounds ? Status::iteration_limit
                                                    : Status::stalled;
    if (solution.status != Status::stalled || idle == kStalledRounds) break;
    const double accuracy = inner_gap(gap, target);
    const bool any_new = master.exchange(priced.peaks);
    if (!any_new && accuracy <= inner_gap(0.0, target)) break;
    master.solve(accuracy, deadline);
  }
  solution.blocks.erase(std::remove_if(solution.blocks.begin(), solution.blocks.end(),
                                       [](const Block& block) { return block.u.isZero(0); }),
                        solution.blocks.end());
  return solution;
}

constexpr int kDescentSteps = 2000;
constexpr double kDescentGain = 1e-5;  // relative, in twenty steps
constexpr double kFirstOutputs = 0.1;  // of the first neurons, against those that fit the targets
constexpr double kPerturbation = 0.3;  // of a neuron, to look for maxima nearby

// Random neurons of both signs, small against what fits the targets, however X is scaled.
Neurons first_neurons(const Matrix& X, const Loss& loss, const SearchOptions& options) {
  Neurons neurons{random_directions(X, options.n_neurons, options.seed),
                  Vector::Ones(options.n_neurons)};
  const Vector gradient = loss.gradient(Vector::Zero(loss.size()));
  const double fit = gradient.cwiseQuotient(loss.weights()).norm() /
                     (loss.bounded_curvature() ? loss.max_curvature() : 1.0);
  for (Index j = 0; j < options.n_neurons; ++j) {
    const double outputs = (X * neurons.u.col(j)).norm();
    neurons.u.col(j) *= outputs > 0.0 ? kFirstOutputs * fit / outputs : 0.0;
    if (j % 2 == 1) neurons.signs(j) = -1.0;
  }
  return neurons;
}

// Random points, the master's neurons, and points near these.
std::vector<Peak> search_starts(const RestrictedMaster& master, const SearchOptions& options,
                                std::uint64_t seed) {
  const Matrix& X = *master.program.design.X;
  const Matrix random = random_directions(X, options.n_starts, seed);
  std::vector<Peak> starts;
  for (const Block& block : master.set.blocks) {
    if (block.u.isZero(0)) continue;
    const int sign = master.program.sign_of(block.id) > 0.0 ? -1 : 1;
    const Vector u = block.u.normalized();
    const auto nearby = random.col(static_cast<Index>(starts.size()) % random.cols());
    starts.push_back({u, 0.0, sign});
    starts.push_back({(u + kPerturbation * nearby).normalized(), 0.0, sign});
  }
  for (Index i = 0; i < random.cols(); ++i) {
    starts.push_back({random.col(i), 0.0, i % 2 == 0 ? 1 : -1});
  }
  return starts;
}

}  // namespace

GlobalSolution solve_over_all_cells(const Matrix& X, const Loss& loss, double beta,
                                    const SolverOptions& options, const Execution& execution) {
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  RestrictedMaster master(X, loss, beta, execution);
  PeakLimits limits;
  limits.floor = beta;
  const auto price = [&](const RestrictedMaster& at, double) {
    BoundOptions bounding;
    bounding.floor = beta;
    bounding.tol = 0.1 * options.tol;
    bounding.share = 0.3;
    bounding.max_seconds = deadline.max_seconds - deadline.elapsed();
    const SupportBound support = bound_support(X, at.set.dual, bounding, execution);
    return Priced{support.upper, true,
                  distinct_maxima(X, at.set.dual, support.peaks, limits, execution)};
  };
  const auto inner_gap = [](double, double target) { return 1e-3 * target; };
  return generate_columns(master, loss, beta, options, deadline, price, inner_gap);
}

GlobalSolution search_over_all_cells(const Matrix& X, const Loss& loss, double beta,
                                     const SearchOptions& options, const Execution& execution) {
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  RestrictedMaster master(X, loss, beta, execution);
  const Neurons network = descend(X, loss, beta, first_neurons(X, loss, options), kDescentSteps,
                                  kDescentGain, deadline, execution);
  master.replace(network.u, network.signs);
  PeakLimits limits;
  limits.floor = beta;
  limits.most_starts = std::numeric_limits<std::size_t>::max();
  std::uint64_t seed = options.seed;
  const auto price = [&](const RestrictedMaster& at, double) {
    const std::vector<Peak> starts = search_starts(at, options, ++seed);
    Priced priced{beta, false, distinct_maxima(X, at.set.dual, starts, limits, execution)};
    if (!priced.peaks.empty()) priced.upper = priced.peaks.front().value;
    return priced;
  };
  const auto inner_gap = [](double gap, double target) {
    return std::max(0.3 * target, 0.1 * gap);
  };
  return generate_columns(master, loss, beta, options, deadline, price, inner_gap);
}

}  // namespace cvxnn
