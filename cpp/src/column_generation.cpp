#include "cvxnn/column_generation.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "cvxnn/branch_and_bound.hpp"
#include "cvxnn/sample.hpp"
#include "local_search.hpp"
#include "working_set.hpp"

namespace cvxnn {
namespace {

constexpr std::size_t kNewCells = 40;  // in a round
constexpr double kBoundShare = 0.3;    // of the violation: the bound need not be closer than that
constexpr double kBoundTol = 0.1;      // of the gap asked for
constexpr int kStalledRounds = 8;

// A program over a few cells, and a point of it.
class Restricted {
 public:
  Restricted(const Matrix& X, const Loss& loss, double beta, const Execution& execution)
      : loss_(loss), execution_(execution) {
    cells.n_hyperplanes = X.rows();
    program = {{&X, &cells}, unit_rows(X), beta, true};
    set.predictions = Vector::Zero(loss.size());
    set.dual = loss.gradient(set.predictions);
  }
  Restricted(const Restricted&) = delete;

  double objective() const { return loss_.value(set.predictions) + penalty(program, set); }

  // Keeps the cells in use and adds those of the peaks. Returns whether any block is new.
  bool exchange(const std::vector<Peak>& peaks) {
    Cells next{cells.n_hyperplanes, {}};
    std::vector<Block> blocks;
    std::map<std::vector<Word>, Index> place;
    const auto add_cell = [&](const Word* pattern) {
      const std::vector<Word> words(pattern, pattern + cells.n_words());
      const auto [known, fresh] = place.emplace(words, next.size());
      if (fresh) next.bits.insert(next.bits.end(), words.begin(), words.end());
      return known->second;
    };
    const auto id_of = [](Index cell, int sign) { return 2 * cell + (sign > 0 ? 0 : 1); };
    for (Block& block : set.blocks) {
      if (block.u.isZero(0)) continue;
      const Index cell = add_cell(cells.pattern(program.cell_of(block.id)));
      blocks.push_back(
          {id_of(cell, program.sign_of(block.id) > 0.0 ? 1 : -1), block.u, block.tight});
    }
    Matrix points(static_cast<Index>(peaks.size()), program.design.n_features());
    for (std::size_t i = 0; i < peaks.size(); ++i) points.row(i) = peaks[i].u.transpose();
    const Cells located = locate_cells(*program.design.X, points, execution_).cells;
    bool any = false;
    for (std::size_t i = 0; i < peaks.size(); ++i) {
      // a block lowers the objective where -s v . (D X u) is large
      const Index id = id_of(add_cell(located.pattern(static_cast<Index>(i))), -peaks[i].sign);
      const auto same = [&](const Block& block) { return block.id == id; };
      if (std::any_of(blocks.begin(), blocks.end(), same)) continue;
      blocks.push_back({id, Vector::Zero(program.design.n_features()), {}});
      any = true;
    }
    std::sort(blocks.begin(), blocks.end(),
              [](const Block& a, const Block& b) { return a.id < b.id; });
    set.blocks = std::move(blocks);
    cells.bits = std::move(next.bits);
    return any;
  }

  // To the optimum over these cells.
  void solve(double gap, const Deadline& deadline) {
    if (set.blocks.empty()) return;
    if (active_set_newton(program, loss_, gap, set, deadline, execution_)) return;
    if (working_set_gap(program, loss_, set, execution_) <= gap || deadline.passed()) return;
    SolverOptions options;
    options.tol = std::max(1e-12, gap / std::abs(objective()));
    options.max_seconds = deadline.max_seconds - deadline.elapsed();
    const double before = objective();
    const WorkingSet reached = set;
    const Solution solution = solve_cone_program(program, loss_, options, execution_);
    set = {};
    set.blocks = solution.blocks;
    set.predictions.setZero(loss_.size());
    for (const Block& block : set.blocks) {
      program.design.apply_add(program.cell_of(block.id), block.u, program.sign_of(block.id),
                               set.predictions);
    }
    if (objective() > before) set = reached;
    set.dual = loss_.gradient(set.predictions);
  }

  Cells cells;
  Program program;
  WorkingSet set;

 private:
  const Loss& loss_;
  const Execution& execution_;
};

}  // namespace

GlobalSolution solve_over_all_cells(const Matrix& X, const Loss& loss, double beta,
                                    const SolverOptions& options, const Execution& execution) {
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  Restricted restricted(X, loss, beta, execution);
  GlobalSolution solution;
  int idle = 0;
  for (int round = 0;; ++round) {
    WorkingSet& set = restricted.set;
    BoundOptions bounding;
    bounding.floor = beta;
    bounding.tol = kBoundTol * options.tol;
    bounding.share = kBoundShare;
    bounding.max_seconds = deadline.max_seconds - deadline.elapsed();
    const SupportBound support = bound_support(X, set.dual, bounding, execution);
    const DualBound bound = dual_bound(loss, set.dual, support.upper, beta);
    const bool tighter = round == 0 || bound.value > solution.lower_bound;
    if (tighter) {
      solution.lower_bound = bound.value;
      solution.dual = bound.scale * set.dual;
    }
    const double objective = restricted.objective();
    const bool better = round == 0 || objective < solution.objective;
    if (better) {
      solution.objective = objective;
      solution.blocks = set.blocks;
      solution.cells = restricted.cells;
    }
    const auto n_active = std::count_if(set.blocks.begin(), set.blocks.end(),
                                        [](const Block& block) { return !block.u.isZero(0); });
    solution.history.push_back({round, deadline.elapsed(), solution.objective, solution.lower_bound,
                                static_cast<Index>(n_active)});
    if (options.on_round) options.on_round(solution.history.back());
    idle = better || tighter ? 0 : idle + 1;
    const double gap = solution.objective - solution.lower_bound;
    const double target = options.tol * std::abs(solution.objective);
    const std::vector<Peak> peaks =
        gap <= target ? std::vector<Peak>()
                      : distinct_maxima(X, set.dual, support.peaks, beta, kNewCells, execution);
    solution.status = gap <= target                 ? Status::converged
                      : deadline.passed()           ? Status::time_limit
                      : round == options.max_rounds ? Status::iteration_limit
                                                    : Status::stalled;
    if (solution.status != Status::stalled || idle == kStalledRounds) break;
    if (!restricted.exchange(peaks)) break;
    restricted.solve(1e-3 * target, deadline);
  }
  solution.blocks.erase(std::remove_if(solution.blocks.begin(), solution.blocks.end(),
                                       [](const Block& block) { return block.u.isZero(0); }),
                        solution.blocks.end());
  return solution;
}

}  // namespace cvxnn
