// Samples of several rows: operators beside dense arithmetic, and the solvers on them.
#include "cvxnn/patches.hpp"

#include <doctest/doctest.h>

#include "cvxnn/column_generation.hpp"
#include "cvxnn/sample.hpp"
#include "data.hpp"
#include "working_set.hpp"

namespace cvxnn {
namespace {

TEST_CASE("patches: sums over rows and their transpose") {
  const Matrix values = test::gaussian(12, 3, 1);
  const Matrix sums = pooled(values, 4);
  REQUIRE(sums.rows() == 3);
  const Vector v = test::gaussian(3, 1, 2);
  const Vector rows = spread(v, 4);
  for (Index i = 0; i < 3; ++i) {
    CHECK(sums.row(i).isApprox(values.middleRows(4 * i, 4).colwise().sum()));
    CHECK((rows.segment(4 * i, 4).array() == v(i)).all());
  }
  CHECK(pooled(values, 1) == values);
  CHECK(spread(v, 1) == v);
}

TEST_CASE("patches: the masked operator beside dense blocks") {
  const Index n = 70;
  for (const Index patches : {1, 3}) {
    for (const double slope : {0.0, 0.2, -1.0}) {
      const Matrix X = test::gaussian(n * patches, 4, 3);
      const Cells cells = locate_cells(X, test::gaussian(9, 4, 4), {}).cells;
      const MaskedOperator design{&X, &cells, slope, patches};
      for (Index cell = 0; cell < cells.size(); ++cell) {
        Matrix rows = X;
        for (Index k = 0; k < X.rows(); ++k) {
          if (!get_bit(cells.pattern(cell), k)) rows.row(k) *= slope;
        }
        const Matrix block = pooled(rows, patches);
        const Matrix T = test::gaussian(4, 2, 5);
        const Vector v = test::gaussian(n, 1, 6);
        const Vector h = v.cwiseAbs();
        Vector f = v;
        design.apply_add(cell, T.col(0), -2.0, f);
        CHECK(f.isApprox(v - 2.0 * (block * T.col(0)), 1e-12));
        CHECK(design.outputs(cell, T).isApprox(block * T, 1e-12));
        CHECK(design.columns(cell, 64, n - 64).isApprox(block.bottomRows(n - 64), 1e-12));
        CHECK(design.apply_transposed(cell, v).isApprox(block.transpose() * v, 1e-12));
        CHECK(design.gram(cell, h).isApprox(block.transpose() * h.asDiagonal() * block, 1e-12));
      }
    }
  }
}

TEST_CASE("patches: every way to solve comes to the same objective") {
  const Index patches = 3;
  const Matrix X = test::gaussian(20 * patches, 3, 7);
  const Matrix y = test::gaussian(20, 2, 8);
  const auto loss = make_loss("squared", y, Vector::Ones(20));
  for (const double slope : {0.0, 0.3}) {
    const HiddenLayer layer(X, slope, patches);
    SolverOptions options;
    options.tol = 1e-7;
    const GlobalSolution proved = solve_over_all_cells(layer, *loss, 0.5, options, {});
    CHECK(proved.status == Status::converged);
    for (const int n_threads : {1, 2}) {
      SearchOptions search;
      search.tol = 1e-7;
      const GlobalSolution found =
          search_over_all_cells(layer, *loss, 0.5, search, Execution{n_threads, {}});
      CHECK(found.objective >= proved.lower_bound);
      CHECK(found.objective == doctest::Approx(proved.objective).epsilon(1e-5));
    }
    Program program = proved.program(layer, 0.5);
    program.cone_rows = unit_rows(X);
    const Solution again = solve_cone_program(program, *loss, options, {});
    CHECK(again.objective == doctest::Approx(proved.objective).epsilon(1e-6));
    Vector f = Vector::Zero(40);
    for (const Block& block : proved.blocks) {
      const Matrix outputs = pooled(Matrix(layer.activated(X * block.u)), patches);
      f.segment(20 * program.target_of(block.id), 20) += program.sign_of(block.id) * outputs;
    }
    CHECK(loss->value(f) + 0.5 * total_length(proved.blocks) ==
          doctest::Approx(proved.objective).epsilon(1e-9));
  }
}

}  // namespace
}  // namespace cvxnn
