// How an iterative method ended.
#pragma once

namespace cvxnn {

// Anything but `converged` means that the gap asked for was not reached.
enum class Status { converged, time_limit, iteration_limit, stalled };

}  // namespace cvxnn
