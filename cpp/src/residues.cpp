// Montgomery's constants, and primes of 61 bits.
#include "residues.hpp"

namespace cvxnn::count {
namespace {

// Miller and Rabin's test; the first twelve primes as bases decide every number below 2^64.
bool is_prime(std::uint64_t odd) {
  const Montgomery field(odd);
  const std::uint64_t minus_one = field.subtract(0, field.one());
  int twos = 0;
  while (((odd - 1) >> twos) % 2 == 0) ++twos;
  for (const std::uint64_t base : {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37}) {
    std::uint64_t power = field.power(field.from(base), (odd - 1) >> twos);
    bool passes = power == field.one() || power == minus_one;
    for (int i = 1; i < twos && !passes; ++i) {
      power = field.multiply(power, power);
      passes = power == minus_one;
    }
    if (!passes) return false;
  }
  return true;
}

}  // namespace

Montgomery::Montgomery(std::uint64_t odd)
    : p_(odd), inverse_(odd), one_((~std::uint64_t{0} % odd + 1) % odd), square_(one_) {
  for (int i = 0; i < 5; ++i) inverse_ *= 2 - p_ * inverse_;  // from 3 right bits to 96
  for (int i = 0; i < 64; ++i) square_ = subtract(square_, p_ - square_);
}

std::uint64_t Montgomery::power(std::uint64_t base, std::uint64_t exponent) const {
  std::uint64_t result = one_;
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = multiply(result, base);
    base = multiply(base, base);
  }
  return result;
}

std::uint64_t previous_large_prime(std::uint64_t n) {
  for (n = (n - 2) | 1; !is_prime(n); n -= 2) {
  }
  return n;
}

std::vector<std::uint64_t> large_primes(std::uint64_t bound, Index number) {
  std::vector<std::uint64_t> primes;
  while (static_cast<Index>(primes.size()) < number) {
    bound = previous_large_prime(bound);
    primes.push_back(bound);
  }
  return primes;
}

}  // namespace cvxnn::count
