// Counts of cells and characteristic polynomials, against published numbers, listings and the
// points of finite planes and spaces.
#include "cvxnn/count.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "cvxnn/enumerate.hpp"
#include "data.hpp"
#include "exact.hpp"

namespace cvxnn {
namespace {

using exact::Integer;
using Polynomial = std::vector<Integer>;  // highest degree first

constexpr double kForever = std::numeric_limits<double>::infinity();

Execution threads(int n) { return {n, {}}; }

Integer evaluate(const Polynomial& polynomial, int t) {
  Integer value = 0;
  for (const Integer& coefficient : polynomial) value = value * t + coefficient;
  return value;
}

Polynomial chi(const Arrangement& arrangement) {
  const auto text = characteristic_polynomial(arrangement, kForever, threads(1));
  REQUIRE(text.has_value());
  return Polynomial(text->begin(), text->end());
}

// The number of cells, after the checks that hold for every arrangement.
Integer count(const Arrangement& arrangement) {
  const Polynomial polynomial = chi(arrangement);
  REQUIRE(static_cast<Index>(polynomial.size()) == arrangement.dimension() + 1);
  CHECK(polynomial.front() == 1);
  for (std::size_t k = 0; k < polynomial.size(); ++k) {
    if (polynomial[k] * (k % 2 == 0 ? 1 : -1) < 0) FAIL_CHECK("signs do not alternate");
  }
  const bool has_hyperplanes = arrangement.n_distinct() > (arrangement.affine() ? 1 : 0);
  if (has_hyperplanes && !arrangement.affine()) CHECK(evaluate(polynomial, 1) == 0);
  const Integer number = abs(evaluate(polynomial, -1));
  CHECK(count_cells(arrangement, kForever, threads(1)) == number.str());
  CHECK(count_cells(arrangement, kForever, threads(3)) == number.str());
  return number;
}

Integer count(const Matrix& X) { return count(Arrangement(X)); }

Integer listed(const Arrangement& arrangement) {
  return enumerate_cells(arrangement, {}, threads(1)).size();
}

Integer zaslavsky(Index n, Index rank) {
  Integer sum = 0;
  Integer binomial = 1;
  for (Index k = 0; k < rank; ++k) {
    sum += binomial;
    binomial = binomial * (n - 1 - k) / (k + 1);
  }
  return 2 * sum;
}

Matrix direct_sum(const Matrix& A, const Matrix& B) {
  Matrix X = Matrix::Zero(A.rows() + B.rows(), A.cols() + B.cols());
  X.topLeftCorner(A.rows(), A.cols()) = A;
  X.bottomRightCorner(B.rows(), B.cols()) = B;
  return X;
}

Polynomial product(const Polynomial& a, const Polynomial& b) {
  Polynomial result(a.size() + b.size() - 1);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < b.size(); ++j) result[i + j] += a[i] * b[j];
  }
  return result;
}

TEST_CASE("count: resonance arrangements") {
  const std::vector<int> counts{6, 32, 370, 11292, 1066044};
  for (Index d = 2; d <= 6; ++d) CHECK(count(test::resonance(d)) == counts[d - 2]);
  CHECK(count_cells(Arrangement(test::resonance(7)), kForever, threads(2)) == "347326352");
}

TEST_CASE("count: threshold arrangements") {
  const std::vector<int> counts{14, 104, 1882, 94572, 15028134};
  for (Index d = 2; d <= 6; ++d) CHECK(count(test::threshold(d)) == counts[d - 2]);
}

TEST_CASE("count: demicubes and cross-polytopes") {
  const std::vector<int> demicubes{146, 3756, 291558};
  for (Index d = 4; d <= 6; ++d) CHECK(count(test::demicube(d)) == demicubes[d - 4]);
  const std::vector<int> cross_polytopes{146, 454, 1394, 4246, 12866, 38854};
  for (Index d = 4; d <= 9; ++d) CHECK(count(test::cross_polytope(d)) == cross_polytopes[d - 4]);
}

TEST_CASE("count: braid arrangements have falling factorials as polynomials") {
  Polynomial expected{1};
  Integer factorial = 1;
  for (Index d = 1; d <= 9; ++d) {
    expected = product(expected, {1, -d});
    factorial *= d + 1;
    CHECK(chi(Arrangement(test::braid(d))) == expected);
    CHECK(count(test::braid(d)) == factorial);
  }
}

TEST_CASE("count: general position has as many cells as Zaslavsky counts") {
  const std::vector<std::pair<Index, Index>> shapes{{1, 1},  {5, 1},   {1, 4},  {5, 2},  {12, 3},
                                                    {9, 5},  {7, 7},   {5, 8},  {70, 2}, {300, 3},
                                                    {40, 5}, {16, 12}, {25, 24}};
  for (const auto& [n, d] : shapes) {
    CAPTURE(n);
    CAPTURE(d);
    CHECK(count(test::gaussian(n, d, 10 * n + d)) == zaslavsky(n, std::min(n, d)));
  }
  const Matrix many = test::gaussian(3000, 3, 1);
  CHECK(count_cells(Arrangement(many), kForever, threads(2)) == zaslavsky(3000, 3).str());
}

TEST_CASE("count: as many cells as are listed, small integer rows") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const Index d = 2 + static_cast<Index>(seed % 4);
    const Index n = 3 + static_cast<Index>(seed % 9);
    const int bound = 1 + static_cast<int>(seed % 2);
    const Arrangement central(test::integers(n, d, bound, seed));
    CHECK(count(central) == listed(central));
    const Matrix X = test::integers(n, d - 1, bound, seed);
    const Arrangement affine(X, test::integers(n, 1, 2, seed + 1000).col(0));
    CHECK(count(affine) == listed(affine));
  }
}

TEST_CASE("count: as many cells as are listed, special positions of high rank") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    CAPTURE(seed);
    const Arrangement arrangement(test::integers(14, 6, 1, seed));
    CHECK(count(arrangement) == listed(arrangement));
    const Arrangement binary(test::integers(13, 8, 1, seed).cwiseMax(0.0));
    CHECK(count(binary) == listed(binary));
  }
}

// Points of the space over the integers modulo q on none of the hyperplanes.
Integer points_off(const Matrix& X, const Vector& offset, int q) {
  const Index d = X.cols();
  Integer number = 0;
  std::vector<int> point(static_cast<std::size_t>(d), 0);
  for (;;) {
    bool off = true;
    for (Index k = 0; k < X.rows() && off; ++k) {
      if (X.row(k).isZero(0)) continue;
      int value = static_cast<int>(offset(k));
      for (Index j = 0; j < d; ++j) value += static_cast<int>(X(k, j)) * point[j];
      off = value % q != 0;
    }
    if (off) ++number;
    Index j = 0;
    while (j < d && ++point[j] == q) point[j++] = 0;
    if (j == d) return number;
  }
}

TEST_CASE("count: the polynomial counts the points over finite fields") {
  constexpr int kPrime = 67;  // beyond every minor of three columns with entries -2..2
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    const Matrix X = test::integers(8, 2, 2, seed);
    const Vector offset = test::integers(8, 1, 2, seed + 100).col(0);
    CHECK(evaluate(chi(Arrangement(X, offset)), kPrime) == points_off(X, offset, kPrime));
  }
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    CAPTURE(seed);
    const Matrix X = test::integers(9, 3, 2, seed);
    CHECK(evaluate(chi(Arrangement(X)), kPrime) == points_off(X, Vector::Zero(9), kPrime));
  }
}

TEST_CASE("count: bounded cells of affine arrangements") {
  const Arrangement grid(Matrix{{1, 0}, {1, 0}, {1, 0}, {0, 1}, {0, 1}}, Vector{{0, 1, 2, 0, 1}});
  CHECK(chi(grid) == Polynomial{1, -5, 6});
  CHECK(count(grid) == 12);
  CHECK(evaluate(chi(grid), 1) == 2);
  const Matrix X = test::gaussian(9, 3, 1);
  const Vector offset = test::gaussian(9, 1, 2).col(0);
  const Polynomial generic = chi(Arrangement(X, offset));
  CHECK(generic == Polynomial{1, -9, 36, -84});
  CHECK(evaluate(generic, 1) == -56);
}

TEST_CASE("count: nothing but zero rows, rows at infinity, repeated rows, low rank") {
  CHECK(chi(Arrangement(Matrix::Zero(3, 2))) == Polynomial{1, 0, 0});
  CHECK(count(Matrix::Zero(3, 2)) == 1);
  const Arrangement none(Matrix::Zero(3, 2), Vector{{0, 1, -2}});
  CHECK(chi(none) == Polynomial{1, 0, 0});
  CHECK(count(none) == 1);
  CHECK(chi(Arrangement(Matrix::Constant(2, 1, 3.0), Vector{{1, 2}})) == Polynomial{1, -2});
  CHECK(chi(Arrangement(Matrix{{1, 2, 3}, {-2, -4, -6}, {0, 0, 0}})) == Polynomial{1, -1, 0, 0});

  const Matrix X = test::integers(9, 4, 2, 5);
  Matrix Y(19, 4);
  Y << -3.0 * X, Matrix::Zero(1, 4), 0x1p-500 * X;
  CHECK(chi(Arrangement(Y)) == chi(Arrangement(X)));
  const Matrix flat = test::integers(20, 3, 50, 1) * test::integers(3, 6, 50, 2);
  CHECK(count(flat) == zaslavsky(20, 3));
}

TEST_CASE("count: direct sums multiply") {
  const Matrix A = test::resonance(4);
  const Matrix B = test::integers(8, 3, 9, 1);
  const Matrix X = direct_sum(A, B);
  CHECK(chi(Arrangement(X)) == product(chi(Arrangement(A)), chi(Arrangement(B))));
  const Matrix mix = test::integers(7, 7, 3, 1);
  CHECK(chi(Arrangement(X * mix)) == chi(Arrangement(X)));
  for (const Index k : {1, 8, 60, 100}) {
    CHECK(count(Matrix::Identity(k, k)) == Integer(1) << static_cast<unsigned>(k));
  }
  Matrix circuit(61, 60);  // one vector more than independent ones
  circuit << Matrix::Identity(60, 60), Matrix::Ones(1, 60);
  CHECK(count(circuit) == zaslavsky(61, 60));
  Matrix gaussian_and_units(48, 40);
  gaussian_and_units << Matrix::Identity(40, 40),
      direct_sum(test::integers(8, 5, 3, 1), Matrix(0, 35));
  CHECK(count(gaussian_and_units) == (count(Matrix(gaussian_and_units.leftCols(5))) << 35U));
}

// Prescribed dependencies hidden behind large numbers: a product of two integer matrices, or rows
// and columns scaled by powers of two.
TEST_CASE("count: large entries") {
  const Matrix X = test::integers(12, 4, 1, 3);
  const Polynomial expected = chi(Arrangement(X));
  const Matrix mix = test::integers(4, 4, 1000000, 4);
  CHECK(chi(Arrangement(X * mix)) == expected);
  const Matrix huge = test::integers(4, 4, 1 << 30, 5) * 1048576.0;
  CHECK(chi(Arrangement(X * (huge + test::integers(4, 4, 1 << 19, 6)))) == expected);
  const Vector scales{{1e150, 1.0, 3e-150, 1e300}};
  CHECK(chi(Arrangement(X * scales.asDiagonal())) == expected);
}

// Numbers that the primes first tried divide.
TEST_CASE("count: entries made to deceive the primes") {
  const Matrix X = test::integers(12, 4, 1, 3);
  const Polynomial expected = chi(Arrangement(X));
  const Integer prime = (Integer(1) << 61U) - 1;
  const auto text = [&](const std::vector<Integer>& factors, const Integer& shift) {
    std::vector<std::vector<std::string>> rows;
    for (Index k = 0; k < X.rows(); ++k) {
      std::vector<Integer> row;
      for (Index j = 0; j < 4; ++j) row.push_back(static_cast<int>(X(k, j)) * factors[j]);
      row[1] += shift * row[0];  // a change of basis
      rows.emplace_back();
      for (const Integer& value : row) rows.back().push_back(value.str());
    }
    return rows;
  };
  CHECK(chi(Arrangement(text({1, 1, 1, prime}, 0), false)) == expected);
  CHECK(chi(Arrangement(text({1, prime, 1, prime * prime}, 7), false)) == expected);
  CHECK(chi(Arrangement(text({1, 1, 1, 1}, prime), false)) == expected);
  CHECK(chi(Arrangement(text({1, 3, 1, 1}, pow(prime, 20)), false)) == expected);

  const std::string p = prime.str();  // equal, or in one plane, modulo the prime but not otherwise
  const std::vector<std::vector<std::string>> generic{
      {"1", "0", "0"}, {"1", "0", p}, {"0", "1", "0"}, {"1", "1", "1"}, {"1", p, "5"}};
  CHECK(count(Arrangement(generic, false)) == listed(Arrangement(generic, false)));
  const std::vector<std::vector<std::string>> flat{
      {"1", "0", "0"}, {"1", "1", p}, {"0", "1", "0"}, {"1", "2", p}, {"3", "1", p}};
  CHECK(count(Arrangement(flat, false)) == listed(Arrangement(flat, false)));
}

TEST_CASE("count: general position of doubles but for one dependency") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const Index d = 3 + static_cast<Index>(seed % 4);
    const Index n = d + 1 + static_cast<Index>(seed % 5);
    Matrix X = test::integers(n, d, 1 << 30, seed);
    const Index size = 3 + static_cast<Index>(seed % (d - 2));  // of the circuit, at most d
    Matrix::RowXpr dependent = X.row(static_cast<Index>(seed * 7) % (n - size + 1));
    dependent = X.bottomRows(size - 1).colwise().sum();
    const Arrangement arrangement(X);
    CHECK(count(arrangement) == listed(arrangement));
    CHECK(count(arrangement) < zaslavsky(n, d));
  }
}

TEST_CASE("count: gives up in time, and is interrupted by the poll") {
  const Arrangement arrangement(test::gaussian(100, 12, 1));
  const Arrangement special(test::threshold(8));
  for (const int n : {1, 2}) {
    CHECK(count_cells(arrangement, 0.01, threads(n)) == std::nullopt);
    CHECK(characteristic_polynomial(special, 0.01, threads(n)) == std::nullopt);
    const Execution stopped{n, [] { return true; }};
    CHECK_THROWS_AS(count_cells(arrangement, 1e3, stopped), Interrupted);
    CHECK_THROWS_AS(count_cells(special, 1e3, stopped), Interrupted);
  }
}

}  // namespace
}  // namespace cvxnn
