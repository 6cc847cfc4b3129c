#include "cvxnn/pricing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cvxnn {
namespace {

constexpr Index kBlock = 64;  // cells priced together by one matrix product

// Rounding of X' D v, twice the usual bound for sums of n products.
double gradient_rounding(const Program& program, const Vector& v) {
  const Vector norms = program.design.X->rowwise().norm();
  const double n = static_cast<double>(v.size());
  return 2.0 * (n + 4.0) * std::numeric_limits<double>::epsilon() * norms.dot(v.cwiseAbs());
}

}  // namespace

Cone Program::cone_of(Index block) const {
  if (!cones) return {};
  return {&cone_rows, design.cells->pattern(cell_of(block))};
}

Pricing price_blocks(const Program& program, const Vector& v, const Execution& execution) {
  const Index n_cells = program.design.cells->size();
  const Index copies = program.cones ? 2 : 1;
  const double rounding = gradient_rounding(program, v);
  std::vector<double> supports(static_cast<std::size_t>(program.n_blocks()), 0.0);
  std::vector<ConeProjector> projectors(static_cast<std::size_t>(execution.n_threads));

  const double cost = 16.0 * static_cast<double>(kBlock * program.design.X->size());
  parallel_for(
      (n_cells + kBlock - 1) / kBlock, cost, execution, [&](Index chunk, int thread, const auto&) {
        const Index begin = chunk * kBlock;
        const Index count = std::min(kBlock, n_cells - begin);
        const Matrix gradients = program.design.apply_transposed_block(begin, count, v);
        std::vector<Index> tight;
        for (Index i = 0; i < count; ++i) {
          const double length = gradients.col(i).norm();
          if (length + rounding <= program.beta) continue;  // the bound without the cone suffices
          for (Index block = copies * (begin + i); block < copies * (begin + i + 1); ++block) {
            if (!program.cones) {
              supports[block] = length + rounding;
              continue;
            }
            const Vector target = -program.sign_of(block) * gradients.col(i);
            const Cone cone = program.cone_of(block);
            tight.clear();
            projectors[thread].project(cone, target, tight, program.beta - rounding);
            supports[block] = projectors[thread].support_bound(cone, target) + rounding;
          }
        }
      });

  Pricing pricing;
  pricing.max_support = program.beta;
  for (Index block = 0; block < program.n_blocks(); ++block) {
    if (!(supports[block] > program.beta)) continue;
    pricing.max_support = std::max(pricing.max_support, supports[block]);
    pricing.violations.push_back({supports[block], block});
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
