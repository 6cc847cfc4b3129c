// The last closed form: three-dimensional vectors are points of a projective plane, and what is
// left to find is how many different lines join each point to those before it.
#pragma once

#include <optional>

#include "small_field.hpp"
#include "tiny_field.hpp"
#include "vectors.hpp"
#include "watch.hpp"

namespace cvxnn::count {

// Points (1, a, b), after those on the line at infinity: (0, 0, 1) and (0, 1, slope).
template <class Field>
Index first_finite(const Vectors<Field>& points) {
  Index first = 0;
  while (first < points.n && points.lead[first] != 0) ++first;
  return first;
}

// Sum over the points i in [begin, end), i >= 1, of the number of lines to earlier ones less one.
template <class Field>
class LineSums {
 public:
  using Element = typename Field::Element;
  using Points = Vectors<Field>;

  LineSums(Field& field, Watch& watch, bool uniform)
      : field_(field), watch_(watch), uniform_(uniform) {}

  // Whether four-dimensional vectors are summed up at once.
  static std::optional<SolidSums> solid(const Points&) { return std::nullopt; }

  std::uint64_t sum(const Points& points, Index begin, Index end) {
    const Index infinite = first_finite(points);
    std::uint64_t sum = 0;
    begin = std::max({begin, infinite, Index{1}});
    while (begin < end) {  // as many points at once as pay for one inversion
      Index stop = begin;
      Index n_pairs = 0;
      for (; stop < end && n_pairs < kPairs; ++stop) n_pairs += stop - infinite;
      find_slopes(points, infinite, begin, stop);
      const Element* slopes = slopes_.data();
      for (Index i = begin; i < stop; ++i) {
        const Index n_lines = distinct(points, infinite, i, slopes);
        if (uniform_ && n_lines < i) throw NotUniform();
        sum += static_cast<std::uint64_t>(n_lines - 1);
        slopes += (i - infinite) * field_.width();
      }
      if (n_pairs >= kPairs) watch_.check();
      begin = stop;
    }
    return sum;
  }

 private:
  static constexpr Index kPairs = 2048;

  // The slopes of the lines from points [begin, end) to finite ones before them; of vertical lines
  // anything, their place in vertical_ is set.
  void find_slopes(const Points& points, Index infinite, Index begin, Index end) {
    const int width = field_.width();
    slopes_.clear();
    vertical_.clear();
    std::vector<Element>& run = run_;
    run.clear();
    for (Index i = begin; i < end; ++i) {
      const std::size_t size = static_cast<std::size_t>((i - infinite) * width);
      std::size_t at = run.size();
      run.resize(at + size);
      slopes_.resize(at + size);
      for (Index j = infinite; j < i; ++j, at += width) {
        const Element* from = points.row(i) + width;
        const Element* to = points.row(j) + width;
        field_.subtract(run.data() + at, to, from);
        field_.subtract(slopes_.data() + at, to + width, from + width);
        vertical_.push_back(field_.is_zero(run.data() + at));
        if (vertical_.back()) field_.set_one(run.data() + at);
      }
    }
    const Index n = static_cast<Index>(vertical_.size());
    field_.invert(run.data(), n);
    for (Index k = 0; k < n; ++k) {
      Element* slope = slopes_.data() + k * width;
      field_.multiply(slope, slope, run.data() + k * width);
    }
    next_vertical_ = 0;
  }

  // The number of different lines from point i, whose slopes to finite points are given.
  Index distinct(const Points& points, Index infinite, Index i, const Element* slopes) {
    const int width = field_.width();
    known_.clear(i, width);
    bool vertical = false;
    Index number = 0;
    for (Index j = 0; j < infinite; ++j) {
      if (points.lead[j] == 2) {
        vertical = true;
      } else {
        number += known_.insert(points.row(j) + 2 * width);
      }
    }
    for (Index j = infinite; j < i; ++j, slopes += width) {
      if (vertical_[next_vertical_++]) {
        if (uniform_ && vertical) throw NotUniform();
        vertical = true;
      } else {
        number += known_.insert(slopes);
      }
    }
    return number + vertical;
  }

  Field& field_;
  Watch& watch_;
  bool uniform_;
  std::vector<Element> run_, slopes_;
  std::vector<char> vertical_;
  std::size_t next_vertical_ = 0;
  KeySet<Element> known_;
};

// The same over a small field, where slopes are looked up or marked in a table.
template <>
class LineSums<SmallField> {
 public:
  using Points = Vectors<SmallField>;

  LineSums(const SmallField& field, Watch& watch, bool)
      : field_(field),
        watch_(watch),
        p_(static_cast<int>(field.prime())),
        seen_(static_cast<std::size_t>(p_) + 1, 0) {
    if (p_ < 64) {
      one_word_.emplace(field_);
    } else if (p_ < kTinyPrime) {
      two_words_.emplace(field_);
    }
  }

  std::uint64_t sum(const Points& points, Index begin, Index end) {
    if (one_word_) return one_word_->lines(points, begin, end);
    if (two_words_) return two_words_->lines(points, begin, end);
    return sum_by_marks(points, begin, end);
  }

  std::optional<SolidSums> solid(const Points& points) {
    if (one_word_) return one_word_->solid(points);
    if (two_words_) return two_words_->solid(points);
    return std::nullopt;
  }

 private:
  int slope_at_infinity(const Points& points, Index j) const {
    return points.lead[j] == 2 ? p_ : points.row(j)[2];
  }

  std::uint64_t sum_by_marks(const Points& points, Index begin, Index end) {
    const auto p = static_cast<std::uint32_t>(p_);
    const Index infinite = first_finite(points);
    std::uint64_t sum = 0;
    for (Index i = std::max({begin, infinite, Index{1}}); i < end; ++i) {
      if (++mark_ == 0) {
        std::fill(seen_.begin(), seen_.end(), 0);
        mark_ = 1;
      }
      for (Index j = 0; j < infinite; ++j) seen_[slope_at_infinity(points, j)] = mark_;
      Index n_lines = infinite;
      const SmallField::Element* base = points.row(i);
      for (Index j = infinite; j < i; ++j) {
        const SmallField::Element* row = points.row(j);
        const std::uint32_t run = row[1] >= base[1] ? row[1] - base[1] : row[1] + p - base[1];
        const std::uint32_t rise = row[2] >= base[2] ? row[2] - base[2] : row[2] + p - base[2];
        const std::uint32_t slope = run == 0 ? p : field_.reduce(rise * field_.inverse(run));
        n_lines += seen_[slope] != mark_;
        seen_[slope] = mark_;
      }
      sum += static_cast<std::uint64_t>(n_lines - 1);
      if (i % 64 == 0 && points.n > 1000) watch_.check();
    }
    return sum;
  }

  const SmallField& field_;
  Watch& watch_;
  int p_;
  std::vector<std::uint32_t> seen_;  // by slope
  std::uint32_t mark_ = 0;
  std::optional<TinyField<1>> one_word_;
  std::optional<TinyField<2>> two_words_;
};

}  // namespace cvxnn::count
