// The integers modulo a prime below 2^14: inverses by table, products without division.
#pragma once

#include <cstdint>
#include <vector>

#include "exact.hpp"

namespace cvxnn::count {

class SmallField {
 public:
  using Element = std::uint16_t;
  static constexpr std::uint32_t kLargest = 1U << 14;

  explicit SmallField(std::uint32_t prime)
      : p_(prime), reciprocal_((std::uint64_t{1} << kShift) / prime + 1), inverses_(prime) {
    inverses_[1] = 1;
    for (std::uint32_t x = 2; x < p_; ++x) {  // p = q x + rest, so 1/x = -q / rest
      inverses_[x] = static_cast<Element>(reduce((p_ - p_ / x) * inverses_[p_ % x]));
    }
  }

  std::uint32_t prime() const { return p_; }
  static constexpr int width() { return 1; }

  void set(Element* out, const exact::Integer& value) const {
    const auto rest = static_cast<std::int64_t>(exact::Integer(value % p_));
    *out = static_cast<Element>(rest < 0 ? rest + p_ : rest);
  }

  void set_one(Element* out) const { *out = 1; }

  static bool is_zero(const Element* x) { return *x == 0; }

  // out = x - y
  void subtract(Element* out, const Element* x, const Element* y) const {
    *out = static_cast<Element>(*x >= *y ? *x - *y : *x + p_ - *y);
  }

  void multiply(Element* out, const Element* x, const Element* y) const {
    *out = static_cast<Element>(reduce(std::uint32_t{*x} * *y));
  }

  // All in place; none may be zero.
  void invert(Element* values, Index n) {
    for (Index k = 0; k < n; ++k) values[k] = inverses_[values[k]];
  }

  Element inverse(std::uint32_t x) const { return inverses_[x]; }

  // x modulo p for x < 2^28: the reciprocal is off by less than 2^-42, so the quotient is right
  std::uint32_t reduce(std::uint32_t x) const {
    return x - static_cast<std::uint32_t>((x * reciprocal_) >> kShift) * p_;
  }

 private:
  static constexpr int kShift = 42;

  std::uint32_t p_;
  std::uint64_t reciprocal_;
  std::vector<Element> inverses_;
};

}  // namespace cvxnn::count
