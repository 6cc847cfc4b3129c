// Designs of the group lasso: each the same operator as the matrix it stands for.
#include <doctest/doctest.h>

#include <stdexcept>

#include "cvxnn/lasso/masked_design.hpp"
#include "cvxnn/lasso/sparse_design.hpp"
#include "lasso_problem.hpp"

namespace cvxnn {
namespace {

using lasso::DenseDesign;
using lasso::Design;
using lasso::Layout;

// `X` holds the columns in the order of the groups.
void check_design(const Design& design, const Matrix& X, double accuracy) {
  const Matrix V = test::gaussian(X.rows(), 3, 1);
  const Matrix products = design.correlate_all(V, Precision::float64, {2, {}});
  CHECK((products - X.transpose() * V).norm() <= accuracy * products.norm());
  const lasso::Groups& groups = design.groups();
  CHECK((design.column_norms({}).array() >= X.colwise().norm().transpose().array() * (1 - 1e-14))
            .all());
  std::vector<Index> odd;
  for (Index g = 1; g < groups.count(); g += 2) odd.push_back(g);
  const Matrix some = design.correlate_some(odd, V, Precision::float64, {});
  Matrix F = Matrix::Ones(X.rows(), 3);
  Matrix expected = F;
  const Matrix U = test::gaussian(some.rows(), 3, 2);
  design.add_products(odd, U, F, Precision::float64, {2, {}});
  Index at = 0;
  for (const Index g : odd) {
    const Matrix Xg = X.middleCols(groups.starts[g], groups.size(g));
    const Index width = groups.size(g);
    CHECK((some.middleRows(at, width) - Xg.transpose() * V).norm() <= accuracy * some.norm());
    Matrix one(width, 3);
    design.correlate(g, V, one);
    CHECK((one - Xg.transpose() * V).norm() <= accuracy * some.norm());
    expected += Xg * U.middleRows(at, width);
    const Index row = X.rows() > 64 ? 64 : 0;
    Matrix rows(X.rows() - row, width);
    design.copy_rows(g, row, rows);
    CHECK(rows == Xg.bottomRows(X.rows() - row));
    at += width;
  }
  CHECK((F - expected).norm() <= accuracy * expected.norm());
}

// In float32 products are near, and within the bound that the design claims.
void check_float32(const Design& design) {
  const Matrix V = test::gaussian(design.n_rows(), 2, 7);
  const lasso::Groups& groups = design.groups();
  std::vector<Index> all;
  for (Index g = 0; g < groups.count(); ++g) all.push_back(g);
  const Matrix exact = design.correlate_all(V, Precision::float64, {});
  const Matrix rough = design.correlate_all(V, Precision::float32, {});
  const double bound = design.float32_error(V);
  CHECK(bound > 0.0);
  for (Index g = 0; g < groups.count(); ++g) {
    const auto rows = Eigen::seqN(groups.starts[g], groups.size(g));
    CHECK((exact(rows, Eigen::all) - rough(rows, Eigen::all)).norm() <= bound);
  }
  CHECK((design.correlate_some(all, V, Precision::float32, {}) - exact).norm() <=
        1e-5 * exact.norm());
  const Matrix U = test::gaussian(exact.rows(), 2, 8);
  Matrix F = Matrix::Ones(design.n_rows(), 2);
  Matrix rough_F = F;
  design.add_products(all, U, F, Precision::float64, {});
  design.add_products(all, U, rough_F, Precision::float32, {2, {}});
  CHECK((rough_F - F).norm() <= 1e-5 * F.norm());
}

Matrix in_group_order(const Matrix& X, const lasso::Groups& groups) {
  Matrix out(X.rows(), X.cols());
  for (Index j = 0; j < X.cols(); ++j) out.col(j) = X.col(groups.columns[j]);
  return out;
}

TEST_CASE("lasso designs: dense arrays of either layout and precision") {
  const lasso::Groups groups = test::mixed_groups(150);
  for (const Index n : {7, 300, 2500}) {
    const Matrix X = test::gaussian(n, 150, 3);
    const Matrix Xt = X.transpose();
    check_design(DenseDesign<double>(X.data(), n, 150, Layout::column_major, groups),
                 in_group_order(X, groups), 1e-13);
    check_design(DenseDesign<double>(Xt.data(), n, 150, Layout::row_major, groups),
                 in_group_order(X, groups), 1e-13);
    const Eigen::MatrixXf single = X.cast<float>();
    const Eigen::MatrixXf single_t = single.transpose();
    const Matrix rounded = in_group_order(single.cast<double>(), groups);
    check_design(DenseDesign<float>(single.data(), n, 150, Layout::column_major, groups), rounded,
                 1e-13);
    check_design(DenseDesign<float>(single_t.data(), n, 150, Layout::row_major, groups), rounded,
                 1e-13);
  }
}

TEST_CASE("lasso designs: sparse columns") {
  const lasso::Groups groups = test::mixed_groups(60);
  for (const double keep : {0.5, 2.0}) {  // explicit threshold: about 60 % and 5 % of the entries
    const Matrix X =
        test::gaussian(200, 60, 4).unaryExpr([&](double t) { return t > keep ? t : 0.0; });
    std::vector<double> data;
    std::vector<std::int64_t> indices;
    std::vector<std::int64_t> indptr{0};
    for (Index j = 0; j < 60; ++j) {
      for (Index i = 0; i < 200; ++i) {
        if (X(i, j) == 0.0) continue;
        data.push_back(X(i, j));
        indices.push_back(i);
      }
      indptr.push_back(static_cast<std::int64_t>(data.size()));
    }
    const lasso::SparseDesign design(data.data(), indices.data(), indptr.data(), 200, groups);
    check_design(design, in_group_order(X, groups), 1e-13);
  }
}

TEST_CASE("lasso designs: masked copies, and the solution of their dense form") {
  for (const Index n : {50, 2100}) {
    const Matrix X = test::gaussian(n, 3, 5);
    Cells cells{n, {}};
    const Matrix values = X * test::gaussian(3, 70, 6);
    cells.bits.resize(static_cast<std::size_t>(70 * cells.n_words()), 0);
    Matrix dense(n, 210);
    for (Index c = 0; c < 70; ++c) {
      for (Index k = 0; k < n; ++k) {
        if (values(k, c) > 0.0) set_bit(cells.bits.data() + c * cells.n_words(), k);
        dense.row(k).segment(3 * c, 3) = (values(k, c) > 0.0 ? 1.0 : 0.0) * X.row(k);
      }
    }
    const lasso::MaskedDesign masked(X, cells);
    check_design(masked, dense, 1e-13);
    const Matrix gates = test::gaussian(3, 70, 6).transpose();
    const lasso::MaskedDesign gated(X, gates);
    check_design(gated, dense, 1e-13);
    check_float32(masked);

    for (const std::string loss : {"squared", "logistic"}) {
      for (const bool fit_intercept : {true, false}) {
        test::LassoProblem p(
            dense, masked.groups(),
            make_loss(loss, test::targets_for(loss, n, 7), test::lasso_weights(n, 8)));
        p.problem.fit_intercept = fit_intercept;
        const double alpha = 0.1 * lasso::alpha_max(p.problem, {});
        const Matrix expected = p.coefficients(p.solve({alpha}, 1e-11)[0]);
        p.problem.design = &masked;
        const lasso::Solution solution = p.solve({alpha}, 1e-11)[0];
        CHECK(solution.status == Status::converged);
        CHECK((dense * (p.coefficients(solution) - expected)).norm() <=
              1e-4 * (dense * expected).norm());
        CHECK(p.dual(solution.dual, alpha).second <= 1e-12);
        const lasso::Solution threaded = p.solve({alpha}, 1e-11, 2)[0];
        CHECK(threaded.values == solution.values);
        CHECK(threaded.dual == solution.dual);
      }
    }
  }
}

TEST_CASE("lasso designs: groups that overlap, miss a column or are empty") {
  const Matrix X = Matrix::Ones(2, 3);
  const auto make = [&](const lasso::Groups& groups) {
    return DenseDesign<double>(X.data(), 2, 3, Layout::column_major, groups);
  };
  CHECK_NOTHROW(make({{2, 0, 1}, {0, 1, 3}}));
  CHECK_THROWS_AS(make({{0, 1, 1}, {0, 1, 3}}), std::invalid_argument);
  CHECK_THROWS_AS(make({{0, 1, 3}, {0, 1, 3}}), std::invalid_argument);
  CHECK_THROWS_AS(make({{0, 1}, {0, 1, 2}}), std::invalid_argument);
  CHECK_THROWS_AS(make({{0, 1, 2}, {0, 1, 1, 3}}), std::invalid_argument);
}

}  // namespace
}  // namespace cvxnn
