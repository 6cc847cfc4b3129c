// Sums of lines over the rows whose bits are set, by looking up groups of bits in tables.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "cache_line.hpp"
#include "cvxnn/bits.hpp"

namespace cvxnn {

// Rows of a word that share a table. Ten tables of one line an entry take 56 KB, so that most
// look-ups hit the first cache level and all of them the second; larger or fewer tables at a time
// were slower.
constexpr std::array<int, 10> kWidths = {7, 7, 7, 7, 6, 6, 6, 6, 6, 6};
using Groups = std::make_index_sequence<kWidths.size()>;

constexpr int first_row(std::size_t group) {
  int row = 0;
  for (std::size_t g = 0; g < group; ++g) row += kWidths[g];
  return row;
}

constexpr Index first_entry(std::size_t group) {
  Index entry = 0;
  for (std::size_t g = 0; g < group; ++g) entry += Index{1} << kWidths[g];
  return entry;
}

constexpr Index kWordRows = 64;
static_assert(first_row(kWidths.size()) == kWordRows, "the groups must cover a word");
constexpr Index kEntries = first_entry(kWidths.size());

template <class Real>
using Lines = Eigen::Array<Real, kLanes<Real>, Eigen::Dynamic>;

template <std::size_t kGroup>
Index entry_of(Word word) {
  constexpr Word kMask = (Word{1} << kWidths[kGroup]) - 1;
  return first_entry(kGroup) + static_cast<Index>((word >> first_row(kGroup)) & kMask);
}

// Adds to the line of every cell, or sets it if `first`, the sum of the terms that its word
// selects.
template <class Real, std::size_t... kGroup>
void look_up(const Real* tables, const Word* words, Index n_cells, bool first, Real* sums,
             std::index_sequence<kGroup...>) {
  for (Index i = 0; i < n_cells; ++i, sums += kLanes<Real>) {
    CacheLine<Real> sum;
    if (!first) sum.load(sums);
    (sum.add(tables + entry_of<kGroup>(words[i]) * kLanes<Real>), ...);
    sum.store(sums);
  }
}

// Entry s of a table is the sum of the terms whose bits are set in s, the lowest first. Bits past
// the last row are never asked for.
template <class Real>
void tabulate(const Lines<Real>& terms, Index n_rows, Lines<Real>& tables) {
  for (std::size_t g = 0; g < kWidths.size(); ++g) {
    Real* table = tables.data() + first_entry(g) * kLanes<Real>;
    CacheLine<Real>().store(table);
    const Index width = std::min<Index>(kWidths[g], n_rows - first_row(g));
    for (Index k = 0; k < width; ++k) {
      const Real* term = terms.data() + (first_row(g) + k) * kLanes<Real>;
      const Index half = (Index{1} << k) * kLanes<Real>;
      for (Index at = 0; at < half; at += kLanes<Real>) {
        CacheLine<Real> sum;
        sum.load(table + at);
        sum.add(term);
        sum.store(table + half + at);
      }
    }
  }
}

}  // namespace cvxnn
