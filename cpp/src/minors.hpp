// Upper bounds on the minors of an integer matrix, and small primes beyond them.
#pragma once

#include "exact.hpp"

namespace cvxnn::count {

// Base-two logarithms of bounds on the absolute values.
struct MinorBound {
  double highest_order;  // of as many rows as there are columns
  double any_order;
};

// No row or column may be zero.
MinorBound bound_minors(const exact::Rows& rows);

// The smallest prime above `bound`, and above 5.
std::uint32_t next_small_prime(double bound);

}  // namespace cvxnn::count
