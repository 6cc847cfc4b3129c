// Exact integers behind the arrangements, compared with rational arithmetic.
#include "exact.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>

#include "data.hpp"
#include "normal_form.hpp"

namespace cvxnn::exact {
namespace {

using Rational = boost::multiprecision::cpp_rational;  // exact when made from a double

constexpr double kUlp = std::numeric_limits<double>::epsilon();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();

int rational_sign_dot(const Vector& a, const Vector& b) {
  Rational sum = 0;
  for (Index j = 0; j < a.size(); ++j) sum += Rational(a(j)) * Rational(b(j));
  return sum.sign();
}

int sign_dot(const Vector& a, const Vector& b) {
  return exact::sign_dot(a.data(), 1, b.data(), 1, a.size());
}

Row row_of(const Vector& values) { return integer_row(values.data(), values.size(), 1); }

// Gaussian entries times powers of two between 2^-exponent and 2^exponent.
Vector wide_range(Index size, int exponent, std::uint64_t seed) {
  const Vector mantissas = test::gaussian(size, 1, seed);
  const Vector exponents = test::integers(size, 1, exponent, seed + 1);
  return mantissas.binaryExpr(
      exponents, [](double m, double e) { return std::ldexp(m, static_cast<int>(e)); });
}

void check_proportional(const Vector& values) {
  const Row row = row_of(values);
  REQUIRE(row.size() == static_cast<std::size_t>(values.size()));
  for (Index i = 0; i < values.size(); ++i) {
    CHECK(row[i].sign() == Rational(values(i)).sign());
    for (Index j = 0; j < i; ++j) {
      CHECK(Rational(row[i]) * Rational(values(j)) == Rational(row[j]) * Rational(values(i)));
    }
  }
}

TEST_CASE("exact: integer rows are proportional to the doubles") {
  check_proportional(Vector{{1.0, 0.5, -3.0, 0.0}});
  check_proportional(Vector{{0.1, -0.2, 0.3}});
  check_proportional(Vector{{1e300, -1e-300, 1.0}});
  check_proportional(Vector{{kTiny, 3 * kTiny, -1.0}});
  check_proportional(Vector{{std::numeric_limits<double>::max(), kTiny}});
  check_proportional(Vector{{std::numeric_limits<double>::min(), -kTiny}});
  check_proportional(Vector{{-0.0, 0.0, 2.0}});
  for (std::uint64_t seed = 0; seed < 20; ++seed) check_proportional(wide_range(4, 1000, seed));
  CHECK(is_zero(row_of(Vector::Zero(3))));
  CHECK_FALSE(is_zero(row_of(Vector{{0.0, kTiny}})));
}

TEST_CASE("exact: rows of a matrix are read with its stride") {
  const Matrix X = test::gaussian(5, 3, 1);
  const Rows rows = integer_rows(X.middleRows(1, 3));
  REQUIRE(rows.size() == 3);
  for (Index k = 0; k < 3; ++k) CHECK(rows[k] == row_of(X.row(k + 1)));
}

TEST_CASE("exact: parallel rows have one direction") {
  Row row{2, -4, 6};
  CHECK_FALSE(make_direction(row));
  CHECK(row == Row{1, -2, 3});
  row = {0, -9, 6};
  CHECK(make_direction(row));
  CHECK(row == Row{0, 3, -2});
  row = {0, 0, -5};
  CHECK(make_direction(row));
  CHECK(row == Row{0, 0, 1});

  const Vector base{{3.0, -1.0, 0.0, 7.0}};
  Row expected = row_of(base);
  make_direction(expected);
  for (const double factor : {1.0, -1.0, 3.0, -5.0, 0x1p-1074, -0x1p900}) {
    Row scaled = row_of(factor * base);
    CHECK(make_direction(scaled) == (factor < 0.0));
    CHECK(scaled == expected);
  }
}

TEST_CASE("exact: zero, parallel and antiparallel rows of a matrix are merged") {
  Matrix X(6, 2);
  X << 0, 0, 1, 2, -3, -6, 1, 2 + 2 * kUlp, 0, -1, 0x1p-1074, 0x1p-1073;
  const NormalForm merged = normal_form(integer_rows(X), false);
  CHECK(merged.rows.size() == 3);
  CHECK(merged.rank() == 2);
  CHECK(merged.source == std::vector<Index>{-1, 0, 0, 1, 2, 0});
  CHECK(merged.reversed == std::vector<bool>{false, false, true, false, false, false});
}

TEST_CASE("exact: signs of products one rounding away from zero") {
  CHECK(sign_dot(Vector{{1.0 + kUlp, -1.0}}, Vector{{1.0, 1.0 + kUlp}}) == 0);
  CHECK(sign_dot(Vector{{1.0 + kUlp, -1.0}}, Vector{{1.0, 1.0}}) == 1);
  CHECK(sign_dot(Vector{{1.0 + kUlp, -1.0}}, Vector{{1.0, 1.0 + 2 * kUlp}}) == -1);
  // (1 + e)(1 - e) < 1 by e^2, which doubles do not see
  CHECK(sign_dot(Vector{{1.0 + kUlp, -1.0}}, Vector{{1.0 - kUlp, 1.0}}) == -1);
  CHECK(sign_dot(Vector{{1e16, 1.0, -1e16}}, Vector::Ones(3)) == 1);
  CHECK(sign_dot(Vector{{0.1, 0.2, -0.3}}, Vector::Ones(3)) == 1);
  CHECK(sign_dot(Vector{{1e300, -1e300}}, Vector{{1e300, 1e300}}) == 0);
  CHECK(sign_dot(Vector{{1e300, 1e-300}}, Vector{{0.0, -1e-300}}) == -1);
  CHECK(sign_dot(Vector{{kTiny, -kTiny}}, Vector{{kTiny, 2 * kTiny}}) == -1);
  CHECK(sign_dot(Vector::Zero(2), Vector::Ones(2)) == 0);
}

TEST_CASE("exact: signs agree with rational arithmetic") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Vector a = wide_range(3, seed % 2 == 0 ? 2 : 300, 10 * seed);
    Vector b = wide_range(3, seed % 2 == 0 ? 2 : 300, 10 * seed + 5);
    b(2) = -(a(0) * b(0) + a(1) * b(1)) / a(2);  // nearly orthogonal
    for (const double neighbour :
         {b(2), std::nextafter(b(2), 1e308), std::nextafter(b(2), -1e308)}) {
      b(2) = neighbour;
      CHECK(sign_dot(a, b) == rational_sign_dot(a, b));
      CHECK(sign_dot(a, -b) == -sign_dot(a, b));
      CHECK(sign_dot(b, a) == sign_dot(a, b));
    }
  }
}

TEST_CASE("exact: strided operands") {
  const Matrix A = test::integers(4, 3, 9, 1);
  const Matrix B = test::integers(3, 5, 9, 2);
  const Matrix product = A * B;
  for (Index i = 0; i < 4; ++i) {
    for (Index j = 0; j < 5; ++j) {
      const int sign = exact::sign_dot(A.data() + i, 4, B.data() + 3 * j, 1, 3);
      CHECK(sign == (product(i, j) > 0) - (product(i, j) < 0));
    }
  }
}

void check_columns(const Matrix& X, Index rank) {
  const Rows rows = integer_rows(X);
  const auto columns = independent_columns(rows);
  REQUIRE(static_cast<Index>(columns.size()) == rank);
  CHECK(std::is_sorted(columns.begin(), columns.end()));
  if (rank > 0) CHECK(Eigen::FullPivLU<Matrix>(X(Eigen::all, columns)).rank() == rank);
}

TEST_CASE("exact: independent columns of rank-deficient matrices") {
  check_columns(Matrix::Zero(3, 2), 0);
  check_columns(Matrix::Identity(4, 4), 4);
  check_columns(Vector{{1.0, -2.0, 3.0}}, 1);
  check_columns(Vector{{0.0, 0.0, 3.0}}.transpose(), 1);
  const std::vector<std::pair<Index, Index>> shapes{{9, 5}, {4, 8}, {6, 6}};
  for (Index rank = 1; rank <= 4; ++rank) {
    for (const auto& [n, d] : shapes) {
      const Matrix left = test::integers(n, rank, 9, 100 * rank + n);
      Matrix right = test::integers(rank, d, 9, 200 * rank + d);
      right.col(d / 2).setZero();
      const Matrix X = left * right;
      check_columns(X, Eigen::FullPivLU<Matrix>(X).rank());
    }
  }
  CHECK(independent_columns({}).empty());
}

TEST_CASE("exact: one rounding decides the rank") {
  Matrix X = Matrix::Ones(2, 2);
  CHECK(independent_columns(integer_rows(X)) == std::vector<Index>{0});
  X(1, 1) += kUlp;
  CHECK(independent_columns(integer_rows(X)) == std::vector<Index>{0, 1});
  X.row(1) *= 1e-290;
  X(0, 0) = 1e290;
  CHECK(independent_columns(integer_rows(X)).size() == 2);
}

TEST_CASE("exact: selecting columns") {
  const Rows rows{{1, 2, 3}, {4, 5, 6}};
  CHECK(select_columns(rows, {0, 2}) == Rows{{1, 3}, {4, 6}});
}

}  // namespace
}  // namespace cvxnn::exact
