// Sweeps along walks through neighbouring cells: from one to the next a single row changes sides,
// which costs O(d) instead of O(n d).
#pragma once

#include "mask_sweep.hpp"

namespace cvxnn {

// X' D_i R in float64 for cell 0, whose pattern is `start`, and for cell i + 1, which is cell i
// with row flips[i] on its other side: flips.size() + 1 cells in all. Cells reach the sink as from
// `sweep_gradients`. Every so many cells a gradient is summed up anew, so that rounding stays below
// `flip_error` however long the walk.
void sweep_flips(const ConstMatrixRef& X, const ConstMatrixRef& R, const Word* start,
                 const std::vector<Index>& flips, const Execution& execution,
                 const GradientSink& sink);

// A bound on || computed - true ||_F for every column that `sweep_flips` hands out.
double flip_error(const ConstMatrixRef& X, const ConstMatrixRef& R);

}  // namespace cvxnn
