// Every full-dimensional cell of an arrangement, decided exactly.
#pragma once

#include "cvxnn/arrangement.hpp"
#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Lists the cells in canonical order. A row of zeros has bit 0 everywhere. Memory grows with the
// number of cells and time with the number of (rank - 1)-dimensional flats, so ask
// `count_cells` (count.hpp) first.
Cells enumerate_cells(const Arrangement& arrangement, const Execution& execution);

}  // namespace cvxnn
