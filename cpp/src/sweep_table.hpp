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

struct SweepTable {
  Index n = 0;       // rows, padded to whole octets with rows of zeros
  Index stride = 0;  // n and the directions after them
  Index n_left = 0;  // columns e
  Index n_chosen = 0;
  std::vector<double> alpha;
  std::array<std::vector<double>, kMaxRank> left;
  std::array<std::vector<double>, kMaxRank>
      chosen;                            // columns mu, right for rows after the last one
  std::array<double, kMaxRank> largest;  // of |e| by column; negative where not yet looked for
  double error = 0.0;                    // of alpha and e
  double size = 1.0;                     // bound on |alpha| and |e|
  double chosen_error = 0.0;             // of mu
  double chosen_size = 0.0;
};

// The row's largest entry among the columns left, if its sign is sure; -1 otherwise.
Index pivot_column(const SweepTable& table, Index row);

// Chooses `row`: `out` gets one column less on the left and one more chosen. The coefficients mu
// are computed from row `from` on.
void choose_row(SweepTable& table, Index row, Index column, Index from, SweepTable& out);

// Makes row `row` the chart: its coefficients, times `sign`, become alpha; it is not listed among
// those chosen. `alpha` of `table` is dropped.
void choose_chart(const SweepTable& table, Index row, double sign, SweepTable& out);

}  // namespace cvxnn
