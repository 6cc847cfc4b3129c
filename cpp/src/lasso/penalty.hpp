// The penalty of one group, P(U) = strength ||U|| + l1 ||U||_1 + l2/2 ||U||^2, U >= 0 if
// `positive`.
#pragma once

#include "cvxnn/types.hpp"

namespace cvxnn::lasso {

struct Penalty {
  double l1 = 0.0;
  double l2 = 0.0;
  bool positive = false;

  // P depends on the norm of U alone.
  bool radial() const { return l1 == 0.0 && !positive; }
  double value(const ConstMatrixRef& U, double strength) const;
  // The proximal point of l1 ||.||_1 and of the sign constraint. Its norm is the smallest strength
  // at which U = 0 is best for the linear part -Z.
  Matrix shrink_entries(const ConstMatrixRef& Z) const;
  double support(const ConstMatrixRef& Z) const;
  // The largest s <= limit at which support(s Z) <= strength.
  double largest_scale(const ConstMatrixRef& Z, double strength, double limit) const;
};

// Eigenvectors and eigenvalues of a group's Gram matrix.
struct Spectrum {
  Matrix vectors;
  Vector values;
};

// argmin over U of  <gradient, U> + curvature/2 tr (U - U0)' M (U - U0) + P(U), M of the spectrum:
// exact by a scalar equation if the penalty is radial, otherwise by proximal gradient steps.
Matrix minimise_block(const Penalty& penalty, double strength, const Spectrum& spectrum,
                      double curvature, const ConstMatrixRef& U0, const ConstMatrixRef& gradient);

}  // namespace cvxnn::lasso
