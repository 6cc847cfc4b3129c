// The cells of an arrangement: listing and counting, against known counts and an exact brute force.
#include "cvxnn/enumerate.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "brute_force.hpp"
#include "cvxnn/count.hpp"
#include "cvxnn/sample.hpp"
#include "data.hpp"

namespace cvxnn {
namespace {

using test::brute_force;
using test::to_strings;
using Patterns = std::vector<std::string>;

constexpr double kUlp = std::numeric_limits<double>::epsilon();
constexpr double kForever = std::numeric_limits<double>::infinity();

Execution threads(int n) { return {n, {}}; }

const Method kMethods[] = {Method::lowest_vertex, Method::ray_tree, Method::reverse_search};

// Everything that the tasks list, each stopped after a few cells and its rest taken up later.
Cells in_small_steps(const Arrangement& arrangement, const Engine& engine, Index budget) {
  Cells cells;
  cells.n_hyperplanes = arrangement.n_hyperplanes();
  std::vector<Task> tasks = first_tasks(arrangement, engine);
  while (!tasks.empty()) {
    const Task task = tasks.back();
    tasks.pop_back();
    const auto visit = [&](const Word* patterns, Index count) {
      cells.bits.insert(cells.bits.end(), patterns, patterns + count * cells.n_words());
    };
    for (Task& rest : explore(arrangement, engine, task, budget, visit, {})) {
      tasks.push_back(std::move(rest));
    }
  }
  const Index n_listed = cells.size();
  sort_unique(cells);
  CHECK(cells.size() == n_listed);
  return cells;
}

// The listing, after the checks that hold for every arrangement and engine.
Patterns list(const Arrangement& arrangement) {
  const Cells cells = enumerate_cells(arrangement, {}, threads(1));
  CHECK(enumerate_cells(arrangement, {}, threads(2)).bits == cells.bits);
  const Patterns patterns = to_strings(cells);
  REQUIRE_FALSE(patterns.empty());
  const bool strictly_increasing = std::adjacent_find(patterns.begin(), patterns.end(),
                                                      std::greater_equal<>()) == patterns.end();
  CHECK(strictly_increasing);
  CHECK(count_cells(arrangement, 1e3, threads(1)) == std::to_string(patterns.size()));
  for (const Method method : kMethods) {
    CAPTURE(name_of(method));
    if (arrangement.rank() > 16 || (method == Method::reverse_search && patterns.size() > 5000)) {
      continue;
    }
    CHECK(enumerate_cells(arrangement, {method, true}, threads(2)).bits == cells.bits);
    if (patterns.size() > 2000) continue;
    for (const Index budget : {1, 5, 64}) {
      CHECK(in_small_steps(arrangement, {method, true}, budget).bits == cells.bits);
    }
  }
  return patterns;
}

Patterns list(const Matrix& X) {
  const Patterns patterns = list(Arrangement(X));
  for (std::size_t i = 0; i < patterns.size(); ++i) {  // opposite cells mirror each other
    const std::string& opposite = patterns[patterns.size() - 1 - i];
    for (Index k = 0; k < X.rows(); ++k) {
      const bool differ = patterns[i][k] != opposite[k];
      if (differ == X.row(k).isZero(0)) FAIL_CHECK("pattern " << i << " without its complement");
    }
  }
  return patterns;
}

std::size_t zaslavsky(Index n, Index rank) {
  std::size_t sum = 0;
  std::size_t binomial = 1;
  for (Index k = 0; k < rank; ++k) {
    sum += binomial;
    binomial = binomial * static_cast<std::size_t>(n - 1 - k) / static_cast<std::size_t>(k + 1);
  }
  return 2 * sum;
}

TEST_CASE("enumerate: general position has as many cells as Zaslavsky counts") {
  const std::vector<std::pair<Index, Index>> shapes{{1, 1}, {5, 1}, {1, 4}, {5, 2},  {12, 3},
                                                    {9, 5}, {7, 7}, {5, 8}, {70, 2}, {65, 3}};
  for (const auto& [n, d] : shapes) {
    CAPTURE(n);
    CAPTURE(d);
    CHECK(list(test::gaussian(n, d, 10 * n + d)).size() == zaslavsky(n, std::min(n, d)));
  }
  const Matrix low_rank = test::integers(20, 3, 50, 1) * test::integers(3, 6, 50, 2);
  CHECK(list(low_rank).size() == zaslavsky(20, 3));
}

TEST_CASE("enumerate: resonance arrangements") {
  const std::vector<std::size_t> counts{6, 32, 370, 11292};
  for (Index d = 2; d <= 5; ++d) CHECK(list(test::resonance(d)).size() == counts[d - 2]);
}

TEST_CASE("enumerate: threshold arrangements") {
  const std::vector<std::size_t> counts{14, 104, 1882};
  for (Index d = 2; d <= 4; ++d) CHECK(list(test::threshold(d)).size() == counts[d - 2]);
}

TEST_CASE("enumerate: braid arrangements") {
  std::size_t factorial = 1;
  for (Index d = 1; d <= 6; ++d) {
    factorial *= static_cast<std::size_t>(d + 1);
    CHECK(list(test::braid(d)).size() == factorial);
  }
}

TEST_CASE("enumerate: agrees with brute force on degenerate integer rows") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const Matrix X = test::integers(7, 3, 1 + static_cast<int>(seed % 3), seed);
    if (exact::independent_columns(exact::integer_rows(X)).size() == 3) {
      CHECK(list(X) == brute_force(X));
    }
  }
  CHECK(list(test::braid(3)) == brute_force(test::braid(3)));
}

// The cells of an affine arrangement are those of the cone over it on one side of infinity.
Patterns on_the_positive_side(const Matrix& cone) {
  Patterns patterns;
  for (std::string& pattern : brute_force(cone)) {
    if (pattern.back() != '1') continue;
    pattern.pop_back();
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

TEST_CASE("enumerate: affine arrangements agree with brute force") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    const Index d = 1 + static_cast<Index>(seed % 3);
    const Index n = d == 3 ? 5 : 7;
    Matrix cone(n + 1, d + 1);
    cone.setZero();
    cone.topRows(n) = test::integers(n, d + 1, 1 + static_cast<int>(seed % 4), 100 + seed);
    cone(n, d) = 1.0;
    if (exact::independent_columns(exact::integer_rows(cone)).size() <
        static_cast<std::size_t>(d + 1)) {
      continue;
    }
    const Matrix X = cone.topLeftCorner(n, d);
    const Vector offset = cone.col(d).head(n);
    CHECK(list(Arrangement(X, offset)) == on_the_positive_side(cone));
  }
}

TEST_CASE("enumerate: affine generic arrangements have as many cells as Zaslavsky counts") {
  for (const auto& [n, d] : {std::pair<Index, Index>{9, 1}, {30, 2}, {12, 3}, {9, 5}}) {
    const Arrangement arrangement(test::gaussian(n, d, 7), test::gaussian(n, 1, 8).col(0));
    std::size_t expected = 0;
    std::size_t binomial = 1;
    for (Index k = 0; k <= d; ++k) {
      expected += binomial;
      binomial = binomial * static_cast<std::size_t>(n - k) / static_cast<std::size_t>(k + 1);
    }
    CHECK(list(arrangement).size() == expected);
  }
}

TEST_CASE("enumerate: engines agree on small random integers") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const Index d = 2 + static_cast<Index>(seed % 4);
    list(test::integers(5 + static_cast<Index>(seed % 7), d, 1 + static_cast<int>(seed % 3), seed));
  }
}

TEST_CASE("enumerate: uniform draws reach every cell, and each about as often") {
  const Matrix X = test::threshold(3);
  for (const Arrangement& arrangement :
       {Arrangement(X), Arrangement(X.rightCols(3), Vector::LinSpaced(8, 0.0, 1.75)),
        Arrangement(test::gaussian(6, 3, 1)), Arrangement(Matrix::Identity(3, 3))}) {
    const Cells all = enumerate_cells(arrangement, {}, threads(1));
    Cells found = uniform_cells(arrangement, all.size(), 1, {});
    sort_unique(found);
    CHECK(found.bits == all.bits);
    std::vector<int> counts(static_cast<std::size_t>(all.size()), 0);
    const int n_draws = 20 * static_cast<int>(all.size());
    for (int seed = 0; seed < n_draws; ++seed) {
      const Cells one = uniform_cells(arrangement, 1, static_cast<std::uint64_t>(seed), {});
      for (Index i = 0; i < all.size(); ++i) counts[i] += one.bits[0] == all.bits[i];
    }
    double chi_squared = 0.0;  // mean P - 1, standard deviation sqrt(2 P)
    for (const int count : counts) chi_squared += (count - 20.0) * (count - 20.0) / 20.0;
    const auto n_cells = static_cast<double>(all.size());
    CHECK(chi_squared < n_cells + 4.0 * std::sqrt(2.0 * n_cells));
  }
}

TEST_CASE("enumerate: many rows on a line, with and without ties") {
  list(test::gaussian(1600, 2, 5));
  const Matrix X = test::integers(1700, 2, 60, 6);
  list(X);
}

TEST_CASE("enumerate: agrees with brute force one rounding away from degenerate") {
  for (Index k = 0; k < 6; ++k) {
    CAPTURE(k);
    for (const double factor : {1.0 + kUlp, 1.0 - kUlp / 2}) {
      Matrix X = test::braid(3);
      X(k, k % 3) = X(k, k % 3) == 0.0 ? kUlp * (factor - 1.0) : factor * X(k, k % 3);
      CHECK(list(X) == brute_force(X));
    }
  }
  const Matrix X{{1, 0, 0, 0},    {0, 1, 0, 0},
                 {1, 1, kUlp, 0},  // almost one plane in common
                 {0, 0, 1, 0},    {kUlp, 0, 0, 1.0 - kUlp},
                 {0, 0, 1, 1}};
  CHECK(list(X) == brute_force(X));
}

TEST_CASE("enumerate: zero, repeated and opposite rows") {
  const Matrix X = test::gaussian(5, 3, 1);
  Matrix Y(9, 3);
  Y << Matrix::Zero(1, 3), X, -4.0 * X.row(0), 0.5 * X.row(2), Matrix::Zero(1, 3);
  Patterns expected = list(X);
  for (std::string& p : expected) p = "0" + p + (p[0] == '1' ? "0" : "1") + p[2] + "0";
  CHECK(list(Y) == expected);
  CHECK(list(Matrix::Zero(3, 2)) == Patterns{"000"});
  CHECK(list(Matrix::Constant(1, 1, 3.0)) == Patterns{"0", "1"});
  CHECK(list(Matrix{{1.0, 2.0}, {-2.0, -4.0}, {0.5, 1.0}}) == Patterns{"010", "101"});

  const Arrangement arrangement(Y);
  CHECK(arrangement.rank() == 3);
  CHECK(arrangement.n_distinct() == 5);
}

TEST_CASE("enumerate: lengths of rows and orders of rows and columns do not matter") {
  const Matrix X = test::integers(9, 4, 2, 4);
  const Patterns patterns = list(X);
  const Vector lengths{{1.0, 0x1p900, 0x1p-1074, 2.0, 0x1p-60, 8.0, 0x1p1000, 0.5, 0x1p-1000}};
  CHECK(list(lengths.asDiagonal() * X) == patterns);
  CHECK(list(X.rowwise().reverse()) == patterns);
  Patterns reversed = list(X.colwise().reverse());
  for (std::string& pattern : reversed) std::reverse(pattern.begin(), pattern.end());
  std::sort(reversed.begin(), reversed.end());
  CHECK(reversed == patterns);
}

TEST_CASE("enumerate: counts alone go further, and give up in time") {
  const Matrix X = test::gaussian(40, 5, 1);
  CHECK(count_cells(Arrangement(X), 1e3, threads(1)) == std::to_string(zaslavsky(40, 5)));
  CHECK(count_cells(Arrangement(test::gaussian(100, 12, 1)), 0.01, threads(1)) == std::nullopt);
  CHECK(count_cells(Arrangement(test::braid(2)), kForever, threads(1)) == "6");
}

TEST_CASE("enumerate: interrupted by the poll, soon") {
  using Clock = std::chrono::steady_clock;
  const Matrix X = test::gaussian(60, 6, 1);
  const Matrix many = test::gaussian(3000, 6, 1);
  for (const int n_threads : {1, 2}) {
    CAPTURE(n_threads);
    const Execution stopped{n_threads, [] { return true; }};
    const Clock::time_point start = Clock::now();
    CHECK_THROWS_AS(enumerate_cells(Arrangement(X), {}, stopped), Interrupted);
    CHECK_THROWS_AS(count_cells(Arrangement(X), 1e3, stopped), Interrupted);
    CHECK_THROWS_AS(locate_cells(many, test::gaussian(100000, 6, 2), stopped), Interrupted);
    CHECK(std::chrono::duration<double>(Clock::now() - start).count() < 3.0);
  }
}

}  // namespace
}  // namespace cvxnn
