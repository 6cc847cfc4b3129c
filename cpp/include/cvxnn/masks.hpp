// Where bits of activation patterns come from: stored, or made anew from gates.
#pragma once

#include <functional>
#include <vector>

#include "cvxnn/cells.hpp"

namespace cvxnn {

// Writes word first_word + w of cell begin + i to out[w * count + i], for w < n_words and
// i < count; bits past the last row are 0. Called by several threads at once.
using MaskSource =
    std::function<void(Index begin, Index count, Index first_word, Index n_words, Word* out)>;

// Packed masks. `cells` must outlive the source.
MaskSource stored_masks(const Cells& cells);

// The same for some of them, in the order of `selected`. Both must outlive the source.
MaskSource selected_masks(const Cells& cells, const std::vector<Index>& selected);

// Masks of the cells that hold the rows of `gates` (P x d), made anew wherever they are needed:
// P d numbers instead of P n bits. Every bit is decided exactly, as in `locate_cells`, so that it
// is the same whenever and wherever it is made. The data of X, and gates, must outlive the source.
MaskSource gate_masks(const ConstMatrixRef& X, const ConstMatrixRef& gates);

// The same for some of them, in the order of `selected`, which must outlive the source, too.
MaskSource selected_gate_masks(const ConstMatrixRef& X, const ConstMatrixRef& gates,
                               const std::vector<Index>& selected);

}  // namespace cvxnn
