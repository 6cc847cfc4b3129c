// The distinct hyperplanes among the rows of a matrix, and how the rows follow from them.
#pragma once

#include "cvxnn/bits.hpp"
#include "exact.hpp"

namespace cvxnn {

struct MergedRows {
  exact::Rows directions;      // one primitive integer normal per hyperplane, in order of first use
  std::vector<Index> source;   // per row: its hyperplane, or -1 for a zero row
  std::vector<bool> reversed;  // per row: whether it points against that normal
};

MergedRows merge_parallel(const ConstMatrixRef& X);

}  // namespace cvxnn
