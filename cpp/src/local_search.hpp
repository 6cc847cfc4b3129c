// Local maxima of sign * v . (X u)_+ over the unit sphere.
#pragma once

#include <vector>

#include "cvxnn/branch_and_bound.hpp"

namespace cvxnn {

// Goes up from each of the points, and keeps the highest `most` of those that are above `floor` and
// not close to each other.
std::vector<Peak> distinct_maxima(const Matrix& X, const Vector& v, const std::vector<Peak>& starts,
                                  double floor, std::size_t most, const Execution& execution);

}  // namespace cvxnn
