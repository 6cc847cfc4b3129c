#include "cvxnn/cells.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace cvxnn {
namespace {

// Bit k moves to bit 63 - k, so that patterns of one word compare as numbers.
Word reversed(Word word) {
  word = (word >> 1 & 0x5555555555555555ULL) | (word & 0x5555555555555555ULL) << 1;
  word = (word >> 2 & 0x3333333333333333ULL) | (word & 0x3333333333333333ULL) << 2;
  word = (word >> 4 & 0x0f0f0f0f0f0f0f0fULL) | (word & 0x0f0f0f0f0f0f0f0fULL) << 4;
  word = (word >> 8 & 0x00ff00ff00ff00ffULL) | (word & 0x00ff00ff00ff00ffULL) << 8;
  word = (word >> 16 & 0x0000ffff0000ffffULL) | (word & 0x0000ffff0000ffffULL) << 16;
  return word >> 32 | word << 32;
}

struct Key {
  Word first;  // reversed first word of the pattern
  Index cell;
};

bool precedes(const Word* a, const Word* b, Index n_words) {
  for (Index w = 0; w < n_words; ++w) {
    if (a[w] != b[w]) return reversed(a[w]) < reversed(b[w]);
  }
  return false;
}

Word key_of(Word word) { return word; }
Word key_of(const Key& key) { return key.first; }

// By digits from the last to the first, each pass stable; digits that are all equal cost no pass.
template <class T>
void radix_sort(std::vector<T>& items, Poller& poller) {
  constexpr int kBits = 8;
  constexpr std::size_t kDigits = std::size_t{1} << kBits;
  constexpr int kPasses = 64 / kBits;
  std::vector<std::array<std::size_t, kDigits>> counts(kPasses);
  for (auto& count : counts) count.fill(0);
  for (const T& item : items) {
    for (int pass = 0; pass < kPasses; ++pass) {
      ++counts[pass][key_of(item) >> (kBits * pass) & (kDigits - 1)];
    }
  }
  std::vector<T> sorted(items.size());
  for (int pass = 0; pass < kPasses; ++pass) {
    auto& count = counts[pass];
    if (std::find(count.begin(), count.end(), items.size()) != count.end()) continue;
    poller.check();
    std::size_t start = 0;
    for (std::size_t& digit : count) start += std::exchange(digit, start);
    for (const T& item : items) {
      sorted[count[key_of(item) >> (kBits * pass) & (kDigits - 1)]++] = item;
    }
    std::swap(items, sorted);
  }
}

void sort_unique_words(std::vector<Word>& words, Poller& poller) {
  for (Word& word : words) word = reversed(word);
  radix_sort(words, poller);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  for (Word& word : words) word = reversed(word);
}

}  // namespace

void sort_unique(Cells& cells, const Execution& execution) {
  Poller poller(execution);
  const Index n_words = cells.n_words();
  if (n_words == 1) return sort_unique_words(cells.bits, poller);
  std::vector<Key> keys(static_cast<std::size_t>(cells.size()));
  for (Index i = 0; i < cells.size(); ++i) keys[i] = {reversed(*cells.pattern(i)), i};
  radix_sort(keys, poller);
  std::size_t rounds = 0;
  for (auto begin = keys.begin(); begin != keys.end();) {  // ties go on with the other words
    const auto end =
        std::find_if(begin, keys.end(), [&](const Key& key) { return key.first != begin->first; });
    if (end - begin > 1) {
      std::sort(begin, end, [&](const Key& a, const Key& b) {
        return precedes(cells.pattern(a.cell) + 1, cells.pattern(b.cell) + 1, n_words - 1);
      });
    }
    begin = end;
  }
  std::vector<Word> sorted;
  sorted.reserve(cells.bits.size());
  for (const Key& key : keys) {
    if (++rounds % 1024 == 0) poller.check();
    const Word* row = cells.pattern(key.cell);
    const bool repeated = !sorted.empty() && std::equal(row, row + n_words, sorted.end() - n_words);
    if (!repeated) sorted.insert(sorted.end(), row, row + n_words);
  }
  cells.bits = std::move(sorted);
}

}  // namespace cvxnn
