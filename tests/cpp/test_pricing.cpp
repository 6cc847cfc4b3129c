// Pricing against norms of single gradients: screening in float32 must not lose a block.
#include "cvxnn/pricing.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "problem.hpp"

namespace cvxnn {
namespace {

using test::Problem;
using test::sampled_problem;

TEST_CASE("pricing: exactly the blocks above beta, however close to it they are") {
  Problem p = sampled_problem("squared", false, 300, 7, 400);
  const Vector v = test::gaussian(300, 1, 40);
  std::vector<double> norms;
  for (Index i = 0; i < p.cells.size(); ++i) {
    norms.push_back(p.program.design.apply_transposed(i, v).norm());
  }
  std::vector<double> sorted = norms;
  std::sort(sorted.begin(), sorted.end());
  // far below float32's resolution, above that of float64
  for (const double factor : {1.0 - 1e-11, 1.0 + 1e-11}) {
    for (const double quantile : {0.1, 0.5, 0.9, 1.0}) {
      const std::size_t rank =
          static_cast<std::size_t>(quantile * static_cast<double>(sorted.size() - 1));
      p.program.beta = factor * sorted[rank];
      const Pricing pricing = price_blocks(p.program, v, {});
      const auto above =
          std::count_if(norms.begin(), norms.end(), [&](double t) { return t > p.program.beta; });
      REQUIRE(static_cast<std::ptrdiff_t>(pricing.violations.size()) == above);
      double previous = std::numeric_limits<double>::infinity();
      for (const Violation& violation : pricing.violations) {
        CHECK(violation.support >= norms[violation.block]);
        CHECK(violation.support == doctest::Approx(norms[violation.block]).epsilon(1e-12));
        CHECK(violation.support <= previous);
        previous = violation.support;
      }
      CHECK(pricing.max_support >= std::min(sorted.back(), p.program.beta));
    }
  }
}

TEST_CASE("pricing: the number of threads does not change a bit") {
  for (const bool cones : {true, false}) {
    Problem p = sampled_problem("squared", cones, 500, 6, 1500);
    const Vector v = test::gaussian(500, 1, 41);
    p.program.beta = 0.8 * p.program.design.apply_transposed(0, v).norm();
    const Pricing one = price_blocks(p.program, v, {1, {}});
    CHECK_FALSE(one.violations.empty());
    for (const int n_threads : {2, 5}) {
      const Pricing several = price_blocks(p.program, v, {n_threads, {}});
      CHECK(one.max_support == several.max_support);
      REQUIRE(one.violations.size() == several.violations.size());
      for (std::size_t i = 0; i < one.violations.size(); ++i) {
        CHECK(one.violations[i].block == several.violations[i].block);
        CHECK(one.violations[i].support == several.violations[i].support);
      }
    }
  }
}

}  // namespace
}  // namespace cvxnn
