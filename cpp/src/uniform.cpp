// Cells drawn with equal probability, without listing them.
//
// Every cell has its lowest vertex on one level of the sweep (sweep_levels.hpp, at a finite M), and
// a vertex is the lowest one of as many cells as the rows through it have bases without a broken
// circuit (Zaslavsky 1975; Whitney 1932). So a set of at most r - 1 rows is drawn uniformly, kept
// if it is such a basis, and one of the cells above its vertex chosen.
#include <random>
#include <set>

#include "cvxnn/sample.hpp"
#include "normal_form.hpp"
#include "sweep_levels.hpp"

namespace cvxnn {
namespace {

using Rows = std::vector<Index>;
using Pattern = std::vector<Word>;

class UniformDraw {
 public:
  UniformDraw(const NormalForm& form, std::uint64_t seed)
      : n_(form.n_rows()),
        infinity_(form.affine ? n_ - 1 : 0),
        levels_(form.rows, infinity_),
        random_(seed) {
    for (Index i = 0; i < n_; ++i) {
      if (i != infinity_) rows_.push_back(i);
    }
    for (Index level = 0; level < levels_.rank(); ++level) {
      double subsets = 1.0;
      for (Index j = 0; j < levels_.dimension(level); ++j) {
        subsets *= static_cast<double>(n_ - 1 - j) / static_cast<double>(j + 1);
      }
      weights_.push_back(std::max(subsets, 0.0));
    }
  }

  // A cell on the positive side of infinity, or nothing if the set of rows drawn was of no use.
  bool draw(Pattern& pattern) {
    const Index level = draw_level();
    const Rows subset = draw_subset(levels_.dimension(level));
    const auto point = levels_.section_vertex(level, subset);
    if (!point) return false;
    pattern.assign(static_cast<std::size_t>(words_for(n_)), 0);
    set_bit(pattern.data(), infinity_);
    Rows through;
    for (const Index row : rows_) {
      const int side = levels_.section_sign(level, row, *point);
      if (side > 0) set_bit(pattern.data(), row);
      if (side == 0) through.push_back(row);
    }
    if (through.empty()) return true;
    if (!levels_.avoids_broken_circuits(level, through, subset)) return false;
    std::vector<Pattern> above;
    levels_.cells_above(level, through, [&](const Word* bits) {
      above.emplace_back(bits, bits + words_for(static_cast<Index>(through.size())));
    });
    const Pattern& chosen = above[below(above.size())];
    for (std::size_t i = 0; i < through.size(); ++i) {
      if (get_bit(chosen.data(), static_cast<Index>(i))) set_bit(pattern.data(), through[i]);
    }
    return true;
  }

  bool coin() { return random_() >> 63 != 0; }

 private:
  std::uint64_t below(std::uint64_t bound) {  // the bias is below 2^-40 for any bound in use
    return static_cast<std::uint64_t>(unit() * static_cast<double>(bound));
  }

  double unit() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

  Index draw_level() {
    double total = 0.0;
    for (const double weight : weights_) total += weight;
    double place = unit() * total;
    Index level = 0;
    while (level + 1 < levels_.rank() && place >= weights_[level]) place -= weights_[level++];
    return level;
  }

  // Floyd's algorithm.
  Rows draw_subset(Index size) {
    std::set<Index> places;
    const Index n = static_cast<Index>(rows_.size());
    for (Index j = n - size; j < n; ++j) {
      const Index place = static_cast<Index>(below(static_cast<std::uint64_t>(j + 1)));
      if (!places.insert(place).second) places.insert(j);
    }
    Rows subset;
    for (const Index place : places) subset.push_back(rows_[place]);
    return subset;
  }

  const Index n_;
  const Index infinity_;
  SweepLevels levels_;
  std::mt19937_64 random_;
  Rows rows_;
  std::vector<double> weights_;
};

}  // namespace

Cells uniform_cells(const Arrangement& arrangement, Index n_cells, std::uint64_t seed,
                    const Execution& execution) {
  const NormalForm& form = arrangement.normal_form();
  Cells cells;
  cells.n_hyperplanes = arrangement.n_hyperplanes();
  if (form.rows.empty()) {
    cells.bits.assign(static_cast<std::size_t>(cells.n_words()), 0);
    return cells;
  }
  UniformDraw source(form, seed);
  const PatternMap map(form);
  Poller poller(execution);
  std::set<Pattern> known;
  Pattern half;
  Pattern pattern(static_cast<std::size_t>(cells.n_words()));
  Index repeated = 0;
  while (cells.size() < n_cells && repeated < 1000 + 20 * cells.size()) {
    poller.check();
    if (!source.draw(half)) continue;
    map.apply(half.data(), 1, !form.affine && source.coin(), pattern.data());
    if (known.insert(pattern).second) {
      cells.bits.insert(cells.bits.end(), pattern.begin(), pattern.end());
    } else {
      ++repeated;
    }
  }
  return cells;
}

}  // namespace cvxnn
