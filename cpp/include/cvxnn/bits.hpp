// Bit k of a packed row lives in word k / 64 at position k % 64.
#pragma once

#include <cstdint>

#include "cvxnn/types.hpp"

namespace cvxnn {

using Word = std::uint64_t;

inline Index words_for(Index n_bits) { return (n_bits + 63) / 64; }

inline bool get_bit(const Word* words, Index k) { return (words[k >> 6] >> (k & 63)) & 1; }

inline void set_bit(Word* words, Index k) { words[k >> 6] |= Word{1} << (k & 63); }

inline void flip_bit(Word* words, Index k) { words[k >> 6] ^= Word{1} << (k & 63); }

}  // namespace cvxnn
