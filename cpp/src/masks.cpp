#include "cvxnn/masks.hpp"

#include <algorithm>

#include "gate_bits.hpp"

namespace cvxnn {
namespace {

using View = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;

View view_of(const ConstMatrixRef& A) {
  return {A.data(), A.rows(), A.cols(), Eigen::OuterStride<>(A.outerStride())};
}

template <class PatternOf>
MaskSource gathered(const PatternOf& pattern_of) {
  return [pattern_of](Index begin, Index count, Index first_word, Index n_words, Word* out) {
    for (Index i = 0; i < count; ++i) {
      const Word* words = pattern_of(begin + i) + first_word;
      for (Index w = 0; w < n_words; ++w) out[w * count + i] = words[w];
    }
  };
}

// Masks of gates; gates_of(begin, count) are those of consecutive cells, one a row.
template <class GatesOf>
MaskSource made_anew(const View& X, const GatesOf& gates_of) {
  return [X, gates_of](Index begin, Index count, Index first_word, Index n_words, Word* out) {
    const Index first_row = first_word * 64;
    const GateRows rows(X, first_row, std::min(n_words * 64, X.rows() - first_row));
    rows.bits(gates_of(begin, count), {out, count, 1}, nullptr);
  };
}

}  // namespace

MaskSource stored_masks(const Cells& cells) {
  return gathered([&cells](Index i) { return cells.pattern(i); });
}

MaskSource selected_masks(const Cells& cells, const std::vector<Index>& selected) {
  return gathered([&](Index i) { return cells.pattern(selected[i]); });
}

MaskSource gate_masks(const ConstMatrixRef& X, const ConstMatrixRef& gates) {
  const View all = view_of(gates);
  return made_anew(view_of(X),
                   [all](Index begin, Index count) { return all.middleRows(begin, count); });
}

MaskSource selected_gate_masks(const ConstMatrixRef& X, const ConstMatrixRef& gates,
                               const std::vector<Index>& selected) {
  const View all = view_of(gates);
  return made_anew(view_of(X), [all, &selected](Index begin, Index count) -> Matrix {
    return Matrix::NullaryExpr(count, all.cols(),
                               [&](Index i, Index j) { return all(selected[begin + i], j); });
  });
}

}  // namespace cvxnn
