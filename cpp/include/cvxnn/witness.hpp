// A point well inside each cell.
#pragma once

#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Row i is the unit vector of cell i that maximises min_k |x_k . u| / ||x_k|| over the cell's
// hyperplanes: the widest direction. A row of zeros where rounding leaves nothing (an empty cell,
// or one narrower than double precision). Whether a witness is strictly inside is for
// `locate_cells`.
Matrix find_witnesses(const ConstMatrixRef& X, const Cells& cells, const Execution& execution);

// The same for one cell, from rows of unit or zero norm.
Vector widest_direction(const Matrix& unit_rows, const Word* pattern);

}  // namespace cvxnn
