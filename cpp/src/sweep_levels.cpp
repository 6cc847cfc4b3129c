#include "sweep_levels.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "ray_tree.hpp"

namespace cvxnn {

using exact::Integer;
using exact::Row;
using exact::Rows;

namespace {

constexpr Index kDirectionBits = 40;

// Splitmix64: the directions are the same everywhere, and hit none of the flats in practice. Where
// one does, an exact zero shows it.
std::uint64_t scrambled(std::uint64_t state) {
  state += 0x9e3779b97f4a7c15ULL;
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ULL;
  state = (state ^ (state >> 27)) * 0x94d049bb133111ebULL;
  return state ^ (state >> 31);
}

Row negated(Row row) {
  for (Integer& value : row) value = -value;
  return row;
}

[[noreturn]] void not_generic() {
  throw std::runtime_error("the sweep direction of lowest_vertex meets a flat of this arrangement");
}

Row coordinates(const Row& row, const Rows& basis) {
  Row values;
  for (const Row& vector : basis) values.push_back(exact::dot(row, vector));
  return values;
}

}  // namespace

SweepLevels::SweepLevels(const Rows& rows, Index infinity)
    : rows_(rows), infinity_(infinity), rank_(static_cast<Index>(rows.front().size())) {
  std::uint64_t state = 1;
  for (Index level = 0; level + 1 < rank_; ++level) {
    Row direction;
    for (Index j = 0; j < rank_; ++j) {
      const std::uint64_t bits = scrambled(state++);
      const Integer magnitude = bits >> (64 - kDirectionBits);
      direction.push_back(bits & 1 ? Integer(-magnitude) : magnitude);
    }
    directions_.push_back(std::move(direction));
  }
  lazy_.resize(static_cast<std::size_t>(rank_));
}

Row SweepLevels::chart(Index level) const {
  return level == 0 ? rows_[infinity_] : negated(directions_[level - 1]);
}

Rows SweepLevels::constraints(Index level) const {
  Rows constraints;
  if (level > 0) constraints.push_back(rows_[infinity_]);
  for (Index l = 0; l + 1 < level; ++l) constraints.push_back(directions_[l]);
  return constraints;
}

std::optional<ExactLine> SweepLevels::line(Index level, const std::vector<Index>& prefix) const {
  Rows zero = constraints(level);
  for (const Index row : prefix) zero.push_back(rows_[row]);
  const Rows plane = exact::kernel(zero, rank_);
  if (plane.size() != 2) return std::nullopt;
  const Row height = chart(level);
  const Integer a = exact::dot(height, plane[0]);
  const Integer b = exact::dot(height, plane[1]);
  if (a == 0 && b == 0) return std::nullopt;
  ExactLine line;
  line.point = a != 0 ? plane[0] : plane[1];
  if ((a != 0 ? a : b) < 0) line.point = negated(line.point);
  for (Index j = 0; j < rank_; ++j) line.direction.push_back(b * plane[0][j] - a * plane[1][j]);
  exact::make_primitive(line.direction);
  return line;
}

Row SweepLevels::last_point() const {
  const Row point = exact::kernel(constraints(rank_ - 1), rank_).front();
  const int side = exact::dot(chart(rank_ - 1), point).sign();
  if (side == 0) not_generic();
  return side > 0 ? point : negated(point);
}

SweepLevels::Lazy& SweepLevels::lazy(Index level) {
  Lazy& known = lazy_[level];
  if (!known.restricted.empty()) return known;
  Rows zero = constraints(level);
  zero.push_back(chart(level));
  const Rows basis = exact::kernel(zero, rank_);
  for (const Row& row : rows_) known.restricted.push_back(coordinates(row, basis));
  known.direction = coordinates(directions_[level], basis);
  return known;
}

const Rows& SweepLevels::section(Index level) {
  Rows& known = lazy_[level].section;
  if (known.empty()) known = make_section(level);
  return known;
}

Rows SweepLevels::make_section(Index level) const {
  // The section {c_j + M_j infinity = 0, all j} with each M_j beyond the height of every vertex, by
  // Cramer's rule and Hadamard's bound.
  Index longest = kDirectionBits;
  for (const Row& row : rows_) {
    for (const Integer& value : row) longest = std::max(longest, exact::bit_length(value));
  }
  Index exponent = rank_ * (longest + rank_ + 2);
  Rows section;
  for (Index l = 0; l < level; ++l) {
    Row height = directions_[l];
    for (Index j = 0; j < rank_; ++j)
      height[j] += rows_[infinity_][j] << static_cast<unsigned>(exponent);
    section.push_back(std::move(height));
    exponent += exponent + longest + rank_ + 2;
  }
  return exact::kernel(section, rank_);
}

bool SweepLevels::independent(Index level, const std::vector<Index>& rows) {
  Rows chosen;
  for (const Index row : rows) chosen.push_back(lazy(level).restricted[row]);
  return exact::first_basis(chosen, dimension(level)).size() == rows.size();
}

bool SweepLevels::begins_first_basis(Index level, const std::vector<Index>& through,
                                     const std::vector<Index>& rows) {
  Rows chosen;
  for (const Index row : through) chosen.push_back(lazy(level).restricted[row]);
  const std::vector<Index> basis = exact::first_basis(chosen, dimension(level));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (through[basis[i]] != rows[i]) return false;
  }
  return true;
}

std::vector<int> SweepLevels::signs_above(Index level, const std::vector<Index>& rows) {
  // c = sum of lambda_h x_h on the directions of the chart; x_h has the sign of lambda_h above
  const Lazy& known = lazy(level);
  std::vector<int> signs;
  for (std::size_t h = 0; h < rows.size(); ++h) {
    Rows others;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i != h) others.push_back(known.restricted[rows[i]]);
    }
    const Row edge = exact::kernel(others, dimension(level)).front();
    const int along = exact::dot(known.direction, edge).sign();
    if (along == 0) not_generic();
    signs.push_back(along * exact::dot(known.restricted[rows[h]], edge).sign());
  }
  return signs;
}

void SweepLevels::cells_above(Index level, const std::vector<Index>& through,
                              const std::function<void(const Word*)>& visit) {
  const Rows& basis = section(level);
  Rows local{coordinates(rows_[infinity_], basis)};
  for (const Index row : through) local.push_back(coordinates(rows_[row], basis));
  const NormalForm form = normal_form(local, false);
  // in the columns that the normal form keeps: all of them, for the rows have full rank
  const RayTree tree(form.rows, 0, {coordinates(directions_[level], basis), local.front()});
  const Index n_through = static_cast<Index>(through.size());
  std::vector<Word> bits(static_cast<std::size_t>(words_for(n_through)));
  tree.descend_tracked([&](const Word* pattern, const Rows& rays) {
    for (const Row& ray : rays) {
      if (ray[1] != 0) continue;
      if (ray[0] == 0) not_generic();
      if (ray[0] < 0) return;  // not bounded below
    }
    std::fill(bits.begin(), bits.end(), 0);
    for (Index i = 0; i < n_through; ++i) {
      if (get_bit(pattern, form.source[i + 1]) != form.reversed[i + 1]) set_bit(bits.data(), i);
    }
    visit(bits.data());
  });
}

const Rows& SweepLevels::section_rows(Index level) {
  Rows& known = lazy_[level].on_section;
  if (known.empty()) {
    for (const Row& row : rows_) known.push_back(coordinates(row, section(level)));
  }
  return known;
}

std::optional<Row> SweepLevels::section_vertex(Index level, const std::vector<Index>& subset) {
  const Rows& rows = section_rows(level);
  Rows zero;
  for (const Index row : subset) zero.push_back(rows[row]);
  Rows points = exact::kernel(zero, rank_ - level);
  if (points.size() != 1) return std::nullopt;
  const int side = exact::dot(rows[infinity_], points.front()).sign();
  if (side == 0) return std::nullopt;
  return side > 0 ? std::move(points.front()) : negated(points.front());
}

int SweepLevels::section_sign(Index level, Index row, const Row& vertex) {
  return exact::dot(section_rows(level)[row], vertex).sign();
}

bool SweepLevels::avoids_broken_circuits(Index level, const std::vector<Index>& through,
                                         const std::vector<Index>& subset) {
  const Rows& rows = section_rows(level);
  Rows chosen;
  for (const Index row : subset) chosen.push_back(rows[row]);
  for (const Index row : through) {
    // the row closes a circuit with the rows of the subset that it needs; those before it do not
    // count, so it breaks the circuit if it depends on the later ones alone
    Rows later;
    bool in_subset = false;
    for (std::size_t i = 0; i < subset.size(); ++i) {
      if (subset[i] > row) later.push_back(chosen[i]);
      in_subset = in_subset || subset[i] == row;
    }
    if (in_subset || later.empty()) continue;
    later.push_back(rows[row]);
    const auto size = static_cast<Index>(later.size());
    if (static_cast<Index>(exact::first_basis(later, size).size()) < size) return false;
  }
  return true;
}

}  // namespace cvxnn
