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
#include <optional>

#include "engine.hpp"
#include "line_sweep.hpp"
#include "sweep_levels.hpp"
#include "sweep_table.hpp"

namespace cvxnn {
namespace {

using Rows = std::vector<Index>;

constexpr Index kSortAbove = 1500;  // rows; with more, sorting a line beats comparing all its rows

class LowestVertex {
 public:
  LowestVertex(const NormalForm& form, const Engine& engine, PatternSink& sink, Poller& poller)
      : form_(form),
        n_(form.n_rows()),
        n_padded_((n_ + 7) / 8 * 8),
        n_words_(words_for(n_)),
        exact_(engine.exact),
        sorts_(engine.walk || n_ > kSortAbove),
        infinity_(form.affine ? n_ - 1 : 0),
        sink_(sink),
        poller_(poller),
        levels_(form.rows, infinity_),
        line_(n_, infinity_, engine.exact) {
    walk_.resize(static_cast<std::size_t>(n_words_));
  }

  std::vector<Task> explore(const Task& task) {
    level_ = task[0];
    k_ = levels_.dimension(level_);
    chosen_.assign(task.begin() + 3, task.end());
    prepare_level();
    if (k_ == 0) {
      visit_last_level(*tables_[0]);
    } else {
      SweepTable* table = tables_[0].get();
      const std::size_t steps = std::min<std::size_t>(chosen_.size(), std::max<Index>(k_, 2) - 2);
      for (std::size_t depth = 0; depth < steps && table != nullptr; ++depth) {
        table = step(table, chosen_[depth], depth);
      }
      if (missing() == 1) {
        visit_line(table, task[1]);
      } else {
        visit(table, task[1], std::min<Index>(task[2], n_));
      }
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
    add_tables(stride, tables_);
    SweepTable& base = *tables_.back();
    base.n = n_padded_;
    base.n_left = levels_.rank();
    base.bounds.error = kRounding;
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
      std::fill(top.left[j] + n_ + 1, top.left[j] + top.stride, 0.0);
    }
  }

  void add_tables(Index stride, std::vector<std::unique_ptr<SweepTable>>& tables) const {
    for (Index depth = 0; depth <= k_ + 1; ++depth) {
      tables.push_back(std::make_unique<SweepTable>());
      tables.back()->allocate(stride, levels_.rank(), std::max<Index>(k_, 1));
    }
  }

  // Nothing if doubles cannot tell whether the row is independent of those chosen before.
  SweepTable* step(SweepTable* table, Index row, std::size_t depth) {
    const Index column = table == nullptr ? -1 : pivot_column(*table, row);
    if (column < 0) return nullptr;
    choose_row(*table, row, column, row + 1, *tables_[depth + 1]);
    return tables_[depth + 1].get();
  }

  Index missing() const { return k_ - static_cast<Index>(chosen_.size()); }

  // All subsets that begin with the rows chosen and go on with one of begin .. end - 1. Without a
  // table, lines are worked out in integers. Returns whether to stop.
  bool visit(SweepTable* table, Index begin, Index end) {
    const bool to_line = missing() == 2;
    for (Index row = begin; row < std::min(end, n_ - missing() + 1); ++row) {
      if (row == infinity_) continue;
      chosen_.push_back(row);
      const bool stop = to_line ? visit_line(table, 0) : visit_flat(table, row);
      chosen_.pop_back();
      if (stop || sink_.exhausted()) {
        keep_rest(row + 1, end);
        return true;
      }
    }
    return false;
  }

  bool visit_flat(SweepTable* table, Index row) {
    SweepTable* next = step(table, row, chosen_.size() - 1);
    const bool possible = next != nullptr || levels_.independent(level_, chosen_);
    return possible && visit(next, row + 1, n_);
  }

  void keep_rest(Index begin, Index end) {
    Task rest{static_cast<std::int32_t>(level_), static_cast<std::int32_t>(begin),
              static_cast<std::int32_t>(end)};
    for (const Index row : chosen_) rest.push_back(static_cast<std::int32_t>(row));
    rest_.push_back(std::move(rest));
  }

  // The rows chosen meet in a line; `plane` is the table of all but the last of them. If the line
  // is sorted, the first `begin` crossings are done.
  bool visit_line(SweepTable* plane, Index begin) {
    if (++lines_ % 64 == 0 || n_ > kSortAbove) poller_.check();
    const Index first = chosen_.empty() ? 0 : chosen_.back() + 1;
    if (first >= n_) return false;
    if (plane != nullptr && line_.move(*plane, chosen_, first)) {
      if (const auto stop = visit_measured(first, begin)) return *stop;
    }
    if (move_by_pivots(first)) {
      if (const auto stop = visit_measured(first, begin)) return *stop;
    }
    return visit_exact_line(first, begin);
  }

  // The same line by way of its rows in the order of the largest pivots: bounds stay small, but the
  // steps serve this line alone.
  bool move_by_pivots(Index first) {
    if (chosen_.size() < 2) return false;
    if (detour_.empty()) add_tables(tables_[0]->stride, detour_);
    Rows rows = chosen_;
    const SweepTable* table = tables_[0].get();
    for (auto row = rows.begin(); row + 1 != rows.end(); ++row) {
      std::iter_swap(row, std::max_element(row, rows.end(), [&](Index a, Index b) {
                       return largest_left(*table, a) < largest_left(*table, b);
                     }));
      const Index column = pivot_column(*table, *row);
      if (column < 0) return false;
      SweepTable& next = *detour_[row - rows.begin()];
      choose_row(*table, *row, column, first, next);
      table = &next;
    }
    return line_.move(*table, rows, first);
  }

  // Whether to stop; nothing if the order of the crossings is in doubt.
  std::optional<bool> visit_measured(Index first, Index begin) {
    if (sorts_) return visit_sorted(first, begin);
    if (!visit_compared(first)) return std::nullopt;
    return false;
  }

  // Each vertex by comparing its place with all others; false if two may be the same.
  bool visit_compared(Index first) {
    Index count = n_ - first;
    Word* patterns = sink_.reserve(count);
    if (!line_.compare(patterns)) return false;
    if (infinity_ >= first) {  // not a vertex: the last one takes its place
      std::copy_n(patterns + (count - 1) * n_words_, n_words_,
                  patterns + (infinity_ - first) * n_words_);
      --count;
    }
    sink_.commit(count);
    return true;
  }

  // Rows in the order of their crossings; the pattern changes by one row at a time.
  std::optional<bool> visit_sorted(Index first, Index begin) {
    if (!line_.sort(order_)) return std::nullopt;
    line_.below_all(walk_.data());
    for (Index s = 0; s < static_cast<Index>(order_.size()); ++s) {
      const Index j = order_[s];
      if (j >= first && s >= begin) {
        if (sink_.exhausted()) {
          keep_rest(s, n_);
          return true;
        }
        Word* pattern = sink_.next();
        std::copy(walk_.begin(), walk_.end(), pattern);
        line_.add_signs(j, pattern);
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
    std::fill(walk_.begin(), walk_.end(), 0);
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
        if (sorts_ && sink_.exhausted()) {
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
      sure = sure && (i == infinity_ || std::abs(table.alpha[i]) > table.bounds.error);
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
  const bool sorts_;  // the crossings of a line
  const Index infinity_;
  PatternSink& sink_;
  Poller& poller_;
  SweepLevels levels_;
  Index level_ = 0;
  Index k_ = 0;
  Rows chosen_;
  std::vector<std::unique_ptr<SweepTable>> tables_;  // one a row chosen
  std::vector<std::unique_ptr<SweepTable>> detour_;  // of move_by_pivots
  LineSweep line_;
  Index lines_ = 0;
  std::vector<Index> order_;
  std::vector<Word> walk_;
  std::vector<Task> rest_;
};

}  // namespace

std::vector<Task> explore_lowest_vertex(const NormalForm& form, const Engine& engine,
                                        const Task& task, PatternSink& sink, Poller& poller) {
  if (form.rank() > kMaxRank) {
    throw std::invalid_argument("lowest_vertex handles ranks up to 16, got rank " +
                                std::to_string(form.rank()));
  }
  return LowestVertex(form, engine, sink, poller).explore(task);
}

}  // namespace cvxnn
