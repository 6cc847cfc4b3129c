// Sweeps over many cells: X' D_i R for every cell i from bits, without a product per bit.
//
// For groups of 6 or 7 rows all sums of subsets of r_k x_k are tabulated; a cell then costs one
// look-up and one addition of a line per group ("four Russians").
#pragma once

#include <functional>

#include "cvxnn/masks.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Receives cells begin, begin + 1, ..: one column each, the d entries of X' D_i R for the first
// column of R, then for the second, and so on. Called by several threads at once, with blocks of
// cells that depend on their number; the columns do not.
using GradientSink = std::function<void(Index begin, const ConstMatrixRef& gradients)>;

// R is n x C, one column of residuals per target. In either precision the result is within
// `sweep_error` of the true one.
void sweep_gradients(const ConstMatrixRef& X, const ConstMatrixRef& R, const MaskSource& masks,
                     Index n_cells, Precision precision, const Execution& execution,
                     const GradientSink& sink);

// The Frobenius norms of X' D_i R.
Vector sweep_norms(const ConstMatrixRef& X, const ConstMatrixRef& R, const MaskSource& masks,
                   Index n_cells, Precision precision, const Execution& execution);

// sum_k |x_kj r_kc| for every j and c: no gradient is larger, and rounding is a share of it.
Matrix sums_of_magnitudes(const ConstMatrixRef& X, const ConstMatrixRef& R);

// A bound on || computed - true ||_F for every column that `sweep_gradients` hands out, and on
// |computed - true| for every norm of `sweep_norms`. Infinite where float32 could overflow.
double sweep_error(const ConstMatrixRef& X, const ConstMatrixRef& R, Precision precision);

}  // namespace cvxnn
