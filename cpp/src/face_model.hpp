// The second-order model of the objective on faces of the cones of some blocks.
#pragma once

#include <vector>

#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Points u of blocks with an orthonormal basis of the face that each lies on. The unknowns of block
// a, coordinates of its step in that basis, are starts[a] to starts[a + 1].
struct Faces {
  void add(const Vector& u, Matrix basis);
  Index n_unknowns() const { return starts.back(); }

  // From `full`, that of the loss by all columns of the blocks, and beta ||u||.
  Matrix hessian(const Matrix& full, double beta, const Execution& execution) const;

  // The step to the minimum of the model; blocks that would turn round are zero instead, if asked
  // for, and marked. Empty if the system cannot be solved.
  Vector step(const Matrix& system, const Vector& gradient, bool vanish,
              std::vector<char>& vanishing) const;

  std::vector<Vector> points;
  std::vector<Matrix> bases;
  std::vector<Index> starts{0};
};

}  // namespace cvxnn
