// Every cell at its lowest vertex (sweep_levels.hpp says what that is for cells without one): depth
// first over the subsets of rows that meet in a vertex, one Gauss-Jordan step a row. On the last
// step the subset's flat is a line, on which each other row makes one vertex. No table of cells, no
// linear program; signs come from doubles with a bound on their error, or else from integers.
//
// A task is {level, begin, end, chosen rows ..}: all subsets that go on with one of the rows begin
// .. end - 1. If only one row is missing, all but the first `begin` crossings of the line.
#include <cmath>
#include <limits>
#include <memory>

#include "engine.hpp"
#include "row_compare.hpp"
#include "sweep_levels.hpp"
#include "sweep_table.hpp"

namespace cvxnn {
namespace {

using Rows = std::vector<Index>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Index kSortAbove = 1500;  // rows; with more, sorting a line beats comparing all its rows

// In whole octets, which the compiler turns into vector operations.
template <class Body>
inline void for_octets(Index begin, Index end, const Body& body) {
  for (Index i = begin; i < end; i += kOctet) {
#pragma omp simd
    for (Index k = i; k < i + kOctet; ++k) body(k);
  }
}

// Where rows cross a line, and the signs of the chosen rows above each crossing.
struct Line {
  std::vector<double> lo, hi;            // row i crosses in [lo, hi]
  std::vector<double> position;          // in between
  std::vector<double> inverse;           // 1 / slope of row i along the line
  std::vector<double> lambda;            // coefficient of row j in c
  std::vector<double> slack;             // bound on the error of the other coefficients
  std::vector<double> margin;            // least distance of such a coefficient from doubt
  std::vector<Word> falling;             // rows that are positive before their crossing
  std::vector<Word> rising;              // rows that are positive after it
  std::vector<std::vector<Word>> signs;  // per word of the pattern: bits of the chosen rows
  std::vector<Index> order;              // by position
};

class LowestVertex {
 public:
  LowestVertex(const NormalForm& form, bool exact, PatternSink& sink, Poller& poller)
      : form_(form),
        n_(form.n_rows()),
        n_padded_((n_ + 7) / 8 * 8),
        n_words_(words_for(n_)),
        exact_(exact),
        infinity_(form.affine ? n_ - 1 : 0),
        sink_(sink),
        poller_(poller),
        levels_(form.rows, infinity_) {
    const auto size = static_cast<std::size_t>(n_padded_);
    line_.lo.resize(size);
    line_.hi.resize(size);
    line_.position.resize(size);
    line_.inverse.resize(size);
    line_.lambda.resize(size);
    line_.slack.resize(size);
    line_.margin.resize(size);
    line_.falling.resize(static_cast<std::size_t>(n_words_));
    line_.rising.resize(static_cast<std::size_t>(n_words_));
    special_.assign(static_cast<std::size_t>(n_words_), 0);
    if (n_ % 64 != 0) special_.back() = ~Word{0} << (n_ % 64);
    set_bit(special_.data(), infinity_);
    line_.signs.assign(static_cast<std::size_t>(n_words_), std::vector<Word>(size, 0));
  }

  std::vector<Task> explore(const Task& task) {
    level_ = task[0];
    k_ = levels_.dimension(level_);
    chosen_.assign(task.begin() + 3, task.end());
    for (const Index row : chosen_) flip_bit(special_.data(), row);
    prepare_level();
    if (k_ == 0) {
      visit_last_level(*tables_[0]);
    } else {
      SweepTable* table = tables_[0].get();
      for (std::size_t depth = 0; depth < chosen_.size() && table != nullptr; ++depth) {
        table = step(table, chosen_[depth], depth);
      }
      visit(table, task[1], std::min<Index>(task[2], n_));
    }
    sink_.flush();
    return std::move(rest_);
  }

 private:
  // The table of the level, and room for the steps.
  void prepare_level() {
    const Index n_directions = levels_.rank() - 1;
    const Matrix directions = levels_.approximate_directions();
    const Index stride = (n_ + std::max<Index>(n_directions, 1) + 7) / 8 * 8;
    tables_.clear();
    for (Index depth = 0; depth <= k_ + 1; ++depth) {
      tables_.push_back(std::make_unique<SweepTable>());
      SweepTable& table = *tables_.back();
      const auto size = static_cast<std::size_t>(stride);
      table.alpha.assign(size, 0.0);
      for (Index j = 0; j < levels_.rank(); ++j) table.left[j].assign(size, 0.0);
      for (Index j = 0; j < k_; ++j) table.chosen[j].assign(size, 0.0);
    }
    SweepTable& base = *tables_.back();
    base.n = n_padded_;
    base.stride = stride;
    base.n_left = levels_.rank();
    base.error = kRounding;
    for (Index j = 0; j < levels_.rank(); ++j) {
      for (Index i = 0; i < n_; ++i) base.left[j][i] = form_.approximate(i, j);
      for (Index l = 0; l < n_directions; ++l) base.left[j][n_ + l] = directions(l, j);
    }
    for (Index l = 0; l <= level_; ++l) {
      SweepTable& next = *tables_[0];
      choose_chart(base, l == 0 ? infinity_ : n_ + l - 1, l == 0 ? 1.0 : -1.0, next);
      if (l < level_) std::swap(*tables_[0], base);
    }
    // the descent needs no other direction
    SweepTable& top = *tables_[0];
    top.stride = (n_ + 1 + 7) / 8 * 8;
    for (Index j = 0; j < top.n_left; ++j) {
      std::swap(top.left[j][n_], top.left[j][n_ + level_]);
      std::fill(top.left[j].begin() + n_ + 1, top.left[j].end(), 0.0);
    }
  }

  // Nothing if doubles cannot tell whether the row is independent of those chosen before.
  SweepTable* step(SweepTable* table, Index row, std::size_t depth) {
    const Index column = table == nullptr ? -1 : pivot_column(*table, row);
    if (column < 0) return nullptr;
    choose_row(*table, row, column, row + 1, *tables_[depth + 1]);
    return tables_[depth + 1].get();
  }

  // All subsets that begin with the rows chosen and go on with one of begin .. end - 1. Without a
  // table, lines are worked out in integers. Returns whether to stop.
  bool visit(SweepTable* table, Index begin, Index end) {
    const Index missing = k_ - static_cast<Index>(chosen_.size());
    if (missing == 1) return visit_line(table, begin);
    for (Index row = begin; row < std::min(end, n_ - missing + 1); ++row) {
      if (row == infinity_) continue;
      SweepTable* next = step(table, row, chosen_.size());
      chosen_.push_back(row);
      flip_bit(special_.data(), row);
      const bool possible = next != nullptr || levels_.independent(level_, chosen_);
      const bool stop = possible && visit(next, missing == 2 ? 0 : row + 1, n_);
      chosen_.pop_back();
      flip_bit(special_.data(), row);
      if (stop || sink_.exhausted()) {
        keep_rest(row + 1, end);
        return true;
      }
    }
    return false;
  }

  void keep_rest(Index begin, Index end) {
    Task rest{static_cast<std::int32_t>(level_), static_cast<std::int32_t>(begin),
              static_cast<std::int32_t>(end)};
    for (const Index row : chosen_) rest.push_back(static_cast<std::int32_t>(row));
    rest_.push_back(std::move(rest));
  }

  // On a line, `begin` is a row, or the number of crossings done if the line is sorted.
  bool visit_line(const SweepTable* table, Index begin) {
    if (++lines_ % 64 == 0 || n_ > kSortAbove) poller_.check();
    const Index first = chosen_.empty() ? 0 : chosen_.back() + 1;
    if (first >= n_) return false;
    if (table == nullptr || !measure(*table, first)) return visit_exact_line(first, begin);
    if (n_ > kSortAbove) return visit_sorted(first, begin);
    return !visit_compared(first) && visit_exact_line(first, 0);
  }

  // Fills line_; false if a sign is in doubt.
  bool measure(const SweepTable& table, Index first) {
    const double* alpha = table.alpha.data();
    const double* beta = table.left[0].data();
    const double error = exact_ ? table.error : 0.0;
    const double rounding = exact_ ? 4.0 * kRounding : 0.0;
    const double smallest = 1e3 * error;
    double* lo = line_.lo.data();
    double* hi = line_.hi.data();
    double* position = line_.position.data();
    double* inverse = line_.inverse.data();
    const double inflated = 1.01 * error;
    for_octets(0, n_padded_, [=](Index i) {
      inverse[i] = 1.0 / beta[i];
      const double t = -alpha[i] * inverse[i];
      const double magnitude = std::abs(t);
      // |dt| <= error (1 + |t|) / (|beta| - error) + rounding |t|
      const double width =
          inflated * (1.0 + magnitude) * std::abs(inverse[i]) + rounding * magnitude;
      position[i] = t;
      lo[i] = t - width;
      hi[i] = t + width;
    });
    bits_below(beta, n_padded_, -smallest, line_.falling.data());
    bits_above(beta, n_padded_, smallest, line_.rising.data());
    for (Index w = 0; w < n_words_; ++w) {
      if ((line_.falling[w] | line_.rising[w] | special_[w]) != ~Word{0}) return false;
      line_.falling[w] &= ~special_[w];
    }
    for (Index i = n_; i < n_padded_; ++i) lo[i] = hi[i] = kInfinity;
    lo[infinity_] = hi[infinity_] = -kInfinity;
    for (const Index row : chosen_) lo[row] = hi[row] = kInfinity;
    return measure_signs(table, first, error, rounding);
  }

  // c = sum over the rows of a vertex of lambda_h x_h on the directions of the chart, and on the
  // cell above it each x_h has the sign of lambda_h.
  bool measure_signs(const SweepTable& table, Index first, double error, double rounding) {
    const Index c = n_;
    const double slope = table.left[0][c];
    const double* inverse = line_.inverse.data();
    if (!(std::abs(slope) > error)) return false;
    const Index begin = first & ~Index{7};
    double* lambda = line_.lambda.data();
    double* slack = line_.slack.data();
    const double mu_error = exact_ ? table.chosen_error : 0.0;
    const double mu_size = table.chosen_size + mu_error;
    touched_.clear();
    double* margin = line_.margin.data();
    const double inflated = 1.01 * error;
    for_octets(begin, n_padded_, [=](Index j) {
      lambda[j] = slope * inverse[j];
      const double magnitude = 1.0 + std::abs(lambda[j]);
      const double lambda_error =
          inflated * magnitude * std::abs(inverse[j]) + rounding * magnitude;
      slack[j] = (mu_error + rounding * mu_size) * magnitude + lambda_error * mu_size;
      margin[j] = 1.0;
    });
    for (std::size_t h = 0; h < chosen_.size(); ++h) {
      const Index row = chosen_[h];
      const Index word = row >> 6;
      const bool is_new = touched_.empty() || touched_.back() != word;
      if (is_new) touched_.push_back(word);
      const Word kept = is_new ? 0 : ~Word{0};
      Word* signs = line_.signs[word].data();
      const double* mu = table.chosen[h].data();
      const double nu = mu[c];
      const Word bit = Word{1} << (row & 63);
      if (!exact_) {
        for_octets(begin, n_padded_, [=](Index j) {
          signs[j] = (signs[j] & kept) | (nu > lambda[j] * mu[j] ? bit : Word{0});
        });
        continue;
      }
      for_octets(begin, n_padded_, [=](Index j) {
        const double value = nu - lambda[j] * mu[j];
        const double distance = std::abs(value) - slack[j];
        signs[j] = (signs[j] & kept) | (value > 0.0 ? bit : Word{0});
        margin[j] = distance < margin[j] ? distance : margin[j];
      });
    }
    rising_ = slope > 0.0;
    if (!exact_) return true;
    for (Index j = first; j < n_; ++j) {
      if (!(margin[j] > 0.0) && j != infinity_) return false;
    }
    return true;
  }

  // The signs of the rows of a vertex on the cell above it, given those just before its crossing.
  void set_signs(Index j, Word* pattern) const {
    for (const Index word : touched_) pattern[word] |= line_.signs[word][j];
    if (rising_) flip_bit(pattern, j);
  }

  // Each vertex by comparing its place with all others; false if two may be the same.
  bool visit_compared(Index first) {
    Index count = n_ - first;
    Word* patterns = sink_.reserve(count);
    const double* lo = line_.lo.data();
    const double* hi = line_.hi.data();
    const Word* falling = line_.falling.data();
    const bool sure =
        exact_
            ? compare_crossings<true>(lo, hi, falling, n_padded_, first, n_, patterns, n_words_)
            : compare_crossings<false>(lo, hi, falling, n_padded_, first, n_, patterns, n_words_);
    if (!sure) return false;
    for (const Index word : touched_) {
      const Word* signs = line_.signs[word].data();
      for (Index j = first; j < n_; ++j) patterns[(j - first) * n_words_ + word] |= signs[j];
    }
    if (rising_) {
      for (Index j = first; j < n_; ++j) flip_bit(patterns + (j - first) * n_words_, j);
    }
    if (infinity_ >= first) {  // not a vertex: the last one takes its place
      std::copy_n(patterns + (count - 1) * n_words_, n_words_,
                  patterns + (infinity_ - first) * n_words_);
      --count;
    }
    sink_.commit(count);
    return true;
  }

  // Rows in the order of their crossings; the pattern changes by one row at a time.
  bool visit_sorted(Index first, Index begin) {
    std::vector<Index>& order = line_.order;
    order.clear();
    for (Index i = 0; i < n_; ++i) {
      if (std::isfinite(line_.lo[i])) order.push_back(i);
    }
    const double* position = line_.position.data();
    std::sort(order.begin(), order.end(),
              [&](Index a, Index b) { return position[a] < position[b]; });
    for (std::size_t s = 1; s < order.size() && exact_; ++s) {
      if (!(line_.hi[order[s - 1]] < line_.lo[order[s]])) return visit_exact_line(first, begin);
    }
    walk_.assign(line_.falling.begin(), line_.falling.end());
    set_bit(walk_.data(), infinity_);
    for (Index s = 0; s < static_cast<Index>(order.size()); ++s) {
      const Index j = order[s];
      if (j >= first && s >= begin) {
        if (sink_.exhausted()) {
          keep_rest(s, n_);
          return true;
        }
        Word* pattern = sink_.next();
        std::copy(walk_.begin(), walk_.end(), pattern);
        set_signs(j, pattern);
        sink_.commit();
      }
      flip_bit(walk_.data(), j);
    }
    return false;
  }

  // A crossing in integers: at -a / b, b > 0.
  struct Crossing {
    exact::Integer a;
    exact::Integer b;
    double place;
    Index row;
    bool falling;
  };

  static bool before(const Crossing& x, const Crossing& y) {
    const double scale = 1e-12 * (std::abs(x.place) + std::abs(y.place));
    if (x.place < y.place - scale) return true;
    if (x.place > y.place + scale) return false;
    return x.a * y.b > y.a * x.b;
  }

  // The same without rounding, and with vertices where more rows meet than their number asks for.
  // Such a vertex is done on the line that begins its lexicographically first basis.
  bool visit_exact_line(Index first, Index begin) {
    poller_.check();
    const auto line = levels_.line(level_, chosen_);
    if (!line) return false;
    std::vector<Crossing> crossings;
    Rows inside;  // rows that vanish on the whole line
    walk_.assign(static_cast<std::size_t>(n_words_), 0);
    for (Index i = 0; i < n_; ++i) {
      exact::Integer a = exact::dot(levels_.rows()[i], line->point);
      exact::Integer b = exact::dot(levels_.rows()[i], line->direction);
      if (i == infinity_ || (b == 0 && a > 0)) set_bit(walk_.data(), i);
      if (i == infinity_) continue;
      if (b == 0) {
        if (a == 0) inside.push_back(i);
        continue;
      }
      const bool falling = b < 0;
      if (falling) {
        set_bit(walk_.data(), i);
        a = -a;
        b = -b;
      }
      const double place = -exact::ratio(a, b);
      crossings.push_back({std::move(a), std::move(b), place, i, falling});
    }
    std::sort(crossings.begin(), crossings.end(), before);
    for (std::size_t s = 0, end; s < crossings.size(); s = end) {
      for (end = s + 1; end < crossings.size() && !before(crossings[s], crossings[end]);) ++end;
      Rows through = inside;
      Index last = 0;
      for (std::size_t i = s; i < end; ++i) {
        through.push_back(crossings[i].row);
        last = std::max(last, crossings[i].row);
      }
      if (last >= first && static_cast<Index>(s) >= begin) {
        if (n_ > kSortAbove && sink_.exhausted()) {
          keep_rest(static_cast<Index>(s), n_);
          return true;
        }
        visit_exact_vertex(std::move(through));
      }
      for (std::size_t i = s; i < end; ++i) flip_bit(walk_.data(), crossings[i].row);
    }
    return false;
  }

  void visit_exact_vertex(Rows through) {
    if (static_cast<Index>(through.size()) == k_) {  // in the order of the subset
      const std::vector<int> signs = levels_.signs_above(level_, through);
      Word* pattern = sink_.next();
      std::copy(walk_.begin(), walk_.end(), pattern);
      for (std::size_t i = 0; i < through.size(); ++i) put_bit(pattern, through[i], signs[i] > 0);
      return sink_.commit();
    }
    std::sort(through.begin(), through.end());
    if (!levels_.begins_first_basis(level_, through, chosen_)) return;
    levels_.cells_above(level_, through, [&](const Word* bits) {
      Word* pattern = sink_.next();
      std::copy(walk_.begin(), walk_.end(), pattern);
      for (std::size_t i = 0; i < through.size(); ++i) {
        put_bit(pattern, through[i], get_bit(bits, static_cast<Index>(i)));
      }
      sink_.commit();
    });
  }

  static void put_bit(Word* pattern, Index row, bool value) {
    const Word bit = Word{1} << (row & 63);
    pattern[row >> 6] = value ? pattern[row >> 6] | bit : pattern[row >> 6] & ~bit;
  }

  void visit_last_level(const SweepTable& table) {
    Word* pattern = sink_.next();
    std::fill_n(pattern, n_words_, Word{0});
    bool sure = true;
    for (Index i = 0; i < n_; ++i) {
      sure = sure && (i == infinity_ || std::abs(table.alpha[i]) > table.error);
      if (i == infinity_ || table.alpha[i] > 0.0) set_bit(pattern, i);
    }
    if (!sure && exact_) {
      const exact::Row point = levels_.last_point();
      for (Index i = 0; i < n_; ++i) {
        put_bit(pattern, i, i == infinity_ || exact::dot(levels_.rows()[i], point) > 0);
      }
    }
    sink_.commit();
  }

  static constexpr double kRounding = std::numeric_limits<double>::epsilon();

  const NormalForm& form_;
  const Index n_;
  const Index n_padded_;
  const Index n_words_;
  const bool exact_;
  const Index infinity_;
  PatternSink& sink_;
  Poller& poller_;
  SweepLevels levels_;
  Index level_ = 0;
  Index k_ = 0;
  Rows chosen_;
  std::vector<std::unique_ptr<SweepTable>> tables_;
  Line line_;
  Rows touched_;
  bool rising_ = false;
  Index lines_ = 0;
  std::vector<Word> walk_;
  std::vector<Word> special_;  // rows that cross no line: chosen, infinity, padding
  std::vector<Task> rest_;
};

}  // namespace

std::vector<Task> explore_lowest_vertex(const NormalForm& form, bool exact, const Task& task,
                                        PatternSink& sink, Poller& poller) {
  if (form.rank() > kMaxRank) {
    throw std::invalid_argument("lowest_vertex handles ranks up to 16, got rank " +
                                std::to_string(form.rank()));
  }
  return LowestVertex(form, exact, sink, poller).explore(task);
}

}  // namespace cvxnn
