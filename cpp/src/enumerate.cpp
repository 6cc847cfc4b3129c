// Listing by flats: every cell of an arrangement of rank r has an extreme ray, a line on which r -
// 1 independent hyperplanes meet. Around such a ray the arrangement looks like the hyperplanes
// through it, an arrangement of rank r - 1, whose cells are listed recursively. Each flat is
// visited once, through its lexicographically first basis.
#include "cvxnn/enumerate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "normal_form.hpp"

namespace cvxnn {
namespace {

using exact::Integer;
using exact::Row;
using exact::Rows;

using Pattern = std::vector<Word>;

struct PatternHash {
  std::size_t operator()(const Pattern& pattern) const {
    Word hash = 0x9e3779b97f4a7c15ULL;
    for (const Word word : pattern) {
      hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
      hash ^= hash >> 32;
    }
    return static_cast<std::size_t>(hash);
  }
};

using PatternSet = std::unordered_set<Pattern, PatternHash>;

PatternSet list_cells(const Rows& rows, const Execution& execution);

void complement(Pattern& pattern, Index n_bits) {
  for (Word& word : pattern) word = ~word;
  if (n_bits % 64 != 0) pattern.back() &= (Word{1} << (n_bits % 64)) - 1;
}

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

// The values of all rows on the line that is left when one last hyperplane is chosen in a plane:
// signs of two-by-two determinants, by doubles where their rounding error allows it.
class PlaneSigns {
 public:
  explicit PlaneSigns(const Rows& rows) : rows_(rows), approximate_(rows.size(), 2) {
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const Index exponent = std::max(bit_length(rows[k][0]), bit_length(rows[k][1]));
      for (int j = 0; j < 2; ++j) approximate_(k, j) = scaled(rows[k][j], exponent);
    }
  }

  int sign(Index pivot, Index k) const {
    // entries and products are each rounded by at most 2^-52 relative, four roundings a term
    const double left = approximate_(pivot, 0) * approximate_(k, 1);
    const double right = approximate_(pivot, 1) * approximate_(k, 0);
    const double difference = left - right;
    const double error = 0x1p-48 * (std::abs(left) + std::abs(right));
    if (difference > error) return 1;
    if (difference < -error) return -1;
    return Integer(rows_[pivot][0] * rows_[k][1] - rows_[pivot][1] * rows_[k][0]).sign();
  }

 private:
  static Index bit_length(const Integer& value) {
    return value == 0 ? 0 : static_cast<Index>(msb(abs(value))) + 1;
  }

  // value / 2^exponent, or NaN (which decides nothing) where products of such could underflow.
  static double scaled(const Integer& value, Index exponent) {
    constexpr Index kDigits = 64;
    constexpr Index kSmallest = 400;
    const Index length = bit_length(value);
    if (length == 0) return 0.0;
    if (exponent - length > kSmallest) return std::numeric_limits<double>::quiet_NaN();
    const Index dropped = std::max<Index>(length - kDigits, 0);
    const Integer leading = abs(value) >> static_cast<unsigned>(dropped);
    const double magnitude =
        std::ldexp(leading.convert_to<double>(), static_cast<int>(dropped - exponent));
    return value < 0 ? -magnitude : magnitude;
  }

  const Rows& rows_;
  Eigen::Matrix<double, Eigen::Dynamic, 2> approximate_;
};

class FlatWalk {
 public:
  FlatWalk(const Rows& rows, const Execution& execution)
      : rows_(rows),
        n_(static_cast<Index>(rows.size())),
        poller_(execution),
        signs_(rows.size(), 1) {}

  // All flats whose lexicographically first basis starts with a row in [begin, end).
  void from(Index begin, Index end) {
    if (rows_.front().size() == 2) return visit_plane(rows_, begin, end);
    for (Index first = begin; first < end; ++first) {
      const Index column = leading_column(rows_[first]);
      descend(restrict_to(rows_, first, column, 1), first, rows_[first][column]);
    }
  }

  // The flat {0} of an arrangement of rank one: a single hyperplane, two cells.
  void rank_one() { emit({}); }

  PatternSet take() { return std::move(found_); }

 private:
  // `table` holds every row seen in the flat of the rows chosen so far, the last of them `chosen`.
  void descend(const Rows& table, Index chosen, const Integer& previous) {
    if (table.front().size() == 2) return visit_plane(table, chosen + 1, n_);
    for (Index next = chosen + 1; next < n_; ++next) {
      if (exact::is_zero(table[next])) continue;
      const Index column = leading_column(table[next]);
      const Rows reduced = restrict_to(table, next, column, previous);
      if (spans_an_earlier_row(table, reduced, next)) continue;
      descend(reduced, next, table[next][column]);
    }
  }

  // An earlier row that enters the span together with `next` would come before it in the
  // lexicographically first basis.
  static bool spans_an_earlier_row(const Rows& table, const Rows& reduced, Index next) {
    for (Index k = 0; k < next; ++k) {
      if (exact::is_zero(reduced[k]) && !exact::is_zero(table[k])) return true;
    }
    return false;
  }

  // The rays on which one of the rows [begin, end) meets the flat, a plane.
  void visit_plane(const Rows& table, Index begin, Index end) {
    const PlaneSigns plane(table);
    for (Index last = begin; last < end; ++last) {
      if (!exact::is_zero(table[last])) visit_ray(table, plane, last);
      poller_.check();
    }
  }

  void visit_ray(const Rows& table, const PlaneSigns& plane, Index last) {
    std::vector<Index> through;
    for (Index k = 0; k < n_; ++k) {
      signs_[k] = plane.sign(last, k);
      if (signs_[k] != 0) continue;
      if (k < last && !exact::is_zero(table[k])) return;  // not the first basis of this flat
      through.push_back(k);
    }
    emit(through);
  }

  // Adds the cells around the ray with the current signs; of each opposite pair the one with bit 0.
  void emit(const std::vector<Index>& through) {
    Pattern base(static_cast<std::size_t>(words_for(n_)), 0);
    for (Index k = 0; k < n_; ++k) {
      if (signs_[k] > 0) set_bit(base.data(), k);
    }
    const Index n_through = static_cast<Index>(through.size());
    const auto add = [&](const Word* local) {
      Pattern pattern = base;
      for (Index j = 0; j < n_through; ++j) {
        if (get_bit(local, j)) set_bit(pattern.data(), through[j]);
      }
      if (!get_bit(pattern.data(), 0)) complement(pattern, n_);
      found_.insert(std::move(pattern));
    };
    const Index rank = static_cast<Index>(rows_.front().size());
    if (n_through == rank - 1) {  // independent hyperplanes: every sign combination is a cell
      for (Word local = 0; local < (Word{1} << n_through); ++local) add(&local);
      return;
    }
    Rows subset;
    for (const Index k : through) subset.push_back(rows_[k]);
    subset = exact::select_columns(subset, exact::independent_columns(subset));
    for (Pattern local : list_cells(subset, {1, {}})) {
      add(local.data());
      complement(local, n_through);
      add(local.data());
    }
    poller_.check();
  }

  const Rows& rows_;
  const Index n_;
  Poller poller_;
  PatternSet found_;
  std::vector<int> signs_;
};

// One of each pair of opposite cells of the arrangement of these pairwise non-parallel rows, whose
// number of columns is their rank.
PatternSet list_cells(const Rows& rows, const Execution& execution) {
  if (rows.front().size() == 1) {
    FlatWalk walk(rows, execution);
    walk.rank_one();
    return walk.take();
  }
  const Index n = static_cast<Index>(rows.size());
  const Index step = rows.front().size() == 2 ? 64 : 1;  // a plane's doubles are made once a task
  std::vector<PatternSet> parts(static_cast<std::size_t>(execution.n_threads));
  const Index n_tasks = (n + step - 1) / step;
  const double n_flats =
      std::pow(static_cast<double>(n), static_cast<double>(rows.front().size() - 1));
  const double task_cost = 8.0 * n_flats * static_cast<double>(n) / static_cast<double>(n_tasks);
  parallel_for(n_tasks, task_cost, execution, [&](Index task, int thread, const auto& poll) {
    const Execution inner{1, poll};
    FlatWalk walk(rows, inner);
    walk.from(task * step, std::min(n, (task + 1) * step));
    parts[thread].merge(walk.take());
  });
  for (std::size_t t = 1; t < parts.size(); ++t) parts[0].merge(parts[t]);
  return std::move(parts[0]);
}

}  // namespace

Cells enumerate_cells(const Arrangement& arrangement, const Execution& execution) {
  const NormalForm& form = arrangement.normal_form();
  const PatternMap map(form);
  Cells cells;
  cells.n_hyperplanes = arrangement.n_hyperplanes();
  if (form.rows.empty()) {
    cells.bits.assign(static_cast<std::size_t>(cells.n_words()), 0);
    return cells;
  }
  const PatternSet half = list_cells(form.rows, execution);
  const std::size_t sides = form.affine ? 1 : 2;
  cells.bits.assign(sides * half.size() * static_cast<std::size_t>(cells.n_words()), 0);
  Word* out = cells.bits.data();
  for (const Pattern& pattern : half) {
    const bool below = form.affine && !get_bit(pattern.data(), form.n_rows() - 1);
    map.apply(pattern.data(), below, out);
    out += cells.n_words();
    if (form.affine) continue;
    map.apply(pattern.data(), true, out);
    out += cells.n_words();
  }
  sort_unique(cells);
  return cells;
}

}  // namespace cvxnn
