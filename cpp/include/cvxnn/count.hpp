// How many cells an arrangement has, and its characteristic polynomial, without listing the cells.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cvxnn/arrangement.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// The exact number of cells in decimal, or nothing if the work takes longer than `max_seconds`.
std::optional<std::string> count_cells(const Arrangement& arrangement, double max_seconds,
                                       const Execution& execution);

// The coefficients of the characteristic polynomial in decimal, of the highest degree, the
// dimension, first; or nothing if the work takes longer than `max_seconds`. Of the different
// hyperplanes: zero rows are none, nor, if affine, are rows whose normal is zero.
//
// With chi of degree d, (-1)^d chi(-1) counts the cells, and, for an affine arrangement whose
// normals have rank d, |chi(1)| the bounded ones (Zaslavsky 1975).
std::optional<std::vector<std::string>> characteristic_polynomial(const Arrangement& arrangement,
                                                                  double max_seconds,
                                                                  const Execution& execution);

}  // namespace cvxnn
