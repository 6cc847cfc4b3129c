// Sweeps over many cells: X' D_i R for every cell i from bits, without a product per bit.
//
// For groups of 6 or 7 rows all sums of subsets of r_k x_k are tabulated; a cell then costs one
// look-up and one addition of a line per group ("four Russians").
#pragma once

#include <functional>

#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Writes word first_word + w of cell begin + i to out[w * count + i], for w < n_words and
// i < count; bits past the last row are 0. Called by several threads at once.
using MaskSource =
    std::function<void(Index begin, Index count, Index first_word, Index n_words, Word* out)>;

// Receives cells begin, begin + 1, ..: one column each, the d entries of X' D_i R for the first
// column of R, then for the second, and so on. Called by several threads at once, with blocks of
// cells that depend on their number; the columns do not.
using GradientSink = std::function<void(Index begin, const ConstMatrixRef& gradients)>;

// Packed masks. `cells` must outlive the source.
MaskSource stored_masks(const Cells& cells);

// The same for some of them, in the order of `selected`. Both must outlive the source.
MaskSource selected_masks(const Cells& cells, const std::vector<Index>& selected);

// Masks of the cells that hold the rows of `gates` (P x d), made anew wherever they are needed:
// P d numbers instead of P n bits. Every bit is decided exactly, as in `locate_cells`, so that it
// is the same whenever and wherever it is made. X and gates must outlive the source.
MaskSource gate_masks(const Matrix& X, const Matrix& gates);

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
