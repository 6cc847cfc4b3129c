// Polynomials with coefficients of any size, lowest degree first.
#pragma once

#include <vector>

#include "exact.hpp"

namespace cvxnn::count {

using Polynomial = std::vector<exact::Integer>;

// sum += s * term
inline void add_shifted(Polynomial& sum, const Polynomial& term) {
  if (sum.size() < term.size() + 1) sum.resize(term.size() + 1);
  for (std::size_t k = 0; k < term.size(); ++k) sum[k + 1] += term[k];
}

inline Polynomial multiply(const Polynomial& a, const Polynomial& b) {
  Polynomial product(a.size() + b.size() - 1);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < b.size(); ++j) product[i + j] += a[i] * b[j];
  }
  return product;
}

// Zaslavsky: V of n hyperplanes in general position, sum of binomial(n - 1, k) s^k for k < rank.
inline Polynomial uniform(Index n, Index rank) {
  Polynomial result{1};
  for (Index k = 1; k < rank; ++k) result.push_back(result.back() * (n - k) / k);
  return result;
}

}  // namespace cvxnn::count
