// Cells by exact brute force, for a few hyperplanes in low dimension.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "exact.hpp"

namespace cvxnn::test {

// Calls visit with every increasing sequence of `size` numbers below n.
template <class Visit>
void for_each_subset(Index n, Index size, const Visit& visit, std::vector<Index> chosen = {}) {
  if (static_cast<Index>(chosen.size()) == size) return visit(chosen);
  for (Index next = chosen.empty() ? 0 : chosen.back() + 1; next < n; ++next) {
    chosen.push_back(next);
    for_each_subset(n, size, visit, chosen);
    chosen.pop_back();
  }
}

inline exact::Integer determinant(const exact::Rows& rows) {
  if (rows.empty()) return 1;
  exact::Integer sum = 0;
  for (std::size_t j = 0; j < rows.size(); ++j) {
    exact::Rows minor(rows.begin() + 1, rows.end());
    for (exact::Row& row : minor) row.erase(row.begin() + static_cast<std::ptrdiff_t>(j));
    sum += (j % 2 == 0 ? 1 : -1) * rows[0][j] * determinant(minor);
  }
  return sum;
}

// Every cell of an arrangement of full rank d contains the sum of some d of its extreme rays, and
// extreme rays are null vectors of d - 1 hyperplanes: sums of all d-tuples of such vectors meet
// every cell.
inline std::vector<std::string> brute_force(const Matrix& X) {
  const Index d = X.cols();
  const exact::Rows rows = exact::integer_rows(X);
  exact::Rows products;  // of each ray with each row
  for_each_subset(X.rows(), d - 1, [&](const std::vector<Index>& subset) {
    exact::Row product;
    for (const exact::Row& row : rows) {
      exact::Rows square{row};
      for (const Index k : subset) square.push_back(rows[k]);
      product.push_back(determinant(square));
    }
    if (exact::is_zero(product)) return;
    exact::make_primitive(product);
    products.push_back(product);
    for (exact::Integer& value : product) value = -value;
    products.push_back(product);
  });
  std::sort(products.begin(), products.end());
  products.erase(std::unique(products.begin(), products.end()), products.end());
  std::set<std::string> found;
  for_each_subset(static_cast<Index>(products.size()), d, [&](const std::vector<Index>& tuple) {
    std::string pattern;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      exact::Integer sum = 0;
      for (const Index ray : tuple) sum += products[ray][k];
      if (sum == 0 && !exact::is_zero(rows[k])) return;
      pattern += sum > 0 ? '1' : '0';
    }
    found.insert(pattern);
  });
  return {found.begin(), found.end()};
}

}  // namespace cvxnn::test
