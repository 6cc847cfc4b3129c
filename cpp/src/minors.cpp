// Hadamard's bound by rows, by columns, and by columns moved to the middle of their range.
#include "minors.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace cvxnn::count {
namespace {

using exact::Integer;
using exact::Rows;

// log2 of a positive integer, rounded up.
double log2_above(const Integer& value) {
  constexpr Index kDigits = 60;
  const Index dropped = std::max<Index>(exact::bit_length(value) - kDigits, 0);
  const Integer leading = value >> static_cast<unsigned>(dropped);
  const auto digits = static_cast<double>(static_cast<std::int64_t>(leading));
  return std::log2(digits) + static_cast<double>(dropped) + 1e-12;
}

double sum_of_largest(std::vector<double> values, Index number) {
  std::partial_sort(values.begin(), values.begin() + number, values.end(), std::greater<>());
  double sum = 0.0;
  for (Index k = 0; k < number; ++k) sum += values[k];
  return sum;
}

double by_rows(const Rows& rows) {
  std::vector<double> norms;
  for (const auto& row : rows) {
    Integer square = 0;
    for (const Integer& value : row) square += value * value;
    norms.push_back(0.5 * log2_above(square));
  }
  return sum_of_largest(norms, static_cast<Index>(rows.front().size()));
}

// Every column holds at most `order` of its largest entries.
double by_columns(const Rows& rows) {
  const Index order = static_cast<Index>(rows.front().size());
  double sum = 0.0;
  for (Index j = 0; j < order; ++j) {
    std::vector<Integer> squares;
    for (const auto& row : rows) squares.push_back(row[j] * row[j]);
    std::partial_sort(squares.begin(), squares.begin() + order, squares.end(), std::greater<>());
    Integer square = 0;
    for (Index k = 0; k < order; ++k) square += squares[k];
    sum += 0.5 * log2_above(square);
  }
  return sum;
}

// A determinant does not change by the border (1, -c) above and ones below, with c added to each
// row; with entries in [low, high] and c in the middle the columns become shorter.
double by_centered_columns(const Rows& rows) {
  const Index order = static_cast<Index>(rows.front().size());
  double sum = 0.5 * std::log2(static_cast<double>(order) + 1.0);
  for (Index j = 0; j < order; ++j) {
    Integer low = rows.front()[j];
    Integer high = low;
    for (const auto& row : rows) {
      low = std::min(low, row[j]);
      high = std::max(high, row[j]);
    }
    const Integer twice_middle = low + high;
    const Integer range = high - low;
    sum += 0.5 * log2_above(twice_middle * twice_middle + order * range * range) - 1.0;
  }
  return sum;
}

bool is_prime(std::uint32_t n) {
  for (std::uint32_t divisor = 2; divisor * divisor <= n; ++divisor) {
    if (n % divisor == 0) return false;
  }
  return true;
}

}  // namespace

MinorBound bound_minors(const Rows& rows) {
  constexpr double kRounding = 1e-6;
  MinorBound bound{};
  bound.any_order = std::min(by_rows(rows), by_columns(rows)) + kRounding;
  bound.highest_order = std::min(bound.any_order, by_centered_columns(rows) + kRounding);
  return bound;
}

std::uint32_t next_small_prime(double bound) {
  auto prime = std::max(static_cast<std::uint32_t>(bound) + 1, 7U);
  while (!is_prime(prime)) ++prime;
  return prime;
}

}  // namespace cvxnn::count
