// A two-layer network with one output, each neuron of which is one vector.
#pragma once

#include "cvxnn/types.hpp"

namespace cvxnn {

// f = sum_j s_j phi(X u_j): u_j is column j.
struct Neurons {
  Matrix u;
  Vector signs;  // 1 or -1
};

}  // namespace cvxnn
