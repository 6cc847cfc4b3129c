// Every full-dimensional cell of the central arrangement {u : x_k . u = 0}, decided exactly.
#pragma once

#include <optional>
#include <string>

#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// What bounds the number of cells before any is listed.
struct ArrangementShape {
  Index rank = 0;        // exact below `rank_cap`; a rank r means at least 2^r cells
  Index n_distinct = 0;  // hyperplanes left after dropping zero rows and merging parallel ones
};

ArrangementShape arrangement_shape(const ConstMatrixRef& X, Index rank_cap);

// Lists the cells in canonical order. A row of zeros has bit 0 everywhere. Memory grows with the
// number of cells and time with the number of (rank - 1)-dimensional flats, so ask
// `arrangement_shape` or `count_cells` first.
Cells enumerate_cells(const ConstMatrixRef& X, const Execution& execution);

// The exact number of cells in decimal, by deletion and restriction, or nothing if the work takes
// longer than `max_seconds`.
std::optional<std::string> count_cells(const ConstMatrixRef& X, double max_seconds,
                                       const Execution& execution);

}  // namespace cvxnn
