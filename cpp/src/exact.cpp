#include "exact.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace cvxnn::exact {
namespace {

struct Dyadic {
  std::int64_t mantissa;  // value = mantissa * 2^exponent
  int exponent;
};

Dyadic dyadic(double value) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  Dyadic number{static_cast<std::int64_t>(std::ldexp(fraction, 53)), exponent - 53};
  while (number.mantissa != 0 && number.mantissa % 2 == 0) {
    number.mantissa /= 2;
    ++number.exponent;
  }
  return number;
}

std::uint64_t power_modulo(std::uint64_t base, std::uint64_t exponent, std::uint64_t p) {
  std::uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1, base = base * base % p) {
    if (exponent & 1) result = result * base % p;
  }
  return result;
}

// Miller and Rabin's test; these bases decide every odd number below 3.2e9.
bool is_prime(std::uint64_t n) {
  int twos = 0;
  while (((n - 1) >> twos) % 2 == 0) ++twos;
  for (const std::uint64_t base : {2, 3, 5, 7}) {
    std::uint64_t power = power_modulo(base, (n - 1) >> twos, n);
    bool passes = power == 1 || power == n - 1;
    for (int i = 1; i < twos && !passes; ++i) {
      power = power * power % n;
      passes = power == n - 1;
    }
    if (!passes) return false;
  }
  return true;
}

// The largest prime below n, 10 < n <= 2^31.
std::uint64_t previous_prime(std::uint64_t n) {
  for (n = (n - 2) | 1; !is_prime(n); n -= 2) {
  }
  return n;
}

// Columns that are independent modulo p, and therefore independent.
std::vector<Index> independent_modulo(const Rows& rows, std::uint64_t p) {
  struct Pivot {
    std::vector<std::uint64_t> row;  // leading entry 1
    Index column;
  };
  const Index n_columns = static_cast<Index>(rows.front().size());
  std::vector<Pivot> pivots;
  std::vector<std::uint64_t> row(static_cast<std::size_t>(n_columns));
  for (const Row& integers : rows) {
    if (static_cast<Index>(pivots.size()) == n_columns) break;
    for (Index j = 0; j < n_columns; ++j) {
      const auto rest = static_cast<std::int64_t>(Integer(integers[j] % p));
      row[j] = rest < 0 ? p - static_cast<std::uint64_t>(-rest) : static_cast<std::uint64_t>(rest);
    }
    for (const Pivot& pivot : pivots) {
      const std::uint64_t factor = p - row[pivot.column];
      if (factor == p) continue;
      for (Index j = 0; j < n_columns; ++j) row[j] = (row[j] + factor * pivot.row[j]) % p;
    }
    const auto lead = std::find_if(row.begin(), row.end(), [](auto value) { return value != 0; });
    if (lead == row.end()) continue;
    const std::uint64_t inverse = power_modulo(*lead, p - 2, p);
    pivots.push_back({row, static_cast<Index>(lead - row.begin())});
    for (std::uint64_t& value : pivots.back().row) value = value * inverse % p;
  }
  std::vector<Index> columns;
  for (const Pivot& pivot : pivots) columns.push_back(pivot.column);
  std::sort(columns.begin(), columns.end());
  return columns;
}

// Rows in echelon form, primitive, grown one by one.
class Echelon {
 public:
  struct Pivot {
    Row row;
    Index column;
  };

  // Whether the row was independent of those before.
  bool add(Row row) {
    for (const Pivot& pivot : pivots_) eliminate(pivot, row);
    const auto lead =
        std::find_if(row.begin(), row.end(), [](const Integer& value) { return value != 0; });
    if (lead == row.end()) return false;
    const Index column = static_cast<Index>(lead - row.begin());
    pivots_.push_back({std::move(row), column});
    return true;
  }

  // Clears the columns of the pivots in all other rows.
  void reduce() {
    for (std::size_t i = pivots_.size(); i-- > 0;) {
      for (std::size_t k = 0; k < i; ++k) eliminate(pivots_[i], pivots_[k].row);
    }
  }

  const std::vector<Pivot>& pivots() const { return pivots_; }

 private:
  static void eliminate(const Pivot& pivot, Row& row) {
    const Integer factor = row[pivot.column];
    if (factor == 0) return;
    const Integer& scale = pivot.row[pivot.column];
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = scale * row[j] - factor * pivot.row[j];
    make_primitive(row);
  }

  std::vector<Pivot> pivots_;
};

}  // namespace

Row integer_row(const double* values, Index size, Index stride) {
  std::vector<Dyadic> parts(static_cast<std::size_t>(size));
  int lowest = std::numeric_limits<int>::max();
  for (Index j = 0; j < size; ++j) {
    parts[j] = dyadic(values[j * stride]);
    if (parts[j].mantissa != 0) lowest = std::min(lowest, parts[j].exponent);
  }
  Row row(static_cast<std::size_t>(size));
  for (Index j = 0; j < size; ++j) {
    if (parts[j].mantissa == 0) continue;
    row[j] = parts[j].mantissa;
    row[j] <<= static_cast<unsigned>(parts[j].exponent - lowest);
  }
  return row;
}

Rows integer_rows(const ConstMatrixRef& X) {
  Rows rows;
  rows.reserve(static_cast<std::size_t>(X.rows()));
  for (Index k = 0; k < X.rows(); ++k) {
    rows.push_back(integer_row(X.data() + k, X.cols(), X.outerStride()));
  }
  return rows;
}

bool is_zero(const Row& row) {
  return std::all_of(row.begin(), row.end(), [](const Integer& value) { return value == 0; });
}

void make_primitive(Row& row) {
  Integer divisor = 0;
  for (const Integer& value : row) {
    if (divisor == 1) return;
    if (value != 0) divisor = gcd(divisor, value);
  }
  if (divisor <= 1) return;
  for (Integer& value : row) {
    if (value != 0) value /= divisor;
  }
}

bool make_direction(Row& row) {
  make_primitive(row);
  const auto leading =
      std::find_if(row.begin(), row.end(), [](const Integer& value) { return value != 0; });
  if (*leading > 0) return false;
  for (Integer& value : row) value = -value;
  return true;
}

int sign_dot(const double* a, Index stride_a, const double* b, Index stride_b, Index size) {
  const Row left = integer_row(a, size, stride_a);
  const Row right = integer_row(b, size, stride_b);
  Integer sum = 0;
  for (Index j = 0; j < size; ++j) sum += left[j] * right[j];
  return sum.sign();
}

Index bit_length(const Integer& value) {
  return value == 0 ? 0 : static_cast<Index>(msb(abs(value))) + 1;
}

std::vector<Index> independent_columns(const Rows& rows) {
  if (rows.empty()) return {};
  const Index n_columns = static_cast<Index>(rows.front().size());
  Index longest = 1;
  for (const Row& row : rows) {
    for (const Integer& value : row) longest = std::max(longest, bit_length(value));
  }
  // Hadamard: log2 of a minor of order m is at most m * bits_an_order
  const Index bits_an_order = longest + 1 + static_cast<Index>(std::log2(n_columns));
  std::vector<Index> best;
  Index bits_seen = 0;
  for (std::uint64_t p = previous_prime(std::uint64_t{1} << 31);; p = previous_prime(p)) {
    std::vector<Index> columns = independent_modulo(rows, p);
    if (columns.size() > best.size()) best = std::move(columns);
    bits_seen += 30;
    const Index rank = static_cast<Index>(best.size());
    // all minors of the next order vanish modulo primes whose product is beyond them: they are zero
    const bool proved = bits_seen > (rank + 1) * bits_an_order;
    if (proved || rank == std::min(n_columns, static_cast<Index>(rows.size()))) return best;
  }
}

double scaled_double(const Integer& value, Index exponent) {
  constexpr Index kDigits = 60;
  constexpr Index kSmallest = 900;
  const Index length = bit_length(value);
  if (length == 0 || exponent - length > kSmallest) return 0.0;
  const Index dropped = std::max<Index>(length - kDigits, 0);
  const Integer leading = abs(value) >> static_cast<unsigned>(dropped);
  const double magnitude = std::ldexp(static_cast<double>(static_cast<std::int64_t>(leading)),
                                      static_cast<int>(dropped - exponent));
  return value < 0 ? -magnitude : magnitude;
}

double ratio(const Integer& a, const Integer& b) {
  const Index length_a = bit_length(a);
  const Index length_b = bit_length(b);
  const double quotient = scaled_double(a, length_a) / scaled_double(b, length_b);
  const Index exponent = std::clamp<Index>(length_a - length_b, -5000, 5000);
  return std::ldexp(quotient, static_cast<int>(exponent));
}

Integer dot(const Row& a, const Row& b) {
  Integer sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}

std::vector<Index> first_basis(const Rows& rows, Index cap) {
  Echelon echelon;
  std::vector<Index> basis;
  for (std::size_t k = 0; k < rows.size() && static_cast<Index>(basis.size()) < cap; ++k) {
    if (echelon.add(rows[k])) basis.push_back(static_cast<Index>(k));
  }
  return basis;
}

Rows kernel(const Rows& rows, Index n_columns) {
  Echelon echelon;
  for (const Row& row : rows) echelon.add(row);
  echelon.reduce();
  const auto& pivots = echelon.pivots();
  std::vector<char> is_pivot(static_cast<std::size_t>(n_columns), 0);
  for (const auto& pivot : pivots) is_pivot[pivot.column] = 1;
  Rows basis;
  for (Index free = 0; free < n_columns; ++free) {
    if (is_pivot[free]) continue;
    Integer common = 1;  // of the pivots that the free column meets
    for (const auto& pivot : pivots) {
      if (pivot.row[free] != 0) common = lcm(common, pivot.row[pivot.column]);
    }
    Row vector(static_cast<std::size_t>(n_columns));
    vector[free] = common;
    for (const auto& pivot : pivots) {
      if (pivot.row[free] == 0) continue;
      vector[pivot.column] = -(common / pivot.row[pivot.column]) * pivot.row[free];
    }
    make_primitive(vector);
    basis.push_back(std::move(vector));
  }
  return basis;
}

Rows select_columns(const Rows& rows, const std::vector<Index>& columns) {
  Rows selected;
  selected.reserve(rows.size());
  for (const Row& row : rows) {
    Row kept;
    for (const Index column : columns) kept.push_back(row[column]);
    selected.push_back(std::move(kept));
  }
  return selected;
}

}  // namespace cvxnn::exact
