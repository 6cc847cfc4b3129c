// Bit k of a packed row lives in word k / 64 at position k % 64.
#pragma once

#include <cstdint>

#include "cvxnn/types.hpp"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

namespace cvxnn {

using Word = std::uint64_t;

inline Index words_for(Index n_bits) { return (n_bits + 63) / 64; }

inline bool get_bit(const Word* words, Index k) { return (words[k >> 6] >> (k & 63)) & 1; }

inline void set_bit(Word* words, Index k) { words[k >> 6] |= Word{1} << (k & 63); }

inline void flip_bit(Word* words, Index k) { words[k >> 6] ^= Word{1} << (k & 63); }

// The position of the lowest bit that is 1; there must be one.
inline Index lowest_bit(Word word) {
#if defined(_MSC_VER) && !defined(__clang__)
  unsigned long position;
  _BitScanForward64(&position, word);
  return static_cast<Index>(position);
#else
  return static_cast<Index>(__builtin_ctzll(word));
#endif
}

}  // namespace cvxnn
