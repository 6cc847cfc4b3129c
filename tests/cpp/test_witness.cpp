// Points inside cells.
#include "cvxnn/witness.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "cvxnn/enumerate.hpp"
#include "cvxnn/sample.hpp"
#include "data.hpp"

namespace cvxnn {
namespace {

TEST_CASE("witness: strictly inside and widest") {
  Matrix X = test::braid(3);
  X.row(4) = -2.0 * X.row(0);
  X.row(5).setZero();
  for (const Matrix& rows : {X, test::threshold(2), test::gaussian(14, 4, 1)}) {
    const Cells cells = enumerate_cells(Arrangement(rows), {}, {1, {}});
    const Matrix witnesses = find_witnesses(rows, cells, {2, {}});
    const LocatedCells located = locate_cells(rows, witnesses, {1, {}});
    CHECK(located.cells.bits == cells.bits);
    CHECK(std::count(located.interior.begin(), located.interior.end(), 1) == cells.size());
    const Matrix unit = rows.rowwise().normalized();
    const auto margin = [&](Index i, const Vector& u) {
      double smallest = std::numeric_limits<double>::infinity();
      for (Index k = 0; k < rows.rows(); ++k) {
        const double side = get_bit(cells.pattern(i), k) ? 1.0 : -1.0;
        if (!rows.row(k).isZero(0)) smallest = std::min(smallest, side * unit.row(k).dot(u));
      }
      return smallest / u.norm();
    };
    for (Index i = 0; i < cells.size(); ++i) {
      const Vector witness = witnesses.row(i);
      CHECK(witness.norm() == doctest::Approx(1.0));
      for (const double radius : {1e-3, 0.03, 0.3}) {
        const Vector other = witness + radius * test::gaussian(rows.cols(), 1, i).col(0);
        CHECK(margin(i, other) <= margin(i, witness) + 1e-12);
      }
    }
  }
}

TEST_CASE("witness: an empty cell has none") {
  Cells cells;
  cells.n_hyperplanes = 3;
  cells.bits = {0b111, 0b011};
  const Matrix X{{1.0, 0.0}, {0.0, 1.0}, {-1.0, -1.0}};
  const Matrix witnesses = find_witnesses(X, cells, {1, {}});
  CHECK(witnesses.row(0).isZero(0));
  CHECK_FALSE(witnesses.row(1).isZero(0));
}

}  // namespace
}  // namespace cvxnn
