// The hidden layer of a two-layer network on the samples.
#pragma once

#include "cvxnn/patches.hpp"

namespace cvxnn {

// Neuron u has the outputs phi(X u), with phi(t) = t for t > 0 and slope * t below: slope 0 is the
// ReLU, small ones the leaky ReLU, -1 the absolute value. With several patches a sample they are
// summed up.
struct HiddenLayer {
  HiddenLayer(const Matrix& design, double slope_below = 0.0, Index patches_of_sample = 1)
      : X(design), slope(slope_below), patches(patches_of_sample) {}

  Index n_samples() const { return X.rows() / patches; }

  // phi of pre-activations z.
  template <class Values>
  typename Values::PlainObject activated(const Eigen::MatrixBase<Values>& z) const {
    if (slope == 0.0) return z.cwiseMax(0.0);
    return z.cwiseMax(0.0) + slope * z.cwiseMin(0.0);
  }

  // Neurons u and -u are the same for the absolute value: of these the one whose largest entry is
  // positive, of others u itself.
  Vector canonical(const Vector& u) const {
    Index largest = 0;
    u.cwiseAbs().maxCoeff(&largest);
    return slope == -1.0 && u(largest) < 0.0 ? Vector(-u) : u;
  }

  const Matrix& X;
  double slope;
  Index patches;  // rows of X that belong to one sample
};

}  // namespace cvxnn
