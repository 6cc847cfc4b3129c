// Numbers known modulo several primes of 61 bits, each residue in Montgomery's form.
//
// With primes whose product exceeds every minor in question, a number is zero if and only if all
// its residues are. Then the residues stand for the rational number, except that one which vanishes
// modulo some of the primes only has no inverse: `UnluckyPrimes` asks for others.
#pragma once

#include <cstdint>
#include <exception>
#include <vector>

#include "exact.hpp"

#if !defined(__SIZEOF_INT128__) && defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#endif

namespace cvxnn::count {

struct UnluckyPrimes : std::exception {
  const char* what() const noexcept override { return "a pivot vanishes modulo one prime"; }
};

// The upper half of a product.
inline std::uint64_t multiply_high(std::uint64_t x, std::uint64_t y) {
#if defined(__SIZEOF_INT128__)
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(x) * y) >> 64);
#elif defined(_MSC_VER) && defined(_M_X64)
  return __umulh(x, y);
#else
  constexpr std::uint64_t kLow = 0xffffffffULL;
  const std::uint64_t low = (x & kLow) * (y & kLow);
  const std::uint64_t left = (x >> 32) * (y & kLow) + (low >> 32);
  const std::uint64_t right = (x & kLow) * (y >> 32) + (left & kLow);
  return (x >> 32) * (y >> 32) + (left >> 32) + (right >> 32);
#endif
}

// Montgomery's arithmetic modulo an odd p < 2^63: x stands for x / 2^64.
class Montgomery {
 public:
  explicit Montgomery(std::uint64_t odd);

  std::uint64_t modulus() const { return p_; }
  std::uint64_t one() const { return one_; }

  std::uint64_t subtract(std::uint64_t x, std::uint64_t y) const {
    return x >= y ? x - y : x + (p_ - y);
  }

  std::uint64_t multiply(std::uint64_t x, std::uint64_t y) const {
    const std::uint64_t high = multiply_high(x, y);
    const std::uint64_t correction = multiply_high(x * y * inverse_, p_);
    return high >= correction ? high - correction : high + (p_ - correction);
  }

  std::uint64_t from(std::uint64_t value) const { return multiply(value % p_, square_); }

  std::uint64_t power(std::uint64_t base, std::uint64_t exponent) const;

 private:
  std::uint64_t p_;
  std::uint64_t inverse_;  // of p modulo 2^64
  std::uint64_t one_;      // 2^64 modulo p
  std::uint64_t square_;   // 2^128 modulo p
};

// The largest prime below n, for 2^32 < n <= 2^61.
std::uint64_t previous_large_prime(std::uint64_t n);

// The first `number` primes below `bound`, largest first.
std::vector<std::uint64_t> large_primes(std::uint64_t bound, Index number);

// kWidth residues a number, or as many as there are primes if kWidth is 0.
template <int kWidth>
class Residues {
 public:
  using Element = std::uint64_t;

  explicit Residues(const std::vector<std::uint64_t>& primes) {
    for (const std::uint64_t p : primes) fields_.emplace_back(p);
  }

  int width() const { return kWidth != 0 ? kWidth : static_cast<int>(fields_.size()); }

  void set(Element* out, const exact::Integer& value) const {
    for (int w = 0; w < width(); ++w) {
      const auto p = static_cast<std::int64_t>(fields_[w].modulus());
      const auto rest = static_cast<std::int64_t>(exact::Integer(value % p));
      out[w] = fields_[w].from(static_cast<std::uint64_t>(rest < 0 ? rest + p : rest));
    }
  }

  void set_one(Element* out) const {
    for (int w = 0; w < width(); ++w) out[w] = fields_[w].one();
  }

  bool is_zero(const Element* x) const {
    Element any = 0;
    for (int w = 0; w < width(); ++w) any |= x[w];
    return any == 0;
  }

  // out = x - y
  void subtract(Element* out, const Element* x, const Element* y) const {
    for (int w = 0; w < width(); ++w) out[w] = fields_[w].subtract(x[w], y[w]);
  }

  void multiply(Element* out, const Element* x, const Element* y) const {
    for (int w = 0; w < width(); ++w) out[w] = fields_[w].multiply(x[w], y[w]);
  }

  // All in place with one power for each prime; none may be zero.
  void invert(Element* values, Index n) {
    for (int w = 0; w < width(); ++w) invert(fields_[w], values + w, n);
  }

 private:
  // Every kChains-th value belongs to one chain of products, so that the chains overlap in time.
  static constexpr Index kChains = 4;

  void invert(const Montgomery& field, Element* values, Index n) {
    before_.resize(static_cast<std::size_t>(n));
    Element product[kChains];
    for (Index c = 0; c < kChains; ++c) product[c] = field.one();
    for (Index k = 0; k < n; ++k) {
      before_[k] = product[k % kChains];
      product[k % kChains] = field.multiply(product[k % kChains], values[k * width()]);
    }
    Element all = field.one();
    Element earlier[kChains];
    for (Index c = 0; c < kChains; ++c) {
      earlier[c] = all;
      all = field.multiply(all, product[c]);
    }
    if (all == 0) throw UnluckyPrimes();
    all = field.power(all, field.modulus() - 2);
    for (Index c = kChains - 1; c >= 0; --c) {
      const Element inverse = field.multiply(all, earlier[c]);
      all = field.multiply(all, product[c]);
      product[c] = inverse;
    }
    for (Index k = n - 1; k >= 0; --k) {
      Element& value = values[k * width()];
      const Element inverse = field.multiply(product[k % kChains], before_[k]);
      product[k % kChains] = field.multiply(product[k % kChains], value);
      value = inverse;
    }
  }

  std::vector<Montgomery> fields_;
  std::vector<Element> before_;  // scratch of `invert`
};

}  // namespace cvxnn::count
