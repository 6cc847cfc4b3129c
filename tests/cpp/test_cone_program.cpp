// The program over cells: certificates, feasibility, optimality, limits.
#include "cvxnn/cone_program.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "problem.hpp"

namespace cvxnn {
namespace {

using test::exact_problem;
using test::Problem;
using test::sampled_problem;

template <class Check>
void for_each_kind(const Check& check) {
  for (const std::string loss : {"squared", "logistic", "multinomial"}) {
    for (const bool cones : {true, false}) {
      CAPTURE(loss);
      CAPTURE(cones);
      check(loss, cones);
    }
  }
}

void check_certificate(const Problem& p, const Solution& solution) {
  CHECK(solution.objective == doctest::Approx(p.objective(solution.blocks)).epsilon(1e-12));
  CHECK(solution.lower_bound <= solution.objective * (1.0 + 1e-14));
  CHECK(p.loss->dual_value(solution.dual) == doctest::Approx(solution.lower_bound).epsilon(1e-14));
  const double beta = p.program.beta;
  CHECK(price_blocks(p.program, solution.dual, {}).max_support <= beta * (1.0 + 1e-9));
  for (const Block& block : solution.blocks) {
    if (!p.program.cones) continue;
    const Word* pattern = p.cells.pattern(p.program.cell_of(block.id));
    const Vector values = p.program.cone_rows * block.u;
    for (Index k = 0; k < values.size(); ++k) {
      const double side = get_bit(pattern, k) ? 1.0 : -1.0;
      CHECK(side * values(k) >= -1e-12 * block.u.norm());
    }
  }
}

void check_no_better_neighbour(const Problem& p, const Solution& solution) {
  const Index d = p.X.cols();
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<Block> blocks = solution.blocks;
    const Index id = static_cast<Index>(seed * 7919) % p.program.n_blocks();
    const double step = std::pow(10.0, -static_cast<double>(seed % 6));
    blocks.push_back({id, step * p.project(id, test::gaussian(d, 1, seed)), {}});
    if (!solution.blocks.empty()) {
      Block& moved = blocks[seed % solution.blocks.size()];
      moved.u = p.project(moved.id, moved.u + step * test::gaussian(d, 1, seed + 500).col(0));
    }
    CHECK(p.objective(blocks) >= solution.lower_bound * (1.0 - 1e-14));
  }
}

TEST_CASE("cone_program: certified solutions of small programs") {
  for_each_kind([](const std::string& loss, bool cones) {
    for (const auto& [n, d] :
         std::vector<std::pair<Index, Index>>{{6, 1}, {10, 2}, {9, 3}, {6, 8}}) {
      for (const double ratio : {0.7, 0.1, 0.01}) {
        CAPTURE(n);
        CAPTURE(ratio);
        Problem p = exact_problem(loss, cones, n, d, 17);
        p.program.beta = ratio * p.beta_max();
        const Solution solution = p.solve(1e-9);
        CHECK(solution.status == Status::converged);
        CHECK_FALSE(solution.blocks.empty());
        CHECK(solution.objective - solution.lower_bound <= 1e-9 * solution.objective);
        check_certificate(p, solution);
        check_no_better_neighbour(p, solution);
      }
    }
  });
}

TEST_CASE("cone_program: closed form for orthonormal rows") {
  const Vector y{{1.5, -0.3, 0.8, -2.0}};
  const Matrix X = Matrix::Identity(4, 4);
  for (const double beta : {0.1, 1.0, 1.8, 3.0}) {
    Problem p{X, enumerate_cells(Arrangement(X), {}, {}), make_loss("squared", y, Vector::Ones(4)),
              true};
    p.program.beta = beta;
    double expected = 0.0;
    for (const double sign : {1.0, -1.0}) {
      const double t = (sign * y).cwiseMax(0.0).norm();
      expected += t <= beta ? 0.5 * t * t : beta * t - 0.5 * beta * beta;
    }
    CHECK(p.solve(1e-10).objective == doctest::Approx(expected).epsilon(1e-9));
  }
}

TEST_CASE("cone_program: cones only raise the optimum") {
  for (const std::string loss : {"squared", "logistic"}) {
    Problem p = exact_problem(loss, true, 8, 3, 5);
    p.program.beta = 0.05 * p.beta_max();
    const Solution constrained = p.solve(1e-9);
    p.program.cones = false;
    CHECK(p.solve(1e-9).lower_bound <= constrained.objective);
  }
}

TEST_CASE("cone_program: zero at and above the largest useful strength") {
  for_each_kind([](const std::string& loss, bool cones) {
    for (const double ratio : {1.0, 1.5}) {
      Problem p = exact_problem(loss, cones, 9, 3, 2);
      p.program.beta = ratio * p.beta_max();
      const Solution solution = p.solve(1e-12);
      CHECK(solution.status == Status::converged);
      CHECK(solution.blocks.empty());
      CHECK(solution.lower_bound == doctest::Approx(solution.objective).epsilon(1e-14));
    }
  });
}

TEST_CASE("cone_program: a tolerance of zero ends at the rounding of the bound") {
  for_each_kind([](const std::string& loss, bool cones) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Problem p = exact_problem(loss, cones, 6, 2, seed);
      p.program.beta = (seed % 2 == 0 ? 1.5 : 0.3) * p.beta_max();
      const Solution solution = p.solve(0.0);
      CHECK(solution.lower_bound == doctest::Approx(solution.objective).epsilon(1e-9));
      check_certificate(p, solution);
    }
  });
}

TEST_CASE("cone_program: weak regularisation converges") {
  for_each_kind([](const std::string& loss, bool cones) {
    Problem p = sampled_problem(loss, cones, 30, 4, 60);
    p.program.beta = 1e-4 * p.beta_max();
    const Solution solution = p.solve(1e-6);
    CHECK(solution.status == Status::converged);
    check_certificate(p, solution);
  });
}

TEST_CASE("cone_program: the number of threads does not change a bit") {
  for_each_kind([](const std::string& loss, bool cones) {
    Problem p = sampled_problem(loss, cones, 400, 4, 60);  // long enough to wake a second thread
    p.program.beta = 0.1 * p.beta_max();
    const Solution one = p.solve(1e-7, 1);
    const Solution two = p.solve(1e-7, 2);
    CHECK(one.objective == two.objective);
    CHECK(one.dual == two.dual);
    CHECK(one.history.size() == two.history.size());
    REQUIRE(one.blocks.size() == two.blocks.size());
    for (std::size_t b = 0; b < one.blocks.size(); ++b) {
      CHECK(one.blocks[b].id == two.blocks[b].id);
      CHECK(one.blocks[b].u == two.blocks[b].u);
    }
  });
}

TEST_CASE("cone_program: limits end a run with a valid bound") {
  Problem p = sampled_problem("squared", true, 40, 4, 100);
  p.program.beta = 0.01 * p.beta_max();
  const double optimum = p.solve(1e-10).objective;

  SolverOptions options;
  options.max_seconds = 0.0;
  Solution stopped = solve_cone_program(p.program, *p.loss, options, {});
  CHECK(stopped.status == Status::time_limit);
  CHECK(stopped.lower_bound <= optimum);
  check_certificate(p, stopped);

  options.max_seconds = std::numeric_limits<double>::infinity();
  options.max_rounds = 1;
  int rounds = 0;
  options.on_round = [&](const Progress& progress) {
    CHECK(progress.round == rounds++);
    CHECK(progress.lower_bound <= optimum * (1.0 + 1e-9));
    CHECK(progress.objective >= optimum * (1.0 - 1e-9));
    return false;
  };
  stopped = solve_cone_program(p.program, *p.loss, options, {});
  CHECK(stopped.status == Status::iteration_limit);
  CHECK(stopped.history.size() == 2);
  CHECK(rounds == 2);
  check_certificate(p, stopped);

  options.on_round = [](const Progress&) { return true; };
  stopped = solve_cone_program(p.program, *p.loss, options, {});
  CHECK(stopped.status == Status::stopped);
  CHECK(stopped.history.size() == 1);
}

TEST_CASE("cone_program: a run that is cut short returns its best point") {
  Matrix X = test::gaussian(33, 3, 16);
  X.col(0).setOnes();
  X.col(1) *= 10.0;
  X.col(2) *= 100.0;
  Cells cells = locate_cells(X, test::gaussian(60, 3, 18), {}).cells;
  sort_unique(cells);
  Problem p{X, cells, test::random_loss("logistic", 33, 19), true};
  p.program.beta = 1e-4 * p.beta_max();
  SolverOptions options;
  for (options.max_rounds = 0; options.max_rounds < 6; ++options.max_rounds) {
    const Solution solution = solve_cone_program(p.program, *p.loss, options, {});
    check_certificate(p, solution);
    double best = solution.objective;
    for (const Progress& progress : solution.history) best = std::min(best, progress.objective);
    CHECK(solution.objective == best);
  }
}

TEST_CASE("cone_program: interrupted by the poll") {
  Problem p = sampled_problem("squared", true, 200, 10, 8000);
  p.program.beta = 1e-3 * p.beta_max();
  for (const int n_threads : {1, 2}) {
    const Execution stopped{n_threads, [] { return true; }};
    CHECK_THROWS_AS(solve_cone_program(p.program, *p.loss, {}, stopped), Interrupted);
  }
}

}  // namespace
}  // namespace cvxnn
