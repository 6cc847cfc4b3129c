// Blocks of a nested program as an operator: X and masks, never the columns.
#pragma once

#include "barrier_program.hpp"
#include "cvxnn/nested_program.hpp"

namespace cvxnn {

// What a nested cell multiplies rows of X by. Its cone has a row for each sample and first-layer
// neuron, neuron by neuron, and then one for each sample.
struct Masks {
  Matrix gates;    // (n, parts): s_j where D_j is on, otherwise 0
  Matrix sides;    // (n, parts): 1 or -1 as D_j is on or off
  Vector on;       // (n,): D_l
  Vector coupled;  // (n,): 1 or -1 as D_l is on or off, 0 where the gates decide that

  Masks(const NestedCells& cells, Index cell, Index n);
};

class NestedBlocks final : public PricedBlocks {
 public:
  // `interiors` as in solve_nested_program, or empty if none is asked for.
  NestedBlocks(const NestedProgram& program, const Matrix& interiors);

  Index size() const override { return program_.n_blocks(); }
  Index width() const override { return program_.width(); }
  PartNorm norm() const override {
    return {program_.separate_norms ? program_.cells->parts : 1, 0};
  }
  Index n_samples() const override { return program_.X->rows(); }
  Index n_targets() const override { return program_.n_targets; }
  Index target_of(Index b) const override { return program_.target_of(b); }
  double beta() const override { return program_.beta; }
  double cost() const override;
  Vector interior(Index b) const override;
  Vector constrains(Index b) const override;
  Vector slacks(Index b, const Vector& u) const override;
  Vector pull(Index b, const Vector& z) const override;
  Matrix curvature(Index b, const Vector& weights) const override;
  void add_outputs(Index b, const Vector& u, Vector& f) const override;
  Vector gradient(Index b, const Vector& v) const override;
  Matrix columns(Index b) const override;
  Matrix cone(Index b) const override { return cone_of_cell(cell(b)); }
  double gradient_error(const Vector& v) const override;

  Matrix cone_of_cell(Index cell) const;

 private:
  Index cell(Index b) const { return program_.cell_of(b); }
  double sign(Index b) const { return program_.sign_of(b); }
  Masks masks_of(Index b) const { return {*program_.cells, cell(b), n_samples()}; }
  // u as a column for each part
  Eigen::Map<const Matrix> by_part(const Vector& u) const {
    return {u.data(), program_.X->cols(), program_.cells->parts};
  }

  const NestedProgram& program_;
  Matrix rows_;  // unit rows of X
  const Matrix& interiors_;
};

}  // namespace cvxnn
