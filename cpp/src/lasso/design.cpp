#include "cvxnn/lasso/design.hpp"

#include <limits>
#include <stdexcept>
#include <string>

namespace cvxnn::lasso {

void check_groups(const Groups& groups, Index n_columns) {
  const auto fail = [](const std::string& what) { throw std::invalid_argument(what); };
  const std::vector<Index>& starts = groups.starts;
  if (starts.size() < 2 || starts.front() != 0 ||
      starts.back() != static_cast<Index>(groups.columns.size())) {
    fail("starts must run from 0 to the number of columns");
  }
  for (std::size_t g = 1; g < starts.size(); ++g) {
    if (starts[g] <= starts[g - 1]) fail("group " + std::to_string(g - 1) + " is empty");
  }
  if (groups.n_columns() != n_columns) {
    fail("groups hold " + std::to_string(groups.n_columns()) + " columns, X has " +
         std::to_string(n_columns));
  }
  std::vector<char> seen(static_cast<std::size_t>(n_columns), 0);
  for (const Index column : groups.columns) {
    if (column < 0 || column >= n_columns) fail("no column " + std::to_string(column));
    if (seen[column]) fail("column " + std::to_string(column) + " is in two groups");
    seen[column] = 1;
  }
}

double Design::float32_error(const ConstMatrixRef&) const {
  return std::numeric_limits<double>::infinity();
}

void Design::add_products(const std::vector<Index>& groups, const ConstMatrixRef& U, Matrix& F,
                          Precision, const Execution& execution) const {
  constexpr Index kRows = 8192;
  const Index n = n_rows();
  const double cost = 2.0 * static_cast<double>(kRows * U.size());
  parallel_for((n + kRows - 1) / kRows, cost, execution, [&](Index block, int, const auto&) {
    const Index row = block * kRows;
    auto rows = F.middleRows(row, std::min(kRows, n - row));
    Index at = 0;
    for (const Index g : groups) {
      add_product(g, row, U.middleRows(at, groups_.size(g)), rows);
      at += groups_.size(g);
    }
  });
}

Matrix Design::correlate_some(const std::vector<Index>& groups, const ConstMatrixRef& V, Precision,
                              const Execution& execution) const {
  std::vector<Index> at(groups.size() + 1, 0);
  for (std::size_t i = 0; i < groups.size(); ++i) at[i + 1] = at[i] + groups_.size(groups[i]);
  Matrix out(at.back(), V.cols());
  const double cost = 2.0 * static_cast<double>(V.size()) * static_cast<double>(at.back()) /
                      static_cast<double>(groups.size() + 1);
  parallel_for(static_cast<Index>(groups.size()), cost, execution, [&](Index i, int, const auto&) {
    correlate(groups[i], V, out.middleRows(at[i], at[i + 1] - at[i]));
  });
  return out;
}

}  // namespace cvxnn::lasso
