// The convex program of parallel three-layer networks over given patterns of both hidden layers.
#pragma once

#include "cvxnn/cone_program.hpp"

namespace cvxnn {

// Patterns of the branches (sum_j s_j (X u_j)_+)_+, one nested cell a branch. There the branch is
// linear in u = (u_1, .., u_m): D_l F u with F = [s_1 D_1 X, .., s_m D_m X]; its cone is
// {(2 D_j - I) X u_j >= 0 for all j, (2 D_l - I) F u >= 0}.
struct NestedCells {
  Index parts = 1;             // first-layer neurons m of a branch
  Cells first;                 // patterns D_j that branches are made of
  std::vector<Index> members;  // size() x parts: which pattern
  std::vector<double> signs;   // size() x parts: s_j
  Cells second;                // D_l, one for each nested cell

  Index size() const { return second.size(); }
};

// Minimise L(sum_b s_b D_l F u_b) + beta sum_b N(u_b) over the cones. N is the norm of all of u_b,
// or, with `separate_norms`, the sum of the norms of its parts.
struct NestedProgram {
  const Matrix* X = nullptr;
  const NestedCells* cells = nullptr;
  double beta = 1.0;
  bool separate_norms = false;
  Index n_targets = 1;

  Index n_samples() const { return X->rows(); }
  Index width() const { return cells->parts * X->cols(); }
  // Each cell has a block for each target and sign of the output, numbered target by target.
  Index n_blocks() const { return 2 * n_targets * cells->size(); }
  Index target_of(Index block) const { return block / 2 / cells->size(); }
  Index cell_of(Index block) const { return block / 2 % cells->size(); }
  double sign_of(Index block) const { return block % 2 == 0 ? 1.0 : -1.0; }
};

// Upper bounds on max -s_b v . (D_l F u) over the cone and N(u) <= 1, one for each block, rounding
// included. Below beta they are not resolved.
std::vector<double> price_nested(const NestedProgram& program, const Vector& v,
                                 const Execution& execution);

// Row i is a unit vector u in the interior of nested cell i, far from its walls; of zeros where
// rounding leaves nothing.
Matrix nested_interiors(const Matrix& X, const NestedCells& cells, const Execution& execution);

// Solves the program over all given cells by an interior-point method. Row i of `interiors` is a
// point strictly inside cell i. Blocks of the solution hold u; `tight` stays empty. For losses
// without kinks.
Solution solve_nested_program(const NestedProgram& program, const Loss& loss,
                              const Matrix& interiors, const SolverOptions& options,
                              const Execution& execution);

}  // namespace cvxnn
