// The largest |v . (X u)_+| over the sphere against the largest over all cells.
#include "cvxnn/branch_and_bound.hpp"

#include <doctest/doctest.h>

#include "problem.hpp"

namespace cvxnn {
namespace {

double over_all_cells(const Matrix& X, const Vector& v) {
  const Cells cells = enumerate_cells(Arrangement(X), {}, {});
  Program program{{&X, &cells}, unit_rows(X), 1e-12, true};
  return price_blocks(program, v, {}).max_support;
}

double value_at(const Matrix& X, const Vector& v, const Peak& peak) {
  return peak.sign * v.dot((X * peak.u).cwiseMax(0.0));
}

void check_bound(const Matrix& X, const Vector& v) {
  const double expected = over_all_cells(X, v);
  BoundOptions options;
  options.tol = 1e-10;
  const SupportBound bound = bound_support(X, v, options, {});
  CHECK(bound.status == Status::converged);
  CHECK(bound.upper >= expected * (1.0 - 1e-11));
  CHECK(bound.upper <= expected * (1.0 + 1e-9) + 1e-11);
  if (expected < 1e-10) return;
  REQUIRE_FALSE(bound.peaks.empty());
  for (const Peak& peak : bound.peaks) {
    CHECK(peak.u.norm() == doctest::Approx(1.0).epsilon(1e-12));
    CHECK(peak.value == doctest::Approx(value_at(X, v, peak)).epsilon(1e-9));
    CHECK(peak.value <= bound.peaks.front().value);
  }
  CHECK(bound.peaks.front().value == doctest::Approx(expected).epsilon(1e-9));
}

TEST_CASE("branch and bound: the maximum over all cells, generic and tied rows") {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const Index d = 1 + static_cast<Index>(seed % 5);
    const Index n = 1 + static_cast<Index>(seed * 7 % (d < 4 ? 40 : 16));
    const bool tied = seed % 2 == 1;
    const Matrix X = tied ? test::integers(n, d, 2, seed) : test::gaussian(n, d, seed);
    if (X.isZero(0)) continue;
    const bool few = seed % 3 == 0;
    check_bound(X, few ? Vector(test::integers(n, 1, 1, seed + 1000))
                       : Vector(test::gaussian(n, 1, seed + 1000)));
  }
}

TEST_CASE("branch and bound: other activations, and columns of very different height") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Index d = 2 + static_cast<Index>(seed % 3);
    const double slope = seed % 2 == 0 ? -1.0 : 0.3;
    Matrix X = seed % 3 == 0 ? test::integers(15, d, 2, seed) : test::gaussian(15, d, seed);
    const bool high = seed % 5 == 4;
    if (high) X.col(d - 1).setConstant(4096.0);
    const Vector v = test::gaussian(15, 1, seed + 1000);
    const Cells cells = enumerate_cells(Arrangement(X), {}, {});
    const Program program{{&X, &cells, slope}, unit_rows(X), 1e-12, true};
    const double expected = price_blocks(program, v, {}).max_support;
    BoundOptions options;
    options.tol = 1e-9;
    const HiddenLayer layer(X, slope);
    const SupportBound bound = bound_support(layer, v, options, {});
    CHECK(bound.upper >= expected * (1.0 - 1e-9));
    CHECK(bound.upper <= expected * (1.0 + (high ? 1e-6 : 1e-8)));
    for (const Peak& peak : bound.peaks) {
      CHECK(peak.value ==
            doctest::Approx(peak.sign * v.dot(layer.activated(X * peak.u))).epsilon(1e-8));
    }
  }
}

TEST_CASE("branch and bound: one sign, duplicate, opposite and zero rows") {
  Matrix X(6, 2);
  X << 1, 2, 1, 2, -1, -2, 2, 4, 0, 0, 3, -1;
  check_bound(X, test::gaussian(6, 1, 1));
  check_bound(X, Vector::Ones(6));
  check_bound(X, -Vector::Ones(6));
  check_bound(test::resonance(4), test::gaussian(15, 1, 2));
  check_bound(test::threshold(3), test::gaussian(8, 1, 3));
}

TEST_CASE("branch and bound: an end where rounding is all there is") {
  Matrix X(2, 3);
  X << 1, 2, 3, 1, 2, 3;
  Vector v(2);
  v << 1, -1;
  BoundOptions options;
  options.tol = 0.0;
  const SupportBound nothing = bound_support(X, v, options, {});
  CHECK(nothing.status == Status::converged);
  CHECK(nothing.upper <= 1e-11);
  // peaks at the floor to the last digit
  const Matrix Y = test::gaussian(1500, 3, 13);
  const Vector w = test::gaussian(1500, 1, 14);
  options.floor = bound_support(Y, w, options, {}).peaks.front().value;
  const SupportBound bound = bound_support(Y, w, options, {});
  CHECK(bound.status == Status::converged);
  CHECK(bound.upper <= options.floor * (1.0 + 1e-7));
}

TEST_CASE("branch and bound: the floor and the share of the way to the maximum") {
  const Matrix X = test::gaussian(60, 3, 5);
  const Vector v = test::gaussian(60, 1, 6);
  const double highest = over_all_cells(X, v);
  BoundOptions options;
  options.floor = 2.0 * highest;
  SupportBound bound = bound_support(X, v, options, {});
  CHECK(bound.upper == options.floor);
  CHECK(bound.peaks.empty());
  options.floor = 0.5 * highest;
  options.share = 0.25;
  bound = bound_support(X, v, options, {});
  CHECK(bound.upper >= highest * (1.0 - 1e-11));
  const double top = bound.peaks.front().value;
  CHECK(bound.upper <= (top + 0.25 * (top - options.floor)) * (1.0 + 1e-8));
}

TEST_CASE("branch and bound: the number of threads does not change a bit") {
  const Matrix X = test::gaussian(400, 4, 7);
  const Vector v = test::gaussian(400, 1, 8);
  BoundOptions options;
  options.tol = 1e-6;
  const SupportBound one = bound_support(X, v, options, {1, {}});
  for (const int n_threads : {2, 5}) {
    const SupportBound several = bound_support(X, v, options, {n_threads, {}});
    CHECK(one.upper == several.upper);
    CHECK(one.n_cones == several.n_cones);
    REQUIRE(one.peaks.size() == several.peaks.size());
    for (std::size_t i = 0; i < one.peaks.size(); ++i) {
      CHECK(one.peaks[i].u == several.peaks[i].u);
    }
  }
}

TEST_CASE("branch and bound: out of time, the bound holds all the same") {
  const Matrix X = test::gaussian(60, 5, 9);
  const Vector v = test::gaussian(60, 1, 10);
  BoundOptions options;
  const double highest = bound_support(X, v, options, {}).upper;
  options.max_seconds = 0.0;
  const SupportBound bound = bound_support(X, v, options, {});
  CHECK(bound.status == Status::time_limit);
  CHECK(bound.upper >= highest);
}

TEST_CASE("branch and bound: stops when asked to") {
  const Matrix X = test::gaussian(300, 6, 11);
  CHECK_THROWS_AS(bound_support(X, test::gaussian(300, 1, 12), {}, {1, [] { return true; }}),
                  Interrupted);
}

}  // namespace
}  // namespace cvxnn
