#include "exact.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cvxnn::exact {
namespace {

struct Dyadic {
  long long mantissa;  // value = mantissa * 2^exponent
  int exponent;
};

Dyadic dyadic(double value) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return {static_cast<long long>(std::ldexp(fraction, 53)), exponent - 53};
}

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

std::vector<Index> independent_columns(const Rows& rows, Index cap) {
  struct Pivot {
    Row row;
    Index column;
  };
  std::vector<Pivot> pivots;
  const Index n_columns = rows.empty() ? 0 : static_cast<Index>(rows.front().size());
  for (Row row : rows) {
    if (static_cast<Index>(pivots.size()) == std::min(cap, n_columns)) break;
    for (const Pivot& pivot : pivots) {
      const Integer factor = row[pivot.column];
      if (factor == 0) continue;
      const Integer& scale = pivot.row[pivot.column];
      for (Index j = 0; j < n_columns; ++j) row[j] = scale * row[j] - factor * pivot.row[j];
      make_primitive(row);
    }
    const auto lead =
        std::find_if(row.begin(), row.end(), [](const Integer& value) { return value != 0; });
    if (lead == row.end()) continue;
    const Index column = static_cast<Index>(lead - row.begin());
    pivots.push_back({std::move(row), column});
  }
  std::vector<Index> columns;
  for (const Pivot& pivot : pivots) columns.push_back(pivot.column);
  std::sort(columns.begin(), columns.end());
  return columns;
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
