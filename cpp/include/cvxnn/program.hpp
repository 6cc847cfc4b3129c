// The convex program of a network over given cells.
#pragma once

#include "cvxnn/cone.hpp"
#include "cvxnn/masked_operator.hpp"

namespace cvxnn {

// Minimise L(sum_b s_b A_b X u_b) + beta sum_b ||u_b||, where the outputs of block b are
// predictions of its target t_b. The outputs of several targets stand one below the other.
struct Program {
  MaskedOperator design;
  Matrix cone_rows;  // unit rows of X; the constraints of a cell are signs of these
  double beta = 1.0;
  // With cones (ReLU) a cell carries two blocks for each target, for output sign +1 and -1, each u
  // in the cell's closure. Without (gated ReLU) it carries one free block.
  bool cones = true;
  Index n_targets = 1;
  bool both_signs = true;  // of outputs, where there are cones; otherwise +1 only

  Index width() const { return design.n_features(); }  // entries of a block
  Index n_samples() const { return design.n_samples(); }
  Index signs() const { return cones && both_signs ? 2 : 1; }
  Index n_cells() const { return design.cells->size(); }
  Index n_blocks() const { return n_targets * n_cells() * signs(); }
  // Blocks are numbered target by target, cell by cell.
  Index block_of(Index target, Index cell, double sign) const {
    return (target * n_cells() + cell) * signs() + (sign > 0.0 ? 0 : 1);
  }
  Index target_of(Index block) const { return block / signs() / n_cells(); }
  Index cell_of(Index block) const { return block / signs() % n_cells(); }
  double sign_of(Index block) const { return signs() == 2 && block % 2 == 1 ? -1.0 : 1.0; }
  Cone cone_of(Index block) const;

  // The part of a vector over all outputs that belongs to a target.
  template <class Values>
  auto part(Values& values, Index target) const {
    return values.segment(target * design.n_samples(), design.n_samples());
  }

  // f += s_b A_b X u.
  void add_outputs(Index block, const Vector& u, Vector& f) const;
  // s_b X' A_b v: the gradient of v . f by u_b.
  Vector gradient(Index block, const Vector& v) const;
  // s_b A_b X T, one column for each of T: outputs of the block's target.
  Matrix outputs(Index block, const ConstMatrixRef& T) const;
};

}  // namespace cvxnn
