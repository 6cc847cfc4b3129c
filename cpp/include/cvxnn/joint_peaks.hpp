// Neurons that several outputs share: how much they gain, cell by cell.
#pragma once

#include <vector>

#include "cvxnn/masked_operator.hpp"

namespace cvxnn {

// Unit vectors u, in the closure of a cell, and g with (V g) . (A X u) = value, a local maximum.
struct JointPeak {
  Index cell = 0;
  Vector u;
  Vector g;
  double value = 0.0;
};

// Climbs to ||V' A_i X u|| in every cell i of the design, from the right singular vectors g of
// X' A_i V, the columns of `starts`, and the opposites of both, by the best u for g and the best g
// for u in turn. V has a column for each output. Returns the distinct maxima above the floor, cell
// by cell; nothing proves that none is missed.
std::vector<JointPeak> joint_peaks(const MaskedOperator& design, const Matrix& V,
                                   const Matrix& starts, double floor, const Execution& execution);

}  // namespace cvxnn
