// Products of columns of outputs with each other in the metric of a loss.
#pragma once

#include <vector>

#include "cvxnn/loss.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// Columns of outputs, each of one target: those of target t are starts[t] to starts[t + 1]. Or, as
// if there were one, each of all targets.
struct OutputColumns {
  Matrix values;  // (n_samples, m), or (n_samples n_targets, m)
  std::vector<Index> starts;

  Index n_targets() const { return static_cast<Index>(starts.size()) - 1; }
  auto of(Index target) const {
    return values.middleCols(starts[target], starts[target + 1] - starts[target]);
  }
};

// The lower triangle of A' H A.
Matrix lower_gram(OutputColumns A, const Hessian& H, const Execution& execution);

// A' v.
Vector apply_transposed(const OutputColumns& A, const Vector& v);

// Columns over all outputs whose products with each other are A' H A: for Hessians that say nothing
// between samples, or one target.
Matrix rooted_columns(OutputColumns A, const Hessian& H);

// Columns a over all outputs become those whose products with each other are a' H b; where samples
// have to do with each other, for one target.
void scale_by_root(const Hessian& H, Eigen::Ref<Matrix> columns);

}  // namespace cvxnn
