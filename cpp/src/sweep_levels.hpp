// The flag of generic directions behind lowest_vertex.cpp, in exact integers.
//
// One row, "infinity", is positive on all cells listed; where it is one, the other rows are affine
// hyperplanes. A cell is listed at its lowest vertex in a generic direction c_1. Cells without one
// go on downwards for ever; they are the cells of the section {c_1 = -M} for any large M: level 1,
// one dimension less, with a direction c_2 of its own, and so on. As M grows, the section tends to
// the points at infinity, where the arithmetic is done: level l lives on the subspace
// {infinity = c_1 = .. = c_(l-1) = 0}, in the chart -c_l = 1 (level 0: infinity = 1).
#pragma once

#include <functional>
#include <optional>

#include "normal_form.hpp"

namespace cvxnn {

// A flat of dimension one of a level's chart, without its rows.
struct ExactLine {
  exact::Row point;      // where the chart is positive
  exact::Row direction;  // where it is zero
};

class SweepLevels {
 public:
  SweepLevels(const exact::Rows& rows, Index infinity);

  Index n_levels() const { return rank_; }
  Index rank() const { return rank_; }
  Index infinity() const { return infinity_; }
  const exact::Rows& rows() const { return rows_; }

  // Dimension of the chart of a level: as many rows meet in a vertex.
  Index dimension(Index level) const { return rank_ - 1 - level; }
  const exact::Row& direction(Index level) const { return directions_[level]; }
  Matrix approximate_directions() const { return as_doubles(directions_); }
  exact::Row chart(Index level) const;

  // The line on which the rows `prefix` vanish, or nothing if they do not meet in one.
  std::optional<ExactLine> line(Index level, const std::vector<Index>& prefix) const;

  // The last level has a single point.
  exact::Row last_point() const;

  // Whether the rows are independent on the directions of the level's chart.
  bool independent(Index level, const std::vector<Index>& rows);

  // Whether `rows` begin the lexicographically first basis of `through` there.
  bool begins_first_basis(Index level, const std::vector<Index>& through,
                          const std::vector<Index>& rows);

  // Signs of the rows that meet in a simple vertex on the cell above it.
  std::vector<int> signs_above(Index level, const std::vector<Index>& rows);

  // Signs of the rows `through` a vertex, for every cell that has its lowest vertex there (or, at
  // infinity, close to it): visit(bits), one word-packed bit for each of `through`.
  void cells_above(Index level, const std::vector<Index>& through,
                   const std::function<void(const Word*)>& visit);

  // The vertex of the section at a finite M where the rows `subset` meet, in its coordinates, or
  // nothing if they meet in none; and the side of a row on which it lies.
  std::optional<exact::Row> section_vertex(Index level, const std::vector<Index>& subset);
  int section_sign(Index level, Index row, const exact::Row& vertex);

  // Whether no row through a vertex of the section comes before all those of `subset`, a basis
  // there, that it depends on.
  bool avoids_broken_circuits(Index level, const std::vector<Index>& through,
                              const std::vector<Index>& subset);

 private:
  struct Lazy {
    exact::Rows restricted;  // the rows on the directions of the chart
    exact::Row direction;    // and c
    exact::Rows section;     // a basis of the section at a finite M
    exact::Rows on_section;  // the rows in its coordinates; see section_rows
  };
  Lazy& lazy(Index level);
  exact::Rows constraints(Index level) const;
  const exact::Rows& section(Index level);
  exact::Rows make_section(Index level) const;
  const exact::Rows& section_rows(Index level);

  const exact::Rows& rows_;
  Index infinity_;
  Index rank_;
  exact::Rows directions_;
  std::vector<Lazy> lazy_;
};

}  // namespace cvxnn
