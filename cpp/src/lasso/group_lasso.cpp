#include "cvxnn/lasso/group_lasso.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "lasso/null_model.hpp"
#include "lasso/screening.hpp"
#include "losses/intercept.hpp"

namespace cvxnn::lasso {
namespace {

constexpr int kStalledRounds = 3;  // rounds without progress before giving up
constexpr Index kNewGroups = 16;   // violated groups taken in a round, at least
constexpr Index kNewColumns = 100;
constexpr Index kNewDenseColumns = 500;  // gathered at little cost
constexpr Index kManyColumns = 500;
constexpr Index kPolishedEntries = 30000;

class Solver {
 public:
  Solver(const Problem& problem, const Options& options, const Execution& execution)
      : problem_(problem),
        options_(options),
        execution_(execution),
        deadline_{Deadline::Clock::now(), options.max_seconds},
        null_(null_model(problem)),
        set_(problem, execution),
        screening_(problem, execution),
        sub_{problem, penalty_of(problem), problem.group_weights, set_, null_.f, null_.b} {
    latest_ = screening_.correlate(null_.v, sub_.penalty, Vector::Zero(sub_.strengths.size()));
    largest_alpha_ = smallest_zero_alpha(problem, latest_);
  }

  void warm_start(const Start& start);
  Solution solve(double alpha, Index alpha_number);

 private:
  void enlarge(const std::vector<Index>& candidates);
  std::vector<Index> violated_groups() const;
  bool polish();
  Index used_columns() const;
  void tidy();
  void extrapolate(double alpha);
  void restart_at_zero();
  Solution report(double objective) const;

  const Problem& problem_;
  const Options& options_;
  const Execution& execution_;
  Deadline deadline_;
  bool stopped_ = false;
  Null null_;
  ActiveSet set_;
  Screening screening_;
  Subproblem sub_;
  Correlations latest_;  // at the last point seen
  double largest_alpha_ = 0.0;
  double latest_alpha_ = 0.0;                        // the alpha of the coefficients
  std::unordered_map<Index, Matrix> last_solution_;  // at the alpha before that, by group
  double last_alpha_ = 0.0;
};

void Solver::enlarge(const std::vector<Index>& candidates) {
  std::vector<Index> fresh;
  for (const Index g : candidates) {
    if (!set_.contains(g)) fresh.push_back(g);
  }
  if (!fresh.empty()) set_.append(fresh);
}

// The groups that most exceed their strength, not too many at once.
std::vector<Index> Solver::violated_groups() const {
  std::vector<std::pair<double, Index>> found;
  for (Index g = 0; g < sub_.strengths.size(); ++g) {
    if (set_.contains(g)) continue;
    const Index begin = latest_.starts[g];
    const auto Z = latest_.Z.middleRows(begin, latest_.starts[g + 1] - begin);
    const double support = sub_.penalty.support(Z);
    if (support <= sub_.strengths(g)) continue;
    found.emplace_back(-support / std::max(sub_.strengths(g), 1e-300), g);
  }
  std::sort(found.begin(), found.end());
  const Index few = problem_.design->lazy() ? kNewColumns : kNewDenseColumns;
  const Index columns_allowed = std::max(few, used_columns());
  std::vector<Index> groups;
  Index columns = 0;
  for (const auto& [order, g] : found) {
    const bool enough = static_cast<Index>(groups.size()) >= kNewGroups;
    if (enough && columns >= columns_allowed) break;
    groups.push_back(g);
    columns += problem_.design->groups().size(g);
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

// Solutions change smoothly with alpha: go on along the line through the last two if that is
// better.
void Solver::extrapolate(double alpha) {
  const std::unordered_map<Index, Matrix> older = std::move(last_solution_);
  const double older_alpha = last_alpha_;
  last_solution_.clear();
  for (const Index i : support_of(set_)) last_solution_[set_.group(i)] = set_.coefficients(i);
  last_alpha_ = latest_alpha_;
  const double ahead = (last_alpha_ - alpha) / (older_alpha - last_alpha_);
  if (older.empty() || !(ahead > 0.0 && ahead < 2.0) || !sub_.penalty.radial()) return;
  const double before = objective(sub_);
  const Matrix W = set_.W;
  const Vector f = sub_.f;
  const Vector b = sub_.b;
  for (Index i = 0; i < set_.count(); ++i) {
    const auto found = older.find(set_.group(i));
    if (found == older.end() || set_.is_zero(i)) continue;
    set_.W.middleRows(set_.start(i), set_.width(i)) +=
        ahead * (set_.coefficients(i) - found->second);
  }
  refresh_predictions(sub_);
  if (objective(sub_) < before) return;
  set_.W = W;
  sub_.f = f;
  sub_.b = b;
}

// Takes a small problem from its tolerance to the rounding: it costs nothing, and equal problems
// written differently then have equal solutions. Returns whether anything changed.
bool Solver::polish() {
  constexpr int kSteps = 3;
  if (sub_.n() * used_columns() * sub_.K() > kPolishedEntries) return false;
  int moves = 0;
  while (moves < kSteps && newton_step(sub_, 1e-8, execution_).outcome == NewtonOutcome::moved) {
    ++moves;
  }
  return moves > 0;
}

Index Solver::used_columns() const {
  Index used = 0;
  for (const Index i : support_of(set_)) used += set_.width(i);
  return used;
}

// Members that stayed zero cost time once they are many.
void Solver::tidy() {
  if (set_.n_columns() > std::max(3 * used_columns(), kManyColumns)) set_.drop_zeros();
}

void Solver::restart_at_zero() {
  set_.W.setZero();
  sub_.f = null_.f;
  sub_.b = null_.b;
}

void Solver::warm_start(const Start& start) {
  const Groups& groups = problem_.design->groups();
  std::vector<Index> position(static_cast<std::size_t>(groups.n_columns()), -1);
  for (std::size_t j = 0; j < start.columns.size(); ++j) position[start.columns[j]] = j;
  std::vector<Index> chosen;
  for (Index g = 0; g < groups.count(); ++g) {
    const auto begin = groups.columns.begin() + groups.starts[g];
    const bool used = std::any_of(begin, begin + groups.size(g),
                                  [&](Index column) { return position[column] >= 0; });
    if (used) chosen.push_back(g);
  }
  enlarge(chosen);
  for (Index i = 0; i < set_.count(); ++i) {
    const Index first = groups.starts[set_.group(i)];
    for (Index j = 0; j < set_.width(i); ++j) {
      const Index from = position[groups.columns[first + j]];
      if (from >= 0) set_.W.row(set_.start(i) + j) = start.values.row(from);
    }
  }
  if (problem_.positive) set_.W = set_.W.cwiseMax(0.0);
  if (start.intercept.size() == sub_.b.size() && problem_.fit_intercept) {
    sub_.b = start.intercept + set_.mean_part();
  }
  refresh_predictions(sub_);
}

Solution Solver::report(double objective) const {
  const Groups& groups = problem_.design->groups();
  std::vector<std::pair<Index, Index>> rows;  // column of the data, row of W
  for (const Index i : support_of(set_)) {
    for (Index j = 0; j < set_.width(i); ++j) {
      rows.emplace_back(groups.columns[groups.starts[set_.group(i)] + j], set_.start(i) + j);
    }
  }
  std::sort(rows.begin(), rows.end());
  Solution solution;
  solution.values.resize(static_cast<Index>(rows.size()), sub_.K());
  for (std::size_t j = 0; j < rows.size(); ++j) {
    solution.columns.push_back(rows[j].first);
    solution.values.row(j) = set_.W.row(rows[j].second);
  }
  solution.intercept = sub_.b - set_.mean_part();
  solution.objective = objective;
  solution.null_objective = null_.objective;
  return solution;
}

Solution Solver::solve(double alpha, Index alpha_number) {
  sub_.strengths = alpha * problem_.group_weights;
  const double target = options_.tol * null_.scale;
  const bool zero = alpha >= largest_alpha_ || null_.is_perfect;
  if (zero) {
    restart_at_zero();
  } else if (!deadline_.passed() && !stopped_) {
    extrapolate(alpha);
    tidy();
    enlarge(violated_groups());
    // far from the solution the first working set is not worth much effort
    const bool cold = support_of(set_).empty();
    const double enough = std::max(0.3 * target, cold ? 1e-3 * null_.scale : 0.0);
    improve(sub_, enough, deadline_, execution_);
  }
  Solution best;
  best.dual_gap = std::numeric_limits<double>::infinity();
  double bound = problem_.loss->infimum();  // the dual vector zero proves as much
  best.dual = Matrix::Zero(sub_.n(), sub_.K());
  int without_progress = 0;
  bool polished = false;
  for (int round = 0;; ++round) {
    refresh_predictions(sub_);
    const double value = objective(sub_);
    const Vector v = problem_.loss->gradient(sub_.f);
    latest_ = screening_.correlate(v, sub_.penalty, sub_.strengths);
    const DualBound dual =
        dual_bound(dual_line(problem_, v), sub_.penalty, sub_.strengths, latest_);
    const bool feasible = !problem_.fit_intercept || is_balanced(*problem_.loss, sub_.f, v);
    if (feasible && dual.value > bound) {
      bound = dual.value;
      best.dual = dual.scale * v.reshaped(sub_.n(), sub_.K());
    }
    const double gap = null_.is_perfect ? 0.0 : std::max(0.0, value - bound);
    without_progress = gap < 0.9 * best.dual_gap ? 0 : without_progress + 1;
    best.dual_gap = std::min(best.dual_gap, gap);
    best.n_iter = round + 1;
    best.relative_gap = best.dual_gap == 0.0 ? 0.0 : best.dual_gap / null_.scale;
    const bool converged = gap <= target;
    const bool late = deadline_.passed();
    const bool last = round + 1 >= options_.max_iter;
    if (converged && !zero && !polished && !last) {
      polished = true;
      if (polish()) continue;
    }
    const bool stalled = without_progress >= kStalledRounds;
    if (options_.on_progress && !stopped_) {
      stopped_ = options_.on_progress(
          {alpha_number, round + 1, deadline_.elapsed(), value, best.relative_gap});
    }
    if (converged || late || last || stopped_ || stalled) {
      latest_alpha_ = alpha;
      Solution solution = report(value);
      solution.dual = best.dual;
      solution.dual_gap = gap;
      solution.relative_gap = gap == 0.0 ? 0.0 : gap / null_.scale;
      solution.n_iter = round + 1;
      solution.status = converged  ? Status::converged
                        : late     ? Status::time_limit
                        : last     ? Status::iteration_limit
                        : stopped_ ? Status::stopped
                                   : Status::stalled;
      return solution;
    }
    tidy();
    enlarge(violated_groups());
    improve(sub_, std::max(0.3 * target, 0.2 * gap), deadline_, execution_);
  }
}

}  // namespace

std::vector<Solution> solve_group_lasso(const Problem& problem, const std::vector<double>& alphas,
                                        const Options& options, const Start* start,
                                        const Execution& execution) {
  Solver solver(problem, options, execution);
  if (start != nullptr) solver.warm_start(*start);
  std::vector<Solution> solutions;
  for (std::size_t a = 0; a < alphas.size(); ++a) {
    solutions.push_back(solver.solve(alphas[a], static_cast<Index>(a)));
  }
  return solutions;
}

}  // namespace cvxnn::lasso
