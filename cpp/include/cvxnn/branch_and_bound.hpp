// The largest |v . phi(X u)| over all unit vectors u: pricing over every cell without listing any.
#pragma once

#include <limits>
#include <vector>

#include "cvxnn/hidden_layer.hpp"
#include "cvxnn/parallel.hpp"
#include "cvxnn/status.hpp"

namespace cvxnn {

// A unit vector u at which sign * v . phi(X u) = value, for v of one target.
struct Peak {
  Vector u;
  double value = 0.0;
  int sign = 1;
  Index target = 0;
};

struct BoundOptions {
  double floor = 0.0;  // maxima below are of no interest: the bound need not be lower
  double tol = 1e-9;   // how far above the maximum (or the floor) the bound may stay, relative
  double share = 0.0;  // and as a share of the way from the floor to the maximum
  double max_seconds = std::numeric_limits<double>::infinity();
};

struct SupportBound {
  double upper = 0.0;       // no unit vector has more, rounding included; at least the floor
  std::vector<Peak> peaks;  // the highest point found in each of many regions, if above the floor
  // Else the bound is further above than asked, but holds. `stalled`: cones too thin to be cut.
  Status status = Status::converged;
  Index n_cones = 0;  // cones looked at
};

// v has an entry for each row of X. Cuts the space into simplicial cones and these in halves until
// each of them has a bound of at most (1 + tol) times the highest point found, or the floor, and
// rounding. In a cone, rows that do not change sign add up to a linear function; those that do are
// bounded by their interpolation (v_k > 0, convex) or by the best multiple of x_k . u that is at
// least (x_k . u)_+ times v_k (v_k < 0, concave). phi is a linear function and a multiple of (.)_+.
// Nothing depends on general position. The result does not depend on the threads. Work grows with
// the number of high peaks and fast with the columns, of which there may be 16.
SupportBound bound_support(const HiddenLayer& layer, const Vector& v, const BoundOptions& options,
                           const Execution& execution);

}  // namespace cvxnn
