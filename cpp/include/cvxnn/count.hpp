// How many cells an arrangement has, without listing them.
#pragma once

#include <optional>
#include <string>

#include "cvxnn/arrangement.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

// The exact number of cells in decimal, by deletion and restriction, or nothing if the work takes
// longer than `max_seconds`.
std::optional<std::string> count_cells(const Arrangement& arrangement, double max_seconds,
                                       const Execution& execution);

}  // namespace cvxnn
