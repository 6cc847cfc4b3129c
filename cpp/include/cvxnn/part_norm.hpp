// Norms of blocks: of all of their entries, or of parts of equal length, added up.
#pragma once

#include <cmath>

#include "cvxnn/types.hpp"

namespace cvxnn {

// N(u) = sum_p ||u_p||, where the last entries of u may be free: they count nothing, and what
// constrains u keeps each of them at most N(u) in modulus. (So a norm that is the largest modulus
// is that of one more entry.)
struct PartNorm {
  Index parts = 1;
  Index n_free = 0;

  bool euclidean() const { return parts == 1 && n_free == 0; }
  Eigen::Map<const Matrix> by_part(const Vector& u) const {
    return {u.data(), (u.size() - n_free) / parts, parts};
  }
  double value(const Vector& u) const { return by_part(u).colwise().norm().sum(); }
  // At least u . w for every w with N(w) <= 1 that the constraints allow.
  double dual(const Vector& u) const {
    return by_part(u).colwise().norm().maxCoeff() + u.tail(n_free).cwiseAbs().sum();
  }
};

}  // namespace cvxnn
