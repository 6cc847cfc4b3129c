// The intercept, minimised out of the loss.
#pragma once

#include "cvxnn/loss.hpp"

namespace cvxnn {

// Adds to each target of f the constant that makes the loss smallest; returns the constants. The
// gradient of each target then sums to zero, as the dual of a free intercept asks.
Vector fit_intercept(const Loss& loss, Vector& f);

// Whether the gradient v at f sums to zero for each target, up to rounding. Otherwise it proves
// nothing: some shift of the intercept lowers the loss without end in the dual.
bool is_balanced(const Loss& loss, const Vector& f, const Vector& v);

}  // namespace cvxnn
