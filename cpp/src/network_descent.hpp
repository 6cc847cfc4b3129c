// Networks as users of gradient methods know them, trained by one.
#pragma once

#include "cvxnn/hidden_layer.hpp"
#include "cvxnn/loss.hpp"
#include "cvxnn/neurons.hpp"
#include "cvxnn/parallel.hpp"
#include "working_set.hpp"

namespace cvxnn {

// Goes downhill on L(f) + beta sum_j ||u_j|| by L-BFGS, in weights that split each u_j evenly
// between its two layers, where the penalty is weight decay (arXiv 2002.10553, appendix A.2). Cells
// may change on the way. Ends after `max_steps` steps, or where they gain less than `tol`,
// relative.
Neurons descend(const HiddenLayer& layer, const Loss& loss, double beta, const Neurons& start,
                int max_steps, double tol, const Deadline& deadline, const Execution& execution);

}  // namespace cvxnn
