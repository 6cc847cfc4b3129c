// The arithmetic under the counts: bounds on minors, small fields, residues modulo large primes.
#include "residues.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <cmath>

#include "data.hpp"
#include "minors.hpp"
#include "small_field.hpp"

namespace cvxnn {
namespace {

using exact::Integer;

TEST_CASE("minors: bounded") {
  CHECK(count::bound_minors(exact::integer_rows(test::resonance(7))).highest_order ==
        doctest::Approx(5.0));
  CHECK(count::next_small_prime(32.0) == 37);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Matrix X = test::integers(4, 4, 1 + static_cast<int>(seed), seed);
    X.col(0) = 2.0 * X.col(0).array() + 1.0;  // odd, so that rows are integers as they are
    const exact::Rows rows = exact::integer_rows(X);
    if (exact::independent_columns(rows).size() < 4) continue;
    const count::MinorBound bound = count::bound_minors(rows);
    CHECK(bound.highest_order <= bound.any_order);
    CHECK(std::abs(X.determinant()) <= std::exp2(bound.highest_order) * (1.0 + 1e-9));
  }
}

TEST_CASE("residues: arithmetic modulo large primes") {
  const std::vector<std::uint64_t> primes = count::large_primes(std::uint64_t{1} << 61, 2);
  CHECK(primes[0] == (std::uint64_t{1} << 61) - 1);
  count::Residues<0> field(primes);
  std::vector<std::uint64_t> values(14), inverses, one(2), product(2);
  for (Index k = 0; k < 7; ++k) field.set(values.data() + 2 * k, -Integer(k + 3) * 1000003);
  inverses = values;
  field.invert(inverses.data(), 7);
  field.set_one(one.data());
  for (Index k = 0; k < 7; ++k) {
    field.multiply(product.data(), values.data() + 2 * k, inverses.data() + 2 * k);
    CHECK(product == one);
  }
  field.set(values.data(), Integer(primes[0]) * 5);
  CHECK_FALSE(field.is_zero(values.data()));
  CHECK_THROWS_AS(field.invert(values.data(), 1), count::UnluckyPrimes);
}

TEST_CASE("residues: the largest primes below a bound") {
  const std::uint64_t bound = (std::uint64_t{1} << 40) + 20;
  const std::vector<std::uint64_t> primes = count::large_primes(bound, 3);
  for (std::uint64_t n = bound - 1, k = 0; k < primes.size(); --n) {
    bool is_prime = true;
    for (std::uint64_t divisor = 2; divisor < 1100000 && is_prime; ++divisor) {
      is_prime = n % divisor != 0;
    }
    if (is_prime) CHECK(primes[k++] == n);
  }
}

TEST_CASE("small fields: every inverse, and products") {
  for (const std::uint32_t p : {7U, 37U, 127U, 131U, 16381U}) {
    CAPTURE(p);
    const count::SmallField field(p);
    for (std::uint32_t x = 1; x < p; ++x) {
      if (field.reduce(x * field.inverse(x)) != 1) FAIL_CHECK("no inverse of " << x);
    }
    CHECK(field.reduce((p - 1) * (p - 1)) == 1);
    CHECK(field.reduce(p * (p - 1)) == 0);
    CHECK(field.reduce(p * (p - 1) - 1) == p - 1);
    std::uint16_t value = 0;
    field.set(&value, Integer(-3));
    CHECK(value == p - 3);
  }
}

}  // namespace
}  // namespace cvxnn
