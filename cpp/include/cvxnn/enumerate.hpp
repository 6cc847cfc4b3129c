// Every full-dimensional cell of an arrangement, decided exactly.
#pragma once

#include <optional>
#include <string>

#include "cvxnn/arrangement.hpp"
#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Lists the cells in canonical order. A row of zeros has bit 0 everywhere. Memory grows with the
// number of cells and time with the number of (rank - 1)-dimensional flats, so ask
// `count_cells` first.
Cells enumerate_cells(const Arrangement& arrangement, const Execution& execution);

// The exact number of cells in decimal, by deletion and restriction, or nothing if the work takes
// longer than `max_seconds`.
std::optional<std::string> count_cells(const Arrangement& arrangement, double max_seconds,
                                       const Execution& execution);

}  // namespace cvxnn
