// One line of an arrangement, crossed by row i somewhere in [lo(i), hi(i)]: which rows are crossed
// surely before a given crossing, and whether all others are surely after it.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "cvxnn/bits.hpp"

#if defined(__AVX512BW__) && defined(__AVX512DQ__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace cvxnn {

constexpr Index kOctet = 8;  // rows come in groups of this many

// Eight values that stay in registers while many bounds are compared with them.
#if defined(__AVX512BW__) && defined(__AVX512DQ__)

struct Octet {
  __m512d values;

  explicit Octet(const double* from) : values(_mm512_loadu_pd(from)) {}
  unsigned below(double bound) const {
    return _mm512_cmp_pd_mask(values, _mm512_set1_pd(bound), _CMP_LT_OQ);
  }
  unsigned above(double bound) const {
    return _mm512_cmp_pd_mask(values, _mm512_set1_pd(bound), _CMP_GT_OQ);
  }
};

#elif defined(__AVX2__)

struct Octet {
  __m256d low, high;

  explicit Octet(const double* from)
      : low(_mm256_loadu_pd(from)), high(_mm256_loadu_pd(from + 4)) {}
  unsigned below(double bound) const {
    const __m256d limit = _mm256_set1_pd(bound);
    return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(low, limit, _CMP_LT_OQ)) |
                                 _mm256_movemask_pd(_mm256_cmp_pd(high, limit, _CMP_LT_OQ)) << 4);
  }
  unsigned above(double bound) const {
    const __m256d limit = _mm256_set1_pd(bound);
    return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(low, limit, _CMP_GT_OQ)) |
                                 _mm256_movemask_pd(_mm256_cmp_pd(high, limit, _CMP_GT_OQ)) << 4);
  }
};

#else

struct Octet {
  const double* values;

  explicit Octet(const double* from) : values(from) {}
  unsigned below(double bound) const {
    unsigned bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<unsigned>(values[i] < bound) << i;
    return bits;
  }
  unsigned above(double bound) const {
    unsigned bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<unsigned>(values[i] > bound) << i;
    return bits;
  }
};

#endif

// Bit i of `out` is 1 where values[i] < bound.
inline void bits_below(const double* values, Index n_padded, double bound, Word* out) {
  for (Index i = 0; i < n_padded; i += kOctet) {
    const Word octet = Octet(values + i).below(bound);
    out[i >> 6] = (i & 63) == 0 ? octet : out[i >> 6] | octet << (i & 63);
  }
}

inline void bits_above(const double* values, Index n_padded, double bound, Word* out) {
  for (Index i = 0; i < n_padded; i += kOctet) {
    const Word octet = Octet(values + i).above(bound);
    out[i >> 6] = (i & 63) == 0 ? octet : out[i >> 6] | octet << (i & 63);
  }
}

// Up to 64 rows at a time, kept in registers: a word of the pattern.
template <int kOctets>
class RowsOfWord {
 public:
  explicit RowsOfWord(const double* from) : octets_(load(from, Order{})) {}

  Word below(double bound) const {
    return joined([&](const Octet& octet) { return octet.below(bound); });
  }
  Word above(double bound) const {
    return joined([&](const Octet& octet) { return octet.above(bound); });
  }

 private:
  using Order = std::make_index_sequence<kOctets>;

  template <std::size_t... kPlaces>
  static std::array<Octet, kOctets> load(const double* from, std::index_sequence<kPlaces...>) {
    return {Octet(from + kOctet * kPlaces)...};
  }

  template <class Compare>
  Word joined(const Compare& compare) const {
#if defined(__AVX512BW__) && defined(__AVX512DQ__)
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

// One word of each pattern; returns whether all rows in it were surely apart from the others.
template <bool kSure, int kOctets>
bool compare_word(const double* lo, const double* hi, const Word* turn, Index w, Index first,
                  Index last, Word* patterns, Index n_words) {
  const RowsOfWord<kOctets> before(hi + 64 * w);
  const RowsOfWord<kOctets> after(lo + 64 * w);
  constexpr Word kAll = ~Word{0} >> (64 - kOctet * kOctets);
  const Word turned = turn[w];
  Word sure = kAll;
  Word* out = patterns + w;
  for (Index j = first; j < last; ++j, out += n_words) {
    const Word below = before.below(lo[j]);
    *out = below ^ turned;
    if (!kSure) continue;
    const Word itself = Word{j >> 6 == w} << (j & 63);
    sure &= (below ^ after.above(hi[j])) | itself;
  }
  return sure == kAll;
}

// For j = first .. last - 1 writes into pattern j - first which rows are crossed before row j, with
// the bits of `turn` turned. If kSure, returns whether every other row is crossed surely before or
// surely after it.
template <bool kSure>
bool compare_crossings(const double* lo, const double* hi, const Word* turn, Index n_padded,
                       Index first, Index last, Word* patterns, Index n_words) {
  constexpr auto kWord = &compare_word<kSure, 8>;
  constexpr decltype(kWord) kPart[] = {&compare_word<kSure, 8>, &compare_word<kSure, 1>,
                                       &compare_word<kSure, 2>, &compare_word<kSure, 3>,
                                       &compare_word<kSure, 4>, &compare_word<kSure, 5>,
                                       &compare_word<kSure, 6>, &compare_word<kSure, 7>};
  bool sure = true;
  for (Index w = 0; w + 1 < n_words; ++w) {
    sure &= kWord(lo, hi, turn, w, first, last, patterns, n_words);
  }
  const auto part = kPart[n_padded / kOctet % 8];
  return part(lo, hi, turn, n_words - 1, first, last, patterns, n_words) && sure;
}

}  // namespace cvxnn
