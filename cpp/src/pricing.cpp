#include "cvxnn/pricing.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "mask_sweep.hpp"

namespace cvxnn {
namespace {

constexpr Index kGroup = 16;                     // cells priced one after the other by a thread
constexpr Index kMaxGradients = Index{1} << 21;  // numbers held at a time: 16 MB

// Cells whose gradient may be longer than beta: in float32, with its error on top. Sweeps are those
// of the ReLU, so with another activation all cells remain.
std::vector<Index> long_gradients(const Program& program, const Vector& v,
                                  const Execution& execution) {
  const MaskedOperator& design = program.design;
  std::vector<Index> cells(static_cast<std::size_t>(design.cells->size()));
  std::iota(cells.begin(), cells.end(), Index{0});
  const double error = sweep_error(*design.X, v, Precision::float32);
  if (error > program.beta || design.slope != 0.0) return cells;
  const Vector norms = sweep_norms(*design.X, v, stored_masks(*design.cells), design.cells->size(),
                                   Precision::float32, execution);
  const auto surely_short = [&](Index i) { return norms(i) + error <= program.beta; };
  cells.erase(std::remove_if(cells.begin(), cells.end(), surely_short), cells.end());
  return cells;
}

// Supports of blocks, 0 for those that are surely not above beta.
class Supports {
 public:
  Supports(const Program& program, int n_threads)
      : values(static_cast<std::size_t>(program.n_blocks()), 0.0),
        program_(program),
        projectors_(static_cast<std::size_t>(n_threads)) {}

  // What gradients are off by from now on.
  void set_rounding(double rounding) { rounding_ = rounding; }

  void price(Index target, Index cell, const Vector& gradient, int thread) {
    const double length = gradient.norm();
    if (length + rounding_ <= program_.beta) return;  // the bound without the cone suffices
    const Index first = program_.block_of(target, cell, 1.0);
    if (!program_.cones) {
      values[first] = length + rounding_;
      return;
    }
    ConeProjector& projector = projectors_[thread];
    std::vector<Index> tight;
    for (Index block = first; block < first + program_.signs(); ++block) {
      const Vector ascent = -program_.sign_of(block) * gradient;
      const Cone cone = program_.cone_of(block);
      tight.clear();
      projector.project(cone, ascent, tight, program_.beta - rounding_);
      values[block] = projector.support_bound(cone, ascent) + rounding_;
    }
  }

  std::vector<double> values;

 private:
  const Program& program_;
  double rounding_ = 0.0;
  std::vector<ConeProjector> projectors_;
};

// v has an entry for each row of X.
void price_target(const Program& program, Index target, const Vector& v, Supports& supports,
                  const Execution& execution) {
  const Matrix& X = *program.design.X;
  const std::vector<Index> cells = long_gradients(program, v, execution);
  const double slope = program.design.slope;
  const Vector linear = slope * (X.transpose() * v);
  double rounding = std::abs(1.0 - slope) * sweep_error(X, v, Precision::float64);
  if (slope != 0.0) {
    const double terms = static_cast<double>(X.rows() + 8);
    rounding += std::abs(slope) * terms * std::numeric_limits<double>::epsilon() *
                sums_of_magnitudes(X, v).norm();
  }
  supports.set_rounding(rounding);
  const Index n_cells = static_cast<Index>(cells.size());
  const Index most = std::max(kGroup, kMaxGradients / std::max<Index>(1, X.cols()));
  for (Index begin = 0; begin < n_cells; begin += most) {
    const Index count = std::min(most, n_cells - begin);
    const std::vector<Index> chosen(cells.begin() + begin, cells.begin() + begin + count);
    Matrix gradients(X.cols(), count);
    sweep_gradients(X, v, selected_masks(*program.design.cells, chosen), count, Precision::float64,
                    execution, [&](Index first, const ConstMatrixRef& block) {
                      gradients.middleCols(first, block.cols()) = block;
                    });
    if (slope != 0.0) gradients = ((1.0 - slope) * gradients).colwise() + linear;
    const double cost = 16.0 * static_cast<double>(kGroup * X.size());
    parallel_for((count + kGroup - 1) / kGroup, cost, execution,
                 [&](Index group, int thread, const auto&) {
                   const Index last = std::min(count, (group + 1) * kGroup);
                   for (Index i = group * kGroup; i < last; ++i) {
                     supports.price(target, chosen[i], gradients.col(i), thread);
                   }
                 });
  }
}

}  // namespace

Pricing price_blocks(const Program& program, const Vector& v, const Execution& execution) {
  Supports supports(program, execution.n_threads);
  for (Index target = 0; target < program.n_targets; ++target) {
    price_target(program, target, spread(program.part(v, target), program.design.patches), supports,
                 execution);
  }
  Pricing pricing;
  pricing.max_support = program.beta;
  for (Index block = 0; block < program.n_blocks(); ++block) {
    if (!(supports.values[block] > program.beta)) continue;
    pricing.max_support = std::max(pricing.max_support, supports.values[block]);
    pricing.violations.push_back({supports.values[block], block});
  }
  std::stable_sort(pricing.violations.begin(), pricing.violations.end(),
                   [](const Violation& a, const Violation& b) { return a.support > b.support; });
  return pricing;
}

DualBound dual_bound(const Loss& loss, const Vector& v, double max_support, double beta) {
  DualBound bound;
  bound.scale = loss.best_scale(v, beta / max_support);
  bound.value = loss.dual_value(bound.scale * v);
  return bound;
}

}  // namespace cvxnn
