// What the engines see of an arrangement: one integer normal for each different hyperplane, as many
// columns as the rank, and how the patterns of the hyperplanes given follow.
#pragma once

#include <cstdint>
#include <vector>

#include "cvxnn/arrangement.hpp"
#include "cvxnn/bits.hpp"
#include "exact.hpp"

namespace cvxnn {

struct NormalForm {
  exact::Rows rows;    // primitive, no two parallel, full column rank, oriented as first given
  Matrix approximate;  // the rows as doubles, see as_doubles
  // Affine: the last row is the hyperplane at infinity, and the cells are those on its positive
  // side. Central: both sides of every row count.
  bool affine = false;
  std::vector<Index> source;   // per hyperplane given: its row, or -1 for a row of zeros
  std::vector<bool> reversed;  // per hyperplane given: whether it points against its row

  Index n_rows() const { return static_cast<Index>(rows.size()); }
  Index rank() const { return rows.empty() ? 0 : static_cast<Index>(rows.front().size()); }
};

// From homogeneous rows (x_k, b_k).
NormalForm normal_form(exact::Rows rows, bool affine);

// The rows as doubles, each times a power of two of its own that brings its largest entry into
// [1/2, 1]. Relative error of an entry: at most 2^-52; entries below 2^-900 become zero.
Matrix as_doubles(const exact::Rows& rows);

// Turns patterns over the rows of a normal form into patterns over the hyperplanes given.
class PatternMap {
 public:
  explicit PatternMap(const NormalForm& form);

  Index n_words_in() const { return words_for(n_rows_); }
  Index n_words_out() const { return words_for(n_hyperplanes_); }

  // Whether patterns stay as they are.
  bool identity() const { return identity_; }

  // Of `count` patterns, or of their complements if `opposite`.
  void apply(const Word* patterns, Index count, bool opposite, Word* out) const;

 private:
  Index n_rows_;
  Index n_hyperplanes_;
  bool in_place_;               // hyperplane k has row k
  bool identity_;               // and nothing else changes
  std::vector<Word> reversed_;  // bits to turn
  std::vector<Word> present_;   // bits that are not of zero rows
  std::vector<Index> source_;
};

}  // namespace cvxnn
