#include "cvxnn/count.hpp"

#include <algorithm>

#include "normal_form.hpp"

namespace cvxnn {
namespace {

using exact::Integer;
using exact::Row;
using exact::Rows;

// One Bareiss step: eliminates `column` from every row by `rows[pivot]`. All rows keep one common
// positive or negative factor relative to each other, so ratios and zeros survive; a common sign
// only swaps a ray with its opposite.
Rows restrict_to(const Rows& rows, Index pivot, Index column, const Integer& previous) {
  const Row& base = rows[pivot];
  Rows reduced;
  reduced.reserve(rows.size());
  for (const Row& row : rows) {
    Row kept;
    kept.reserve(row.size() - 1);
    for (Index j = 0; j < static_cast<Index>(row.size()); ++j) {
      if (j != column) kept.push_back((base[column] * row[j] - row[column] * base[j]) / previous);
    }
    reduced.push_back(std::move(kept));
  }
  return reduced;
}

Index leading_column(const Row& row) {
  Index column = 0;
  while (row[column] == 0) ++column;
  return column;
}

// Deletion and restriction: c(A) = 1 + sum over hyperplanes h_i of c(h_1, .., h_{i-1} seen in h_i).
class Counter {
 public:
  Counter(double max_seconds, const Execution& execution)
      : poller_(execution), max_seconds_(max_seconds) {}

  // Rows must be zero-free; parallel ones may repeat.
  std::optional<Integer> count(Rows rows) {
    poller_.check();
    const std::chrono::duration<double> elapsed = Clock::now() - start_;
    if (elapsed.count() > max_seconds_) return std::nullopt;
    for (Row& row : rows) exact::make_direction(row);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    if (rows.empty()) return Integer(1);
    if (rows.front().size() <= 2) return Integer(2 * rows.size());
    Integer total = 1;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Rows before(rows.begin(), rows.begin() + i + 1);
      Rows inside = restrict_to(before, i, leading_column(rows[i]), 1);
      inside.pop_back();
      const std::optional<Integer> part = count(std::move(inside));
      if (!part) return std::nullopt;
      total += *part;
    }
    return total;
  }

 private:
  using Clock = std::chrono::steady_clock;

  Poller poller_;
  const Clock::time_point start_ = Clock::now();
  const double max_seconds_;
};

}  // namespace

std::optional<std::string> count_cells(const Arrangement& arrangement, double max_seconds,
                                       const Execution& execution) {
  const NormalForm& form = arrangement.normal_form();
  if (form.rows.empty()) return "1";
  const std::optional<Integer> count = Counter(max_seconds, execution).count(form.rows);
  if (!count) return std::nullopt;
  return Integer(form.affine ? *count / 2 : *count).str();
}

}  // namespace cvxnn
