#include "cvxnn/branch_and_bound.hpp"

#include <Eigen/QR>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <string>

#include "simplicial_cone.hpp"

namespace cvxnn {
namespace {

using simplicial::Cone;
using simplicial::ConeBound;
using simplicial::SmallVector;
using simplicial::WeightedRows;

constexpr std::size_t kWave = 1024;    // cones halved together, whatever the number of threads
constexpr std::size_t kRegions = 256;  // at least, where the search gets as far
constexpr double kMostBytes = 5e8;     // of cones that wait; with more, depth first
constexpr double kShortEdge = 1e-9;    // half of such a cone is noise

// One row a hyperplane, with the weights of all rows on it: (-x . u)_+ = (x . u)_+ - x . u, and
// phi(t) = slope t + (1 - slope) (t)_+. A row is divided by its largest entry, so that rows found
// equal are parallel up to rounding.
WeightedRows merged_rows(const HiddenLayer& layer, const Vector& v) {
  const Matrix& X = layer.X;
  Matrix directions(X.cols(), X.rows());
  Vector weights(X.rows());
  WeightedRows rows{{}, {}, layer.slope * (X.transpose() * v)};
  std::vector<Index> order;
  for (Index k = 0; k < X.rows(); ++k) {
    Index largest = 0;
    weights(k) = (1.0 - layer.slope) * v(k) * X.row(k).cwiseAbs().maxCoeff(&largest);
    if (weights(k) == 0.0) continue;
    directions.col(k) = X.row(k).transpose() / X(k, largest);
    if (X(k, largest) < 0.0) rows.linear -= weights(k) * directions.col(k);
    order.push_back(k);
  }
  const auto before = [&](Index a, Index b) {
    const auto x = directions.col(a);
    const auto y = directions.col(b);
    return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end());
  };
  std::stable_sort(order.begin(), order.end(), before);
  rows.x.resize(X.cols(), static_cast<Index>(order.size()));
  rows.v.setZero(rows.x.cols());
  Index count = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || before(order[i - 1], order[i])) rows.x.col(count++) = directions.col(order[i]);
    rows.v(count - 1) += weights(order[i]);
  }
  rows.x.conservativeResize(Eigen::NoChange, count);
  rows.v.conservativeResize(count);
  return rows;
}

template <int kRank>
struct Outcome {
  double settled = 0.0;  // bound on what is not in the halves
  double thin = 0.0;     // the same for a cone too thin to be cut
  std::vector<Cone<kRank>> halves;
  std::array<Peak, 2> peaks;
};

template <int kRank>
class Search {
 public:
  Search(const WeightedRows& rows, bool even, const Vector& magnitudes, double rounding,
         const BoundOptions& options, const Execution& execution)
      : rows_(rows),
        even_(even),
        magnitudes_(magnitudes),
        rounding_(rounding),
        options_(options),
        execution_(execution) {}

  SupportBound run() {
    const auto start = std::chrono::steady_clock::now();
    add_orthants();
    while (!waiting_.empty()) {
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      if (elapsed.count() > options_.max_seconds) {
        result_.status = Status::time_limit;
        break;
      }
      wave();
    }
    double upper = std::max(options_.floor, settled_);
    for (const auto& cone : waiting_) upper = std::max(upper, cone.upper);
    result_.upper = upper;
    if (waiting_.empty() && thin_ > target()) result_.status = Status::stalled;
    collect_peaks();
    return std::move(result_);
  }

 private:
  void add_orthants() {
    const Index rank = rows_.x.rows();
    for (Index corner = 0; corner < Index{1} << (even_ ? rank - 1 : rank); ++corner) {
      Cone<kRank> cone;
      cone.rays.setIdentity(rank, rank);
      for (Index j = 0; j < rank; ++j) {
        if ((corner >> j) & 1) cone.rays(j, j) = -1.0;
      }
      cone.sum = rows_.linear;
      for (Index k = 0; k < rows_.v.size(); ++k) {
        const SmallVector<kRank> values = cone.rays.transpose() * rows_.x.col(k);
        if (values.minCoeff() < 0.0 && values.maxCoeff() > 0.0) {
          cone.rows.push_back(static_cast<std::int32_t>(k));
        } else if (values.maxCoeff() > 0.0) {
          cone.sum += rows_.v(k) * rows_.x.col(k);
        }
      }
      cone.upper = 2.0 * magnitudes_.norm();
      waiting_bytes_ += bytes(cone);
      waiting_.push_back(std::move(cone));
    }
  }

  static double bytes(const Cone<kRank>& cone) {
    return static_cast<double>(sizeof(cone) + sizeof(std::int32_t) * cone.rows.size());
  }

  // The cones with the highest bounds to the end, so that high points are found early.
  std::size_t sort_out() {
    if (waiting_.size() <= kWave) return 0;
    const std::size_t begin = waiting_.size() - kWave;
    if (waiting_bytes_ > kMostBytes) return begin;
    const auto lower = [](const Cone<kRank>& a, const Cone<kRank>& b) { return a.upper < b.upper; };
    std::nth_element(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(begin),
                     waiting_.end(), lower);
    return begin;
  }

  // What a bound must not exceed. Bounds include rounding: twice what no cut can avoid is allowed.
  double target() const {
    const double top = std::max(options_.floor, highest_);
    const double share = options_.share * (top - options_.floor);
    return (1.0 + options_.tol) * top + share;
  }

  // Of linear functions at unit vectors of a cone; and what there is even in a thin part of it.
  std::array<double, 2> rounding_in(const Cone<kRank>& cone, double shortest) const {
    const Vector at_rays = cone.rays.cwiseAbs().transpose() * magnitudes_;
    return {rounding_ * at_rays.maxCoeff() / shortest, rounding_ * at_rays.minCoeff()};
  }

  void wave() {
    const std::size_t begin = sort_out();
    const std::size_t count = waiting_.size() - begin;
    if (regions_.empty() && count >= kRegions) {
      for (std::size_t i = 0; i < count; ++i) waiting_[i].region = static_cast<std::int32_t>(i);
      regions_.resize(count);
    }
    double n_rows = 0.0;
    for (std::size_t i = begin; i < waiting_.size(); ++i) {
      n_rows += static_cast<double>(waiting_[i].rows.size());
    }
    const double cost =
        200.0 + 20.0 * static_cast<double>(rows_.x.rows()) * n_rows / static_cast<double>(count);
    const double target = this->target();
    outcomes_.assign(count, {});
    workspaces_.resize(static_cast<std::size_t>(execution_.n_threads));
    parallel_for(static_cast<Index>(count), cost, execution_,
                 [&](Index i, int thread, const auto&) {
                   examine(waiting_[begin + static_cast<std::size_t>(i)], target,
                           workspaces_[thread], outcomes_[i]);
                 });
    result_.n_cones += static_cast<Index>(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::int32_t region = waiting_[begin + i].region;
      waiting_bytes_ -= bytes(waiting_[begin + i]);
      for (Peak& peak : outcomes_[i].peaks) keep(std::move(peak), region);
    }
    waiting_.resize(begin);
    for (auto& outcome : outcomes_) {
      settled_ = std::max(settled_, outcome.settled);
      thin_ = std::max(thin_, outcome.thin);
      for (auto& half : outcome.halves) {
        waiting_bytes_ += bytes(half);
        waiting_.push_back(std::move(half));
      }
    }
  }

  void keep(Peak peak, std::int32_t region) {
    if (!(peak.value > options_.floor)) return;
    highest_ = std::max(highest_, peak.value);
    if (region < 0) {
      early_.push_back(std::move(peak));
    } else if (peak.value > regions_[region].value) {
      regions_[region] = std::move(peak);
    }
  }

  void collect_peaks() {
    result_.peaks = std::move(early_);
    for (Peak& peak : regions_) {
      if (peak.value > 0.0) result_.peaks.push_back(std::move(peak));
    }
    std::stable_sort(result_.peaks.begin(), result_.peaks.end(),
                     [](const Peak& a, const Peak& b) { return a.value > b.value; });
  }

  // Bounds a cone; in halves if that is more than the target.
  void examine(Cone<kRank>& cone, double target, simplicial::Workspace<kRank>& work,
               Outcome<kRank>& outcome) const {
    simplicial::Bounder<kRank> bounder(rows_, cone, work);
    const auto [rounding, least] = rounding_in(cone, bounder.shortest());
    target += 2.0 * least;
    double upper = 0.0;
    for (const int sign : {1, -1}) {
      const std::size_t side = sign > 0 ? 0 : 1;
      if (!cone.open[side]) continue;
      const ConeBound<kRank> bound = bounder.bound(sign, target - rounding);
      const double above = bound.upper + rounding;
      cone.open[side] = !(above <= target);
      if (!cone.open[side]) {
        outcome.settled = std::max(outcome.settled, above);
        continue;
      }
      upper = std::max(upper, above);
      outcome.peaks[side] = {bound.at, bounder.value(sign, bound.at), sign};
    }
    if (!cone.open[0] && !cone.open[1]) return;
    cone.upper = std::min(cone.upper, upper);
    const auto cut = simplicial::cut_of(rows_, cone, work.values);
    const auto [i, j] = cut.edge;
    const auto edge = (cone.rays.col(i) - cone.rays.col(j)).cwiseAbs();
    const auto ends = cone.rays.col(i).cwiseAbs() + cone.rays.col(j).cwiseAbs();
    if (magnitudes_.dot(edge) < kShortEdge * magnitudes_.dot(ends)) {
      outcome.settled = std::max(outcome.settled, cone.upper);
      outcome.thin = cone.upper - 2.0 * least;
      return;
    }
    Vector at_point(work.values.cols());
    for (Index k = 0; k < at_point.size(); ++k) {
      at_point(k) = simplicial::snapped(rows_.x.col(cone.rows[k]).dot(cut.point));
    }
    for (const Index replaced : cut.edge) {
      outcome.halves.push_back(
          simplicial::half(rows_, cone, work.values, at_point, cut.point, replaced));
    }
  }

  const WeightedRows& rows_;
  const bool even_;           // h(-u) = h(u): half of the space is enough
  const Vector& magnitudes_;  // no coefficient of a linear function is larger
  const double rounding_;     // relative
  const BoundOptions& options_;
  const Execution& execution_;
  std::vector<Cone<kRank>> waiting_;
  double waiting_bytes_ = 0.0;
  std::vector<Outcome<kRank>> outcomes_;
  std::vector<simplicial::Workspace<kRank>> workspaces_;
  std::vector<Peak> early_;    // before there were regions
  std::vector<Peak> regions_;  // the highest in each
  double highest_ = 0.0;
  double settled_ = 0.0;
  double thin_ = 0.0;
  SupportBound result_;
};

template <int kRank>
SupportBound search(const WeightedRows& rows, bool even, const Vector& magnitudes, double rounding,
                    const BoundOptions& options, const Execution& execution) {
  return Search<kRank>(rows, even, magnitudes, rounding, options, execution).run();
}

}  // namespace

// A value of h is a sum over at most n rows, a cone's linear function one of vectors; cutting and
// snapping add a few roundings of a term each, whose number the depth of the search bounds.
SupportBound bound_support(const HiddenLayer& layer, const Vector& v, const BoundOptions& options,
                           const Execution& execution) {
  const Matrix& X = layer.X;
  if (X.cols() > simplicial::kMostRank) {
    throw std::invalid_argument("bound_support handles up to 16 columns, got " +
                                std::to_string(X.cols()));
  }
  const WeightedRows rows = merged_rows(layer, v);
  const double steepest = std::abs(layer.slope) + std::abs(1.0 - layer.slope);
  const Vector magnitudes = 1.01 * steepest * (X.cwiseAbs().transpose() * v.cwiseAbs());
  const double rounding =
      (static_cast<double>(X.rows()) + 1000.0) * std::numeric_limits<double>::epsilon();
  const auto run = [&](auto search) {
    return search(rows, layer.slope == -1.0, magnitudes, rounding, options, execution);
  };
  switch (X.cols()) {
    case 2:
      return run(search<2>);
    case 3:
      return run(search<3>);
    case 4:
      return run(search<4>);
    case 5:
      return run(search<5>);
    case 6:
      return run(search<6>);
    default:
      return run(search<Eigen::Dynamic>);
  }
}

}  // namespace cvxnn
