// The group lasso: certificates checked apart from the solver, traps, limits.
#include <doctest/doctest.h>

#include <limits>

#include "lasso_problem.hpp"

namespace cvxnn {
namespace {

using test::lasso_problem;
using test::LassoProblem;

const std::vector<std::string> kLosses = {"squared",     "huber",   "logistic",
                                          "multinomial", "poisson", "squared_hinge"};

void check_certificate(const LassoProblem& p, const lasso::Solution& solution, double alpha) {
  const Matrix W = p.coefficients(solution);
  const double objective = p.objective(W, solution.intercept, alpha);
  CHECK(solution.objective == doctest::Approx(objective).epsilon(1e-12));
  if (p.problem.positive) CHECK(W.minCoeff() >= 0.0);
  const auto [bound, excess] = p.dual(solution.dual, alpha);
  CHECK(excess <= 1e-12);
  // the gap reported allows for rounding in every correlation, so it is the larger one
  const double allowance = solution.dual_gap - (objective - bound);
  CHECK(allowance >= -1e-14 * (1.0 + std::abs(objective)));
  CHECK(allowance <= 1e-11 * (solution.null_objective - p.loss->infimum()) + 1e-12);
  const double scale = solution.null_objective - p.loss->infimum();
  CHECK(solution.relative_gap == doctest::Approx(solution.dual_gap / scale).epsilon(1e-12));
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const double step = std::pow(10.0, -static_cast<double>(seed % 6));
    Matrix other = W + step * test::gaussian(W.rows(), W.cols(), seed);
    if (p.problem.positive) other = other.cwiseMax(0.0);
    CHECK(p.objective(other, solution.intercept, alpha) >= bound - 1e-13);
  }
}

void check_path(const LassoProblem& p) {
  const double largest = lasso::alpha_max(p.problem, {});
  REQUIRE(largest > 0.0);
  const std::vector<double> alphas{1.3 * largest, largest, 0.5 * largest, 0.1 * largest,
                                   0.01 * largest};
  const auto solutions = p.solve(alphas, 1e-9);
  REQUIRE(solutions.size() == alphas.size());
  for (std::size_t a = 0; a < alphas.size(); ++a) {
    CAPTURE(a);
    CHECK(solutions[a].status == Status::converged);
    CHECK(solutions[a].relative_gap <= 1e-9);
    CHECK(solutions[a].columns.empty() == (a < 2));
    check_certificate(p, solutions[a], alphas[a]);
  }
}

TEST_CASE("lasso: certified paths of every loss and penalty") {
  for (const std::string& loss : kLosses) {
    for (int kind = 0; kind < 6; ++kind) {
      CAPTURE(loss);
      CAPTURE(kind);
      LassoProblem p = lasso_problem(loss, 40, 60, 3);
      p.problem.fit_intercept = kind != 1;
      if (kind == 2 || kind == 5) p.problem.l1 = 0.01;
      if (kind == 3 || kind == 5) p.problem.l2 = 0.02;
      if (kind >= 4) p.problem.positive = true;
      if (kind == 5) p.problem.offset = 0.3 * test::gaussian(40, p.loss->n_targets(), 8);
      check_path(p);
    }
  }
}

TEST_CASE("lasso: many targets share their groups") {
  for (const std::string loss : {"squared", "huber"}) {
    LassoProblem p(test::gaussian(30, 25, 1), test::mixed_groups(25),
                   make_loss(loss, test::gaussian(30, 4, 2), test::lasso_weights(30, 3)));
    check_path(p);
  }
}

TEST_CASE("lasso: orthonormal columns have a closed form") {
  const Vector y{{1.5, -0.3, 0.8, -2.0, 0.1, 0.4}};
  LassoProblem p(Matrix::Identity(6, 6), {{0, 1, 2, 3, 4, 5}, {0, 2, 5, 6}},
                 make_loss("squared", y, Vector::Ones(6)));
  p.problem.fit_intercept = false;
  p.problem.group_weights.setOnes();
  for (const double alpha : {0.2, 1.0, 2.5}) {
    const Matrix W = p.coefficients(p.solve({alpha}, 1e-13)[0]);
    for (Index g = 0; g < 3; ++g) {
      const Vector target = p.block(y, g).col(0);
      const Vector expected = std::max(0.0, 1.0 - alpha / target.norm()) * target;
      CHECK((p.block(W, g) - expected).norm() <= 1e-10);
    }
  }
}

TEST_CASE("lasso: zero, constant and duplicate columns, a zero in front of a group") {
  for (const std::string& loss : kLosses) {
    CAPTURE(loss);
    Matrix X = test::gaussian(30, 40, 5);
    X.leftCols(4).setZero();  // a whole group and parts of others
    X.col(39).setZero();
    X.col(36).setZero();
    X.col(20).setConstant(2.0);
    X.middleCols(24, 6) = X.middleCols(10, 6);
    LassoProblem p(X, test::mixed_groups(40),
                   make_loss(loss, test::targets_for(loss, 30, 6), test::lasso_weights(30, 7)));
    check_path(p);
  }
}

TEST_CASE("lasso: more columns in the solution than samples") {
  for (const std::string loss : {"squared", "logistic"}) {
    LassoProblem p = lasso_problem(loss, 25, 400, 11);
    const double alpha = 0.02 * lasso::alpha_max(p.problem, {});
    const lasso::Solution solution = p.solve({alpha}, 1e-10)[0];
    CHECK(solution.status == Status::converged);
    CHECK(solution.columns.size() > 25);
    check_certificate(p, solution, alpha);
  }
}

TEST_CASE("lasso: separable data and hardly any penalty end with a status") {
  Matrix X = test::gaussian(40, 6, 2);
  const Matrix y = X.col(0).unaryExpr([](double t) { return t > 0.0 ? 1.0 : -1.0; });
  LassoProblem p(X, test::mixed_groups(6), make_loss("logistic", y, Vector::Ones(40) / 40));
  const double largest = lasso::alpha_max(p.problem, {});
  for (const double share : {1e-4, 1e-8, 0.0}) {
    const lasso::Solution solution = p.solve({share * largest}, 1e-6)[0];
    check_certificate(p, solution, share * largest);
    CHECK((solution.status == Status::converged) == (solution.relative_gap <= 1e-6));
  }
}

TEST_CASE("lasso: a group without a penalty, made certain by the ridge part") {
  LassoProblem p = lasso_problem("squared", 30, 20, 4);
  const double alpha = 10.0 * lasso::alpha_max(p.problem, {});
  p.problem.group_weights(2) = 0.0;
  p.problem.l2 = 0.1;
  CHECK(lasso::alpha_max(p.problem, {}) == std::numeric_limits<double>::infinity());
  const lasso::Solution solution = p.solve({alpha}, 1e-9)[0];
  CHECK(solution.status == Status::converged);
  CHECK(static_cast<Index>(solution.columns.size()) == p.design->groups().size(2));
  check_certificate(p, solution, alpha);
}

TEST_CASE("lasso: the best intercept alone fits constant targets") {
  LassoProblem p(test::gaussian(20, 8, 1), test::mixed_groups(8),
                 make_loss("squared", Matrix::Constant(20, 1, 5.0), Vector::Ones(20) / 20));
  const lasso::Solution solution = p.solve({1e-3}, 1e-6)[0];
  CHECK(solution.status == Status::converged);
  CHECK(solution.columns.empty());
  CHECK(solution.intercept(0) == doctest::Approx(5.0));
}

TEST_CASE("lasso: the number of threads does not change a bit") {
  for (const std::string loss : {"squared", "logistic"}) {
    LassoProblem p = lasso_problem(loss, 300, 3000, 9);
    const double largest = lasso::alpha_max(p.problem, {});
    const std::vector<double> alphas{0.5 * largest,  0.45 * largest, 0.4 * largest,
                                     0.36 * largest, 0.33 * largest, 0.3 * largest};
    const auto one = p.solve(alphas, 1e-7, 1);
    const auto two = p.solve(alphas, 1e-7, 2);
    for (std::size_t a = 0; a < alphas.size(); ++a) {
      CHECK(one[a].columns == two[a].columns);
      CHECK(one[a].values == two[a].values);
      CHECK(one[a].dual == two[a].dual);
      check_certificate(p, one[a], alphas[a]);
    }
  }
}

TEST_CASE("lasso: long paths keep their certificates") {
  LassoProblem p = lasso_problem("squared", 60, 500, 10);
  const double largest = lasso::alpha_max(p.problem, {});
  std::vector<double> alphas;
  for (int a = 0; a < 60; ++a) alphas.push_back(largest * std::pow(0.93, a));
  const auto solutions = p.solve(alphas, 1e-7);
  for (std::size_t a = 0; a < alphas.size(); ++a) {
    CHECK(solutions[a].status == Status::converged);
    check_certificate(p, solutions[a], alphas[a]);
  }
}

TEST_CASE("lasso: a start, limits and the poll") {
  LassoProblem p = lasso_problem("logistic", 60, 200, 12);
  const double alpha = 0.1 * lasso::alpha_max(p.problem, {});
  const lasso::Solution solution = p.solve({alpha}, 1e-8)[0];
  const lasso::Start start{solution.columns, solution.values, solution.intercept};
  lasso::Options options;
  options.tol = 1e-8;
  options.max_iter = 1;
  options.max_seconds = 0.0;
  const lasso::Solution again =
      lasso::solve_group_lasso(p.problem, {alpha}, options, &start, {})[0];
  CHECK(again.objective == doctest::Approx(solution.objective).epsilon(1e-12));
  const lasso::Solution cut = lasso::solve_group_lasso(p.problem, {alpha}, options, nullptr, {})[0];
  CHECK(cut.status == Status::time_limit);
  check_certificate(p, cut, alpha);
  const Execution stopped{1, [] { return true; }};
  options.max_seconds = std::numeric_limits<double>::infinity();
  options.on_progress = [](const lasso::Progress&) -> bool { throw std::runtime_error("stop"); };
  CHECK_THROWS_AS(lasso::solve_group_lasso(p.problem, {alpha}, options, nullptr, {}),
                  std::runtime_error);
  int n_calls = 0;
  options.tol = 1e-14;
  options.max_iter = 1000;
  options.on_progress = [&](const lasso::Progress&) { return ++n_calls == 1; };
  for (const lasso::Solution& early :
       lasso::solve_group_lasso(p.problem, {alpha, 0.5 * alpha}, options, nullptr, {})) {
    CHECK(early.status == Status::stopped);
  }
  CHECK(n_calls == 1);
}

}  // namespace
}  // namespace cvxnn
