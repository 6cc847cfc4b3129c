// A two-layer ReLU network with one output, each neuron of which is one vector.
#pragma once

#include "cvxnn/types.hpp"

namespace cvxnn {

// f = sum_j s_j (X u_j)_+: u_j is column j.
struct Neurons {
  Matrix u;
  Vector signs;  // 1 or -1
};

}  // namespace cvxnn
