// Activation patterns of the cells of a hyperplane arrangement, one packed row of bits per cell.
#pragma once

#include <vector>

#include "cvxnn/bits.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Bit k of pattern i is 1 where x_k . u > 0 on the interior of cell i.
struct Cells {
  Index n_hyperplanes = 0;
  std::vector<Word> bits;  // size() rows of n_words() words

  Index n_words() const { return words_for(n_hyperplanes); }
  Index size() const { return n_words() == 0 ? 0 : static_cast<Index>(bits.size()) / n_words(); }
  const Word* pattern(Index i) const { return bits.data() + i * n_words(); }
};

// Sorts into the canonical order (patterns compared as binary numbers, hyperplane 0 the most
// significant bit) and drops repeated patterns. Throws Interrupted, with the cells in any order, if
// the poll asks to stop.
void sort_unique(Cells& cells, const Execution& execution = {});

}  // namespace cvxnn
