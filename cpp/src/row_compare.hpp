// One line of an arrangement, crossed by row i somewhere in [lo(i), hi(i)]: which rows are crossed
// surely before a given crossing, and whether all others are surely after it.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "octet.hpp"

namespace cvxnn {

// Up to 64 rows at a time, kept in registers: a word of the pattern.
template <int kOctets>
class RowsOfWord {
 public:
  explicit RowsOfWord(const double* from) : octets_(load(from, Order{})) {}

  Word below(double bound) const {
    const Octet limit(bound);
    return joined([&](const Octet& octet) { return octet < limit; });
  }
  Word above(double bound) const {
    const Octet limit(bound);
    return joined([&](const Octet& octet) { return limit < octet; });
  }

 private:
  using Order = std::make_index_sequence<kOctets>;

  template <std::size_t... kPlaces>
  static std::array<Octet, kOctets> load(const double* from, std::index_sequence<kPlaces...>) {
    return {Octet(from + kOctet * kPlaces)...};
  }

  template <class Compare>
  Word joined(const Compare& compare) const {
#if defined(CVXNN_AVX512)
    // mask registers are joined where they are: fewer and shorter steps than by shifts
    const auto mask = [&](int i) -> __mmask8 {
      return i < kOctets ? static_cast<__mmask8>(compare(octets_[i < kOctets ? i : 0])) : 0;
    };
    const auto two = [&](int i) { return _mm512_kunpackb(mask(i + 1), mask(i)); };
    const auto four = [&](int i) { return _mm512_kunpackw(two(i + 2), two(i)); };
    if constexpr (kOctets == 1) return mask(0);
    if constexpr (kOctets == 2) return two(0);
    if constexpr (kOctets <= 4) return four(0);
    return _mm512_kunpackd(four(4), four(0));
#else
    Word word = 0;
    for (int i = 0; i < kOctets; ++i) word |= Word{compare(octets_[i])} << (kOctet * i);
    return word;
#endif
  }

  std::array<Octet, kOctets> octets_;
};

struct Crossings {
  const double* lo;
  const double* hi;
  Index n_padded;
  Index first, last;         // the patterns asked for
  const Word* turn;          // bits to turn in every pattern
  const Word* const* added;  // per word: bits to add to the pattern of each row
  bool turn_own;             // whether to turn the bit of the row itself
};

// One word of each pattern; returns whether all rows in it were surely apart from the others.
template <bool kSure, int kOctets>
bool compare_word(const Crossings& line, Index w, Word* patterns, Index n_words) {
  const RowsOfWord<kOctets> before(line.hi + 64 * w);
  const RowsOfWord<kOctets> after(line.lo + 64 * w);
  constexpr Word kAll = ~Word{0} >> (64 - kOctet * kOctets);
  const Word turned = line.turn[w];
  const Word* added = line.added[w];
  const Word own = line.turn_own ? ~Word{0} : 0;
  Word sure = kAll;
  Word* out = patterns + w;
  for (Index j = line.first; j < line.last; ++j, out += n_words) {
    const Word below = before.below(line.lo[j]);
    const Word itself = Word{j >> 6 == w} << (j & 63);
    *out = (below ^ turned ^ (itself & own)) | added[j];
    if (kSure) sure &= (below ^ after.above(line.hi[j])) | itself;
  }
  return sure == kAll;
}

// For j = first .. last - 1 writes into pattern j - first which rows are crossed before row j, with
// bits turned and added. If kSure, returns whether every other row is crossed surely before or
// surely after it.
template <bool kSure>
bool compare_crossings(const Crossings& line, Word* patterns, Index n_words) {
  constexpr auto kWord = &compare_word<kSure, 8>;
  constexpr decltype(kWord) kPart[] = {&compare_word<kSure, 8>, &compare_word<kSure, 1>,
                                       &compare_word<kSure, 2>, &compare_word<kSure, 3>,
                                       &compare_word<kSure, 4>, &compare_word<kSure, 5>,
                                       &compare_word<kSure, 6>, &compare_word<kSure, 7>};
  bool sure = true;
  for (Index w = 0; w + 1 < n_words; ++w) sure &= kWord(line, w, patterns, n_words);
  return kPart[line.n_padded / kOctet % 8](line, n_words - 1, patterns, n_words) && sure;
}

}  // namespace cvxnn
