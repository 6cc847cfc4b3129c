// Column generation without proof, for any number of columns.
#include <algorithm>
#include <limits>

#include "column_rounds.hpp"
#include "kinks.hpp"
#include "local_search.hpp"
#include "network_descent.hpp"

namespace cvxnn {
namespace {

constexpr Index kFirstWidth = 30;  // neurons for each target, at least
constexpr Index kStarts = 256;     // random points from which maxima are looked for in each round,
constexpr Index kFewStarts = 32;   // shared among the targets, and at least for each of them
constexpr int kDescentSteps = 2000;
constexpr double kDescentGain = 0.1;   // of the tolerance, in twenty steps
constexpr double kFirstOutputs = 0.1;  // of the first neurons, against those that fit the targets
constexpr double kCoarse = 0.05;       // relative gap, down to which neurons go on by L-BFGS
constexpr double kMostEntries = 5e7;   // of the columns of a program worth solving
constexpr double kWorthwhile = 0.003;  // relative gain of a descent, after which another is made
constexpr int kPatience = 5;           // rounds that must gain as much as the tolerance in all
constexpr double kDead = 1e-9;         // of a neuron against the largest
constexpr double kPerturbation = 0.3;  // of a neuron, to look for maxima nearby

// Random neurons of both signs, small against what fits the targets, however X is scaled.
Neurons first_neurons(const HiddenLayer& layer, const Loss& loss, const SearchOptions& options) {
  const Matrix& X = layer.X;
  const Index n_targets = loss.n_targets();
  const Index width =
      std::max(std::clamp<Index>(layer.n_samples() / 50, 100, 400), kFirstWidth * n_targets);
  Neurons neurons(X.cols(), width);
  neurons.u = random_directions(X, width, options.seed);
  const Vector gradient = loss.gradient(Vector::Zero(loss.size()));
  const double fit = gradient.cwiseQuotient(loss.weights()).norm() /
                     (loss.bounded_curvature() ? loss.max_curvature() : 1.0);
  for (Index j = 0; j < width; ++j) {
    const double outputs = pooled((X * neurons.u.col(j)).cwiseAbs(), layer.patches).norm();
    neurons.u.col(j) *= outputs > 0.0 ? kFirstOutputs * fit / outputs : 0.0;
    if (j % 2 == 1) neurons.signs(j) = -1.0;
    neurons.targets[j] = j / 2 % n_targets;
  }
  return neurons;
}

Neurons without_dead(const Neurons& neurons) {
  const Vector norms = neurons.u.colwise().norm().transpose();
  const double largest = norms.size() > 0 ? norms.maxCoeff() : 0.0;
  std::vector<Index> alive;
  for (Index j = 0; j < norms.size(); ++j) {
    if (norms(j) > kDead * largest) alive.push_back(j);
  }
  Neurons rest(neurons.u.rows(), static_cast<Index>(alive.size()));
  rest.u = neurons.u(Eigen::all, alive);
  rest.signs = neurons.signs(alive);
  for (std::size_t j = 0; j < alive.size(); ++j) rest.targets[j] = neurons.targets[alive[j]];
  return rest;
}

// The blocks of a program, as the first of the neurons.
void set_neurons(const Program& program, const std::vector<Block>& blocks, Neurons& neurons) {
  for (std::size_t j = 0; j < blocks.size(); ++j) {
    neurons.u.col(j) = blocks[j].u;
    neurons.signs(j) = program.sign_of(blocks[j].id);
    neurons.targets[j] = program.target_of(blocks[j].id);
  }
}

// The master's neurons, and one for each peak, as long as would be best for it alone, divided by
// their number.
Neurons with_new_neurons(const RestrictedMaster& master, const HiddenLayer& layer, const Loss& loss,
                         const std::vector<Peak>& peaks) {
  const Program& program = master.program;
  const Index n_new = static_cast<Index>(peaks.size());
  const Index n_old = static_cast<Index>(master.set.blocks.size());
  Neurons neurons(program.design.n_features(), n_old + n_new);
  set_neurons(program, master.set.blocks, neurons);
  const Vector all_curvatures = loss.curvature(master.set.predictions);
  for (Index i = 0; i < n_new; ++i) {
    const Vector outputs = pooled(layer.activated(layer.X * peaks[i].u), layer.patches);
    const auto curvature = program.part(all_curvatures, peaks[i].target);
    const double bend = outputs.cwiseAbs2().dot(curvature) * static_cast<double>(n_new);
    const double length = bend > 0.0 ? (peaks[i].value - program.beta) / bend : 0.0;
    neurons.u.col(n_old + i) = length * peaks[i].u;
    neurons.signs(n_old + i) = -peaks[i].sign;
    neurons.targets[n_old + i] = peaks[i].target;
  }
  return neurons;
}

// Random points, the master's neurons of a target, and points near these.
std::vector<Peak> search_starts(const RestrictedMaster& master, Index target,
                                const Matrix& random) {
  std::vector<Peak> starts;
  for (const Block& block : master.set.blocks) {
    if (block.u.isZero(0) || master.program.target_of(block.id) != target) continue;
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

GlobalSolution search_smooth(const HiddenLayer& layer, const Loss& loss, double beta,
                             const SearchOptions& options, const Execution& execution) {
  const Matrix& X = layer.X;
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  RestrictedMaster master(layer, loss, beta, execution);
  const auto go_down = [&](const Neurons& start) {
    const double before = master.objective();
    const Neurons end = without_dead(descend(layer, loss, beta, start, kDescentSteps,
                                             kDescentGain * options.tol, deadline, execution));
    master.replace(end);
    return master.objective() < before ? 1.0 - master.objective() / before : 0.0;
  };
  const bool given = options.start.size() > 0;
  if (go_down(given ? options.start : first_neurons(layer, loss, options)) == 0.0) {
    master.replace(Neurons(X.cols(), 0));
  }
  PeakLimits limits;
  limits.floor = beta;
  limits.most_starts = std::numeric_limits<std::size_t>::max();
  std::uint64_t seed = options.seed;
  const auto price = [&](const RestrictedMaster& at) {
    const Index n_random = std::max(kFewStarts, kStarts / loss.n_targets());
    const Matrix random = random_directions(X, n_random, ++seed);
    Priced priced{beta, false, {}};
    for (Index target = 0; target < loss.n_targets(); ++target) {
      if (deadline.passed()) return Priced{std::numeric_limits<double>::infinity(), false, {}};
      const Vector v = spread(at.program.part(at.set.dual, target), layer.patches);
      const std::vector<Peak> starts = search_starts(at, target, random);
      priced.add(distinct_maxima(layer, v, starts, limits, execution), target);
    }
    for (const Peak& peak : priced.peaks) priced.upper = std::max(priced.upper, peak.value);
    return priced;
  };
  bool coarse = true;
  int rounds = 0;
  double checked = std::numeric_limits<double>::infinity();
  const auto improve = [&](const std::vector<Peak>& peaks, double gap, double target) {
    const double n_blocks = static_cast<double>(master.set.blocks.size() + peaks.size());
    const double entries = static_cast<double>(X.size() * loss.n_targets()) * n_blocks;
    const bool affordable = entries <= kMostEntries;
    coarse = !affordable || (coarse && gap > kCoarse * master.objective());
    if (coarse) {
      const double gain = go_down(with_new_neurons(master, layer, loss, peaks));
      coarse = gain > kWorthwhile;
      return affordable || gain > 0.1 * options.tol;
    }
    if (++rounds % kPatience == 0) {
      if (checked - master.objective() <= target) return false;
      checked = master.objective();
    }
    const double accuracy = std::max(0.3 * target, 0.1 * gap);
    const bool any_new = master.exchange(peaks);
    if (!any_new && accuracy <= 0.3 * target) return false;
    master.solve(accuracy, deadline);
    return true;
  };
  return generate_columns(master, loss, beta, options, deadline, price, improve);
}

Neurons neurons_of(const HiddenLayer& layer, const GlobalSolution& solution) {
  Neurons neurons(layer.X.cols(), static_cast<Index>(solution.blocks.size()));
  set_neurons(solution.program(layer, 1.0), solution.blocks, neurons);
  return neurons;
}

}  // namespace

GlobalSolution search_over_all_cells(const HiddenLayer& layer, const Loss& loss, double beta,
                                     const SearchOptions& options, const Execution& execution) {
  if (loss.smooth()) return search_smooth(layer, loss, beta, options, execution);
  const auto solve = [&](const Loss& smooth, const SolverOptions& inner,
                         const GlobalSolution* last) {
    SearchOptions search = options;
    static_cast<SolverOptions&>(search) = inner;
    if (last != nullptr && !last->blocks.empty()) search.start = neurons_of(layer, *last);
    return search_smooth(layer, smooth, beta, search, execution);
  };
  const Matrix rows = unit_rows(layer.X);
  const auto program_of = [&](const GlobalSolution& solution) {
    Program program = solution.program(layer, beta);
    program.cone_rows = rows;
    return program;
  };
  return approach_kinks<GlobalSolution>(loss, beta, options, execution, solve, program_of);
}

}  // namespace cvxnn
