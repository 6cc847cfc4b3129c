// The cells that hold given points.
#include "cvxnn/sample.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "brute_force.hpp"
#include "cvxnn/enumerate.hpp"
#include "data.hpp"

namespace cvxnn {
namespace {

using test::to_strings;
using Patterns = std::vector<std::string>;

constexpr double kUlp = std::numeric_limits<double>::epsilon();

TEST_CASE("sample: located cells are in the list") {
  const Matrix X = test::gaussian(12, 3, 5);
  const Patterns patterns = to_strings(enumerate_cells(Arrangement(X), {}, {}));
  const Matrix points = test::gaussian(20000, 3, 6);
  const LocatedCells located = locate_cells(X, points, {2, {}});
  CHECK(located.cells.bits == locate_cells(X, points, {1, {}}).cells.bits);
  CHECK(std::count(located.interior.begin(), located.interior.end(), 1) == points.rows());
  Cells distinct = located.cells;
  sort_unique(distinct);
  const Patterns seen = to_strings(distinct);
  CHECK(std::includes(patterns.begin(), patterns.end(), seen.begin(), seen.end()));
}

TEST_CASE("sample: points on hyperplanes are flagged") {
  Matrix X = test::integers(8, 3, 2, 1);
  X.row(5).setZero();
  const Matrix points = test::integers(200, 3, 3, 2);
  const Matrix products = points * X.transpose();
  const LocatedCells located = locate_cells(X, points, {1, {}});
  for (Index i = 0; i < points.rows(); ++i) {
    bool interior = true;
    for (Index k = 0; k < X.rows(); ++k) {
      CHECK(get_bit(located.cells.pattern(i), k) == (products(i, k) > 0.0));
      interior = interior && (products(i, k) != 0.0 || X.row(k).isZero(0));
    }
    CHECK((located.interior[i] != 0) == interior);
  }
}

TEST_CASE("sample: signs beyond the reach of doubles") {
  const Matrix X{{1.0, -1.0}, {1e-200, 0.0}, {1e300, -1e300}, {0.0, -1e-320}};
  const Matrix points{{1.0 + kUlp, 1.0}, {1e300, 1e300}, {1e-200, -1e-200}};
  const LocatedCells located = locate_cells(X, points, {1, {}});
  CHECK(to_strings(located.cells) == Patterns{"1110", "0100", "1111"});
  CHECK(located.interior == std::vector<char>{1, 0, 1});
}

}  // namespace
}  // namespace cvxnn
