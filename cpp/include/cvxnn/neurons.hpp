// A two-layer network each neuron of which is one vector.
#pragma once

#include <vector>

#include "cvxnn/types.hpp"

namespace cvxnn {

// Output t is f_t = sum s_j phi(X u_j) over the neurons j with target t: u_j is column j.
struct Neurons {
  Neurons() = default;
  Neurons(Index n_columns, Index count)
      : u(Matrix::Zero(n_columns, count)),
        signs(Vector::Ones(count)),
        targets(static_cast<std::size_t>(count), 0) {}

  Index size() const { return u.cols(); }

  Matrix u;
  Vector signs;  // 1 or -1
  std::vector<Index> targets;
};

}  // namespace cvxnn
