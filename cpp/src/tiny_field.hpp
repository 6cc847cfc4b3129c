// Arrangements of rank three and four over a field of fewer than 128 elements, where slopes come
// from a table and sets of slopes fit into two words. Nearly all the time of counting the
// symmetric arrangements of the literature is spent here.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <vector>

#include "small_field.hpp"
#include "vectors.hpp"

namespace cvxnn::count {

constexpr int kTinyPrime = 128;  // all primes below are tiny

// A set of the slopes 0 .. p, where p is the vertical one.
template <int kWords>
struct SlopeSet {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  void insert(unsigned slope) {
    const std::uint64_t bit = std::uint64_t{1} << (slope & 63);
    if constexpr (kWords == 1) {
      low |= bit;
    } else {
      const std::uint64_t is_high = std::uint64_t{0} - (slope >> 6);
      low |= bit & ~is_high;
      high |= bit & is_high;
    }
  }

  void insert(const SlopeSet& other) {
    low |= other.low;
    if constexpr (kWords == 2) high |= other.high;
  }

  int size() const {
    int number = static_cast<int>(std::bitset<64>(low).count());
    if constexpr (kWords == 2) number += static_cast<int>(std::bitset<64>(high).count());
    return number;
  }
};

struct SolidSums {
  std::uint64_t pairs = 0;  // over the hyperplanes i >= 1, of those seen inside, less one
  std::uint64_t lines = 0;  // the same once more, inside each of them
};

// kWords words hold the slopes.
template <int kWords>
class TinyField {
 public:
  using Points = Vectors<SmallField>;
  using Slopes = SlopeSet<kWords>;

  explicit TinyField(const SmallField& field)
      : p_(static_cast<int>(field.prime())),
        side_(2 * p_),
        table_(static_cast<std::size_t>(side_ * side_), static_cast<std::uint8_t>(p_)),
        seen_(static_cast<std::size_t>(side_ * p_), 0) {
    for (int dx = 0; dx < side_; ++dx) {
      if (dx % p_ == 0) continue;  // vertical
      const int inverse = field.inverse(static_cast<std::uint32_t>(dx % p_));
      int slope = 0;
      for (int dy = 0; dy < side_; ++dy) {
        table_[dx * side_ + dy] = static_cast<std::uint8_t>(slope);
        slope += slope + inverse < p_ ? inverse : inverse - p_;
      }
    }
  }

  // As LineSums::sum.
  std::uint64_t lines(const Points& points, Index begin, Index end) {
    Plane plane;
    read_plane(points, 0, 0, end, plane);
    std::uint64_t sum = 0;
    const Index infinite = end - static_cast<Index>(plane.places.size());
    for (Index i = std::max({begin, infinite, Index{1}}); i < end; ++i) {
      sum += count_lines(plane.places.data(), i - infinite, plane.infinity);
    }
    return sum;
  }

  // Of four-dimensional vectors. Those at infinity, with no first coordinate, are seen alike
  // inside all others, so what can be said of them alone is found out once.
  SolidSums solid(const Points& points) {
    read_plane(points, 1, 0, first_with_lead(points, 0), base_);
    read_finite(points);
    SolidSums sums;
    base_slopes_.clear();
    std::uint64_t n_seen = static_cast<std::uint64_t>(base_.infinity.size());
    for (std::size_t k = 0; k < base_.places.size(); ++k, ++n_seen) {
      Slopes slopes = slopes_to(base_.places.data(), static_cast<Index>(k));
      base_slopes_.push_back(slopes);
      slopes.insert(base_.infinity);
      if (n_seen > 0) sums.pairs += static_cast<std::uint64_t>(slopes.size() - 1);
      seen_[base_.places[k]] = kAlways;
    }
    // lines at infinity: the hyperplanes there see one another in a single point
    places_.resize(base_.places.size() + finite_.size());
    std::copy(base_.places.begin(), base_.places.end(), places_.begin());
    Index same_x = 0;  // the first of those that share the first coordinate of point i
    for (Index i = 0; i < static_cast<Index>(finite_.size()); ++i) {
      if (finite_[i].x != finite_[same_x].x) same_x = i;
      if (i > 0 || n_seen > 0) add_inside(same_x, i, sums);
    }
    for (const int place : base_.places) seen_[place] = 0;
    return sums;
  }

 private:
  static constexpr std::uint16_t kAlways = 0xffff;

  // The slope from one place to another is table[difference]: places are a * 2p + b.
  struct Plane {
    std::vector<int> places;
    Slopes infinity;
  };

  struct Finite {
    int xy, xz, yz;  // places in the three projections
    int x;
  };

  static Index first_with_lead(const Points& points, int lead) {
    Index first = 0;
    while (first < points.n && points.lead[first] > lead) ++first;
    return first;
  }

  // The points [begin, end) in three dimensions, the coordinates after the first `skip`.
  void read_plane(const Points& points, int skip, Index begin, Index end, Plane& plane) const {
    plane.places.clear();
    plane.infinity = {};
    for (Index j = begin; j < end; ++j) {
      const SmallField::Element* row = points.row(j) + skip;
      const int lead = points.lead[j] - skip;
      if (lead == 0) plane.places.push_back(row[1] * side_ + row[2]);
      if (lead == 1) plane.infinity.insert(row[2]);
      if (lead == 2) plane.infinity.insert(static_cast<unsigned>(p_));
    }
  }

  // The points (1, x, y, z), in the order of x.
  void read_finite(const Points& points) {
    finite_.clear();
    for (Index j = first_with_lead(points, 0); j < points.n; ++j) {
      const SmallField::Element* row = points.row(j);
      finite_.push_back(
          {row[1] * side_ + row[2], row[1] * side_ + row[3], row[2] * side_ + row[3], row[1]});
    }
    std::sort(finite_.begin(), finite_.end(),
              [](const Finite& a, const Finite& b) { return a.x < b.x; });
  }

  const std::uint8_t* table_around(int place) const {
    return table_.data() + p_ * side_ + p_ - place;
  }

  Slopes slopes_to(const int* places, Index i) const {
    const std::uint8_t* table = table_around(places[i]);
    Slopes slopes;
    for (Index j = 0; j < i; ++j) slopes.insert(table[places[j]]);
    return slopes;
  }

  std::uint64_t count_lines(const int* places, Index i, const Slopes& infinity) const {
    Slopes slopes = slopes_to(places, i);
    slopes.insert(infinity);
    return static_cast<std::uint64_t>(slopes.size() - 1);
  }

  // The plane of what the i-th finite point sees before it, and the lines there.
  void add_inside(Index same_x, Index i, SolidSums& sums) {
    const Finite& point = finite_[i];
    Slopes infinity = base_.infinity;
    const std::uint8_t* table = table_around(point.yz);
    for (Index j = same_x; j < i; ++j) infinity.insert(table[finite_[j].yz]);

    if (++mark_ == kAlways) {
      std::replace_if(seen_.begin(), seen_.end(), [](auto mark) { return mark != kAlways; }, 0);
      mark_ = 1;
    }
    const Index n_base = static_cast<Index>(base_.places.size());
    Index n_places = n_base;
    const std::uint8_t* table_y = table_around(point.xy);
    const std::uint8_t* table_z = table_around(point.xz);
    for (Index j = 0; j < same_x; ++j) {
      const int place = table_y[finite_[j].xy] * side_ + table_z[finite_[j].xz];
      std::uint16_t& mark = seen_[place];
      places_[n_places] = place;
      n_places += mark < mark_;
      mark = std::max(mark, mark_);
    }

    const Index n_infinite = infinity.size();
    sums.pairs += static_cast<std::uint64_t>(n_places + n_infinite - 1);
    Index k = 0;
    if (n_infinite == 0) k = 1;  // the first of all has none before it
    for (; k < n_base; ++k) {
      Slopes slopes = base_slopes_[k];
      slopes.insert(infinity);
      sums.lines += static_cast<std::uint64_t>(slopes.size() - 1);
    }
    for (; k < n_places; ++k) sums.lines += count_lines(places_.data(), k, infinity);
  }

  int p_;
  int side_;
  std::vector<std::uint8_t> table_;  // differences, which are not reduced modulo p, to slopes
  std::vector<std::uint16_t> seen_;  // by place: when it was last seen
  std::uint16_t mark_ = 0;
  Plane base_;
  std::vector<Slopes> base_slopes_;  // from each place at infinity to those before
  std::vector<Finite> finite_;
  std::vector<int> places_;
};

}  // namespace cvxnn::count
