// How an iterative method ended.
#pragma once

namespace cvxnn {

// Anything but `converged` means that the gap asked for was not reached; `stopped`: by the caller.
enum class Status { converged, time_limit, iteration_limit, stopped, stalled };

}  // namespace cvxnn
