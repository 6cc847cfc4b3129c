// Local maxima of sign * v . phi(X u) over the unit sphere.
#pragma once

#include <cstdint>
#include <vector>

#include "cvxnn/branch_and_bound.hpp"

namespace cvxnn {

struct PeakLimits {
  double floor = 0.0;  // peaks must be above
  std::size_t most = 40;
  std::size_t most_starts = 96;
};

// Goes up from each of the points, except those close to an earlier one, and keeps the highest of
// where that ends, again not close to each other.
std::vector<Peak> distinct_maxima(const HiddenLayer& layer, const Vector& v,
                                  const std::vector<Peak>& starts, const PeakLimits& limits,
                                  const Execution& execution);

// Unit vectors (columns) whose hyperplanes each go through a sample, normal to a direction that is
// random where every column of X has norm one: samples lie on both sides, whatever their units.
Matrix random_directions(const Matrix& X, Index count, std::uint64_t seed);

}  // namespace cvxnn
