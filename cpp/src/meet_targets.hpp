// From predictions that nearly meet equality constraints of a loss to such that do.
#pragma once

#include <vector>

#include "cvxnn/cone_program.hpp"

namespace cvxnn {

// Moves blocks as little as possible, relative to their lengths and within the faces of their
// cones, until the loss misses nothing. Returns false, without a change, if that is not enough.
bool meet_targets(const Program& program, const Loss& loss, std::vector<Block>& blocks,
                  const Execution& execution);

}  // namespace cvxnn
