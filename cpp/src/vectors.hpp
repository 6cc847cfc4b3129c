// Sets of distinct vectors over a field, up to multiples: restriction to a hyperplane, direct sums.
#pragma once

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "cvxnn/types.hpp"

namespace cvxnn::count {

// Thrown where two hyperplanes meet a third alike, if the only question is whether the arrangement
// is in general position. That this is not thrown proves nothing.
struct NotUniform {};

// The first non-zero entry of each vector, its lead, is 1. Vectors with later leads come first, so
// that those before any vector have a 0 or a 1 in the place of its lead, and zeros before it.
template <class Field>
struct Vectors {
  using Element = typename Field::Element;

  int dimension = 0;
  int width = 1;  // words of an element
  Index n = 0;
  std::vector<Element> values;  // one vector after the other
  std::vector<int> lead;

  Index stride() const { return static_cast<Index>(dimension) * width; }
  Element* row(Index i) { return values.data() + i * stride(); }
  const Element* row(Index i) const { return values.data() + i * stride(); }

  // Room for n vectors, with anything in it.
  void reset(int new_dimension, int new_width, Index new_n) {
    dimension = new_dimension;
    width = new_width;
    n = new_n;
    if (static_cast<Index>(values.size()) < n * stride()) values.resize(n * stride());
    if (static_cast<Index>(lead.size()) < n) lead.resize(n);
  }
};

// Tells vectors seen before from new ones. The vectors must stay where they are.
template <class Element>
class KeySet {
 public:
  void clear(Index n, Index length) {
    length_ = static_cast<std::size_t>(length);
    while (static_cast<Index>(slots_.size()) < 2 * n) slots_.resize(2 * slots_.size());
    if (++stamp_ != 0) return;
    std::fill(slots_.begin(), slots_.end(), Slot{});
    stamp_ = 1;
  }

  bool insert(const Element* key) {
    const std::uint64_t hash = hash_of(key);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t place = hash >> 32 & mask;; place = (place + 1) & mask) {
      Slot& slot = slots_[place];
      if (slot.stamp != stamp_) {
        slot = {key, stamp_, static_cast<std::uint32_t>(hash)};
        return true;
      }
      if (slot.hash != static_cast<std::uint32_t>(hash)) continue;
      if (std::equal(key, key + length_, slot.key)) return false;
    }
  }

 private:
  struct Slot {
    const Element* key = nullptr;
    std::uint32_t stamp = 0;
    std::uint32_t hash = 0;
  };

  std::uint64_t hash_of(const Element* key) const {
    std::uint64_t hash = 0;
    for (std::size_t k = 0; k < length_; ++k) {
      hash = (hash ^ key[k]) * 0x9e3779b97f4a7c15ULL;
      if constexpr (sizeof(Element) > 4) hash ^= hash >> 32;
    }
    return hash ^ hash >> 29;
  }

  std::vector<Slot> slots_ = std::vector<Slot>(64);
  std::size_t length_ = 0;
  std::uint32_t stamp_ = 0;
};

// Sorts vectors by lead, later ones first, leaving out those not kept.
template <class Field>
class SortByLead {
 public:
  using Points = Vectors<Field>;

  // `lead` is negative for vectors to leave out.
  void operator()(const typename Field::Element* values, const std::vector<int>& lead, Index n,
                  int dimension, int width, Points& out) {
    first_.assign(static_cast<std::size_t>(dimension) + 1, 0);
    for (Index j = 0; j < n; ++j) ++first_[lead[j] < 0 ? dimension : lead[j]];
    out.reset(dimension, width, n - first_[dimension]);
    Index place = 0;
    for (int c = dimension - 1; c >= 0; --c) place += std::exchange(first_[c], place);
    for (Index j = 0; j < n; ++j) {
      if (lead[j] < 0) continue;
      const Index k = first_[lead[j]]++;
      std::copy_n(values + j * out.stride(), out.stride(), out.row(k));
      out.lead[k] = lead[j];
    }
  }

 private:
  std::vector<Index> first_;
};

// Turns vectors with non-zero entries from `lead` on (negative: left out) into ones that lead with
// 1. `scratch` is overwritten.
template <class Field>
void normalise(Field& field, typename Field::Element* values, const std::vector<int>& lead, Index n,
               int dimension, std::vector<typename Field::Element>& scratch) {
  const int width = field.width();
  scratch.resize(static_cast<std::size_t>(n * width));
  for (Index j = 0; j < n; ++j) {
    const auto* from = values + (j * dimension + std::max(lead[j], 0)) * width;
    if (lead[j] < 0) {
      field.set_one(scratch.data() + j * width);
    } else {
      std::copy_n(from, width, scratch.data() + j * width);
    }
  }
  field.invert(scratch.data(), n);
  for (Index j = 0; j < n; ++j) {
    if (lead[j] < 0) continue;
    auto* row = values + j * dimension * width;
    field.set_one(row + lead[j] * width);
    for (int k = lead[j] + 1; k < dimension; ++k) {
      field.multiply(row + k * width, row + k * width, scratch.data() + j * width);
    }
  }
}

// The place of the first non-zero entry, or -1.
template <class Field>
int find_lead(const Field& field, const typename Field::Element* row, int dimension) {
  for (int k = 0; k < dimension; ++k) {
    if (!field.is_zero(row + k * field.width())) return k;
  }
  return -1;
}

// The vectors before the i-th modulo the i-th: the hyperplanes before it as seen inside it.
template <class Field>
class Restriction {
 public:
  using Element = typename Field::Element;
  using Points = Vectors<Field>;

  // If `uniform`, may throw NotUniform.
  explicit Restriction(bool uniform) : uniform_(uniform) {}

  void operator()(Field& field, const Points& points, Index i, Points& out) {
    const int width = field.width();
    const int c = points.lead[i];
    const int dimension = points.dimension - 1 - c;
    const Index stride = static_cast<Index>(dimension) * width;
    const Element* base = points.row(i) + (c + 1) * width;
    values_.resize(static_cast<std::size_t>(i * stride));
    lead_.resize(static_cast<std::size_t>(i));
    Index first = 0;  // of those with the same lead; the others are not changed at all
    for (; points.lead[first] != c; ++first) lead_[first] = points.lead[first] - c - 1;
    for (Index j = 0; j < i; ++j) {
      const Element* row = points.row(j) + (c + 1) * width;
      Element* to = values_.data() + j * stride;
      if (j < first) {
        std::copy_n(row, stride, to);
        continue;
      }
      for (int k = 0; k < dimension; ++k) {
        field.subtract(to + k * width, row + k * width, base + k * width);
      }
      lead_[j] = find_lead(field, to, dimension);
    }
    changed_lead_.assign(lead_.begin() + first, lead_.end());
    normalise(field, values_.data() + first * stride, changed_lead_, i - first, dimension,
              scratch_);
    known_.clear(i, stride);
    for (Index j = 0; j < i; ++j) {
      if (known_.insert(values_.data() + j * stride)) continue;
      if (uniform_) throw NotUniform();
      lead_[j] = -1;
    }
    sort_(values_.data(), lead_, i, dimension, width, out);
  }

 private:
  bool uniform_;
  std::vector<Element> values_, scratch_;
  std::vector<int> lead_, changed_lead_;
  KeySet<Element> known_;
  SortByLead<Field> sort_;
};

}  // namespace cvxnn::count
