// The rows of an arrangement in the coordinates of a flat, in doubles with a bound on their error:
// row i = alpha_i chart + sum over the rows p chosen of mu_ip x_p + what is left, e_i.
//
// One Gauss-Jordan step a chosen row. All entries of a kind share one bound, so exactness costs
// next to nothing until the last level.
#pragma once

#include <array>

#include "cvxnn/types.hpp"

namespace cvxnn {

constexpr Index kMaxRank = 16;

// What is known of the entries of a table.
struct SweepBounds {
  double error = 0.0;         // of alpha and e
  double size = 1.0;          // bound on |alpha| and |e|
  double chosen_error = 0.0;  // of mu
  double chosen_size = 0.0;
};

struct SweepTable {
  Index n = 0;       // rows, padded to whole octets with rows of zeros
  Index stride = 0;  // n and the directions after them
  Index n_left = 0;
  Index n_chosen = 0;
  double* alpha = nullptr;
  std::array<double*, kMaxRank> left{};    // columns e
  std::array<double*, kMaxRank> chosen{};  // columns mu, right for rows after the last one
  SweepBounds bounds;
  std::vector<double> values;  // of all these

  // Zeros, with room for so many columns.
  void allocate(Index rows, Index left_columns, Index chosen_columns);
};

// The row's largest entry among the columns left, if its sign is sure; -1 otherwise.
Index pivot_column(const SweepTable& table, Index row);

double largest_left(const SweepTable& table, Index row);

// The bounds of a row once another is chosen, as linear functions of |f|, the multiple of the
// chosen one that is taken off: at + by |f|.
struct LinearBounds {
  SweepBounds at;
  SweepBounds by;
};
SweepBounds at(const LinearBounds& bounds, double factor);
LinearBounds bounds_after(const SweepTable& table, Index row, Index column);

// Chooses `row`: `out` gets one column less on the left and one more chosen. The coefficients mu
// are computed from row `from` on.
void choose_row(const SweepTable& table, Index row, Index column, Index from, SweepTable& out);

// Makes row `row` the chart: its coefficients, times `sign`, become alpha; it is not listed among
// those chosen. `alpha` of `table` is dropped.
void choose_chart(const SweepTable& table, Index row, double sign, SweepTable& out);

}  // namespace cvxnn
