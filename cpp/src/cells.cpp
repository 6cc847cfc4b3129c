#include "cvxnn/cells.hpp"

#include <algorithm>
#include <numeric>

namespace cvxnn {
namespace {

// The lowest differing bit is the lowest-numbered hyperplane on which the two patterns differ.
bool precedes(const Word* a, const Word* b, Index n_words) {
  for (Index w = 0; w < n_words; ++w) {
    const Word difference = a[w] ^ b[w];
    if (difference != 0) return (b[w] & (difference & (~difference + 1))) != 0;
  }
  return false;
}

}  // namespace

void sort_unique(Cells& cells) {
  const Index n_words = cells.n_words();
  std::vector<Index> order(static_cast<std::size_t>(cells.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    return precedes(cells.pattern(a), cells.pattern(b), n_words);
  });
  std::vector<Word> sorted;
  sorted.reserve(cells.bits.size());
  for (const Index i : order) {
    const Word* row = cells.pattern(i);
    const bool repeated = !sorted.empty() && std::equal(row, row + n_words, sorted.end() - n_words);
    if (!repeated) sorted.insert(sorted.end(), row, row + n_words);
  }
  cells.bits = std::move(sorted);
}

}  // namespace cvxnn
