// Training over all cells without a list of them, against the program over the list.
#include "cvxnn/column_generation.hpp"

#include <doctest/doctest.h>

#include "problem.hpp"

namespace cvxnn {
namespace {

double objective_of(const Matrix& X, const Loss& loss, double beta,
                    const GlobalSolution& solution) {
  const Program program = solution.program(X, beta);
  Vector f = Vector::Zero(loss.size());
  double norms = 0.0;
  for (const Block& block : solution.blocks) {
    // as a network: the pattern must be the neuron's own
    program.part(f, program.target_of(block.id)) +=
        program.sign_of(block.id) * (X * block.u).cwiseMax(0.0);
    norms += block.u.norm();
  }
  return loss.value(f) + beta * norms;
}

TEST_CASE("column generation: the optimum over all cells") {
  for (const std::string name : {"squared", "logistic", "multinomial"}) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      const Index d = 1 + static_cast<Index>(seed % 4);
      const Index n = 5 + static_cast<Index>(seed) * 2;
      const Matrix X = seed % 3 == 0 ? test::integers(n, d, 2, seed) : test::gaussian(n, d, seed);
      test::Problem listed(X, enumerate_cells(Arrangement(X), {}, {}),
                           test::random_loss(name, n, seed + 50), true);
      for (const double share : {0.5, 0.1, 0.01}) {
        listed.program.beta = share * listed.beta_max();
        const Solution expected = listed.solve(1e-9);
        SolverOptions options;
        options.tol = 1e-8;
        const GlobalSolution solution =
            solve_over_all_cells(X, *listed.loss, listed.program.beta, options, {});
        CAPTURE(seed);
        CAPTURE(share);
        CHECK(solution.status == Status::converged);
        CHECK(solution.objective == doctest::Approx(expected.objective).epsilon(1e-7));
        CHECK(solution.lower_bound <= expected.objective * (1.0 + 1e-12));
        CHECK(solution.lower_bound >= expected.objective * (1.0 - 2e-8));
        CHECK(objective_of(X, *listed.loss, listed.program.beta, solution) ==
              doctest::Approx(solution.objective).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("column generation: nothing to train at a large beta") {
  const Matrix X = test::gaussian(20, 3, 1);
  const auto loss = test::random_loss("squared", 20, 2);
  const GlobalSolution solution = solve_over_all_cells(X, *loss, 1e6, {}, {});
  CHECK(solution.status == Status::converged);
  CHECK(solution.blocks.empty());
  CHECK(solution.objective == loss->value(Vector::Zero(20)));
  CHECK(solution.lower_bound == doctest::Approx(solution.objective).epsilon(1e-12));
}

TEST_CASE("column generation: the number of threads does not change a bit") {
  const Matrix X = test::gaussian(500, 3, 3);
  const auto loss = test::random_loss("logistic", 500, 4);
  SolverOptions options;
  options.tol = 1e-5;
  const GlobalSolution one = solve_over_all_cells(X, *loss, 2.0, options, {1, {}});
  const GlobalSolution three = solve_over_all_cells(X, *loss, 2.0, options, {3, {}});
  CHECK(one.status == Status::converged);
  CHECK(one.objective == three.objective);
  CHECK(one.dual == three.dual);
  REQUIRE(one.blocks.size() == three.blocks.size());
  for (std::size_t i = 0; i < one.blocks.size(); ++i) CHECK(one.blocks[i].u == three.blocks[i].u);
}

TEST_CASE("column generation: from the solution for another beta") {
  const Matrix X = test::gaussian(60, 3, 6);
  const auto loss = test::random_loss("squared", 60, 7);
  const GlobalSolution before = solve_over_all_cells(X, *loss, 1.0, {}, {});
  const GlobalSolution plain = solve_over_all_cells(X, *loss, 0.8, {}, {});
  const GlobalSolution started = solve_over_all_cells(X, *loss, 0.8, {}, {}, &before);
  CHECK(started.status == Status::converged);
  CHECK(started.objective == doctest::Approx(plain.objective).epsilon(1e-6));
  CHECK(started.history.size() < plain.history.size());
}

TEST_CASE("column generation: the least norm that interpolates") {
  for (const Index d : {2, 3, 9}) {
    const Matrix X = test::gaussian(12, d, 8);
    const Matrix y = test::gaussian(12, 1, 9);
    const auto loss = make_loss("interpolation", y, Vector::Ones(12));
    const GlobalSolution solution = d < 9 ? solve_over_all_cells(X, *loss, 2.0, {}, {})
                                          : search_over_all_cells(X, *loss, 2.0, {}, {});
    CAPTURE(d);
    const double objective = objective_of(X, *loss, 2.0, solution);  // infinite if f is not y
    CHECK(objective == doctest::Approx(solution.objective).epsilon(1e-9));
    if (d == 9) continue;
    CHECK(solution.status == Status::converged);
    CHECK(solution.lower_bound >= objective * (1.0 - 1e-6));
    // the limit of the squared loss with a large weight
    const auto close = make_loss("squared", y, Vector::Constant(12, 1e5));
    const double below = solve_over_all_cells(X, *close, 2.0, {}, {}).objective;
    CHECK(below <= objective);
    CHECK(below >= 0.99 * objective);
  }
}

TEST_CASE("column generation: out of time, with an honest bound") {
  const Matrix X = test::gaussian(300, 4, 5);
  const auto loss = test::random_loss("squared", 300, 6);
  SolverOptions options;
  options.max_seconds = 0.0;
  const GlobalSolution solution = solve_over_all_cells(X, *loss, 1.0, options, {});
  CHECK(solution.status == Status::time_limit);
  CHECK(solution.lower_bound < solution.objective);
  CHECK(solution.lower_bound >= 0.0);
}

}  // namespace
}  // namespace cvxnn
