// Training over all cells by local search, and the pieces it is made of.
#include <doctest/doctest.h>

#include <Eigen/Cholesky>

#include "cvxnn/column_generation.hpp"
#include "lbfgs.hpp"
#include "local_search.hpp"
#include "network_descent.hpp"
#include "problem.hpp"
#include "tiled_algebra.hpp"

namespace cvxnn {
namespace {

double objective_of(const Matrix& X, const Loss& loss, double beta, const Neurons& neurons) {
  const Vector f = (X * neurons.u).cwiseMax(0.0) * neurons.signs;
  return loss.value(f) + beta * neurons.u.colwise().norm().sum();
}

Neurons small_neurons(const Matrix& X, Index width) {
  Neurons neurons(X.cols(), width);
  neurons.u = 0.1 * random_directions(X, width, 7);
  for (Index j = 1; j < width; j += 2) neurons.signs(j) = -1.0;
  return neurons;
}

TEST_CASE("L-BFGS: a quadratic function, and one with a kink") {
  const Matrix A = test::gaussian(30, 8, 1);
  const Matrix H = A.transpose() * A;
  const Vector b = test::gaussian(8, 1, 2);
  const auto quadratic = [&](const Vector& x) {
    return DescentPoint{x, 0.5 * x.dot(H * x) - b.dot(x), H * x - b};
  };
  const auto never = [] { return false; };
  const DescentPoint found = minimise(quadratic(Vector::Zero(8)), 200, 0.0, quadratic, never);
  CHECK((found.x - H.ldlt().solve(b)).norm() < 1e-7 * found.x.norm());
  const auto kink = [](const Vector& x) {
    DescentPoint point{x, std::abs(x(0)) + x.squaredNorm(), 2.0 * x};
    point.gradient(0) += x(0) > 0.0 ? 1.0 : -1.0;
    return point;
  };
  const DescentPoint bottom = minimise(kink(Vector::Constant(3, 1.0)), 200, 0.0, kink, never);
  CHECK(bottom.value < 1e-4);
  CHECK(minimise(quadratic(b), 200, 0.0, quadratic, [] { return true; }).x == b);
}

TEST_CASE("descent: down to a stationary point, the same for any number of threads") {
  for (const std::string name : {"squared", "logistic"}) {
    const Matrix X = test::gaussian(700, 6, 3);
    const auto loss = test::random_loss(name, 700, 4);
    const Neurons start = small_neurons(X, 12);
    const Neurons end = descend(X, *loss, 2.0, start, 500, 1e-10, {}, {});
    const double reached = objective_of(X, *loss, 2.0, end);
    CHECK(reached < 0.99 * objective_of(X, *loss, 2.0, start));
    // no change of size of a neuron helps
    for (Index j = 0; j < 12; ++j) {
      for (const double factor : {0.99, 1.01}) {
        Neurons other = end;
        other.u.col(j) *= factor;
        CHECK(objective_of(X, *loss, 2.0, other) > reached * (1.0 - 1e-4));
      }
    }
    const Neurons threads = descend(X, *loss, 2.0, start, 500, 1e-10, {}, {3, {}});
    CHECK(threads.u == end.u);
    CHECK(threads.signs == end.signs);
  }
}

TEST_CASE("descent: the optimum of one neuron that is active on all samples") {
  const Matrix X = test::gaussian(40, 3, 1).cwiseAbs();
  const Vector u = Vector::Constant(3, 2.0);
  const SquaredLoss loss(X * u, Vector::Ones(40));
  Neurons start(3, 1);
  start.u.setConstant(0.5);
  const Vector end = descend(X, loss, 3.0, start, 500, 0.0, {}, {}).u.col(0);
  CHECK((X * end).minCoeff() > 0.0);
  const Vector slope = X.transpose() * (X * (end - u)) + 3.0 * end.normalized();
  CHECK(slope.norm() < 1e-5);
}

TEST_CASE("local maxima: distinct, above the floor, none is lower than its start") {
  const Matrix X = test::gaussian(60, 5, 1);
  const Vector v = test::gaussian(60, 1, 2);
  const Matrix directions = random_directions(X, 40, 3);
  std::vector<Peak> starts;
  double highest = 0.0;
  for (Index i = 0; i < 40; ++i) {
    starts.push_back({directions.col(i), 0.0, i % 2 == 0 ? 1 : -1});
    highest = std::max(highest, starts.back().sign * v.dot((X * directions.col(i)).cwiseMax(0.0)));
  }
  const auto peaks = distinct_maxima(X, v, starts, {0.5 * highest, 10, 40}, {});
  REQUIRE(!peaks.empty());
  CHECK(peaks.size() <= 10);
  CHECK(peaks.front().value >= highest);
  for (const Peak& peak : peaks) {
    CHECK(peak.value > 0.5 * highest);
    CHECK(peak.u.norm() == doctest::Approx(1.0));
    CHECK(peak.value == doctest::Approx(peak.sign * v.dot((X * peak.u).cwiseMax(0.0))));
  }
  CHECK(distinct_maxima(X, v, {}, {}, {}).empty());
}

TEST_CASE("random directions: samples on both sides, whatever the units and the means") {
  Matrix X = test::gaussian(200, 4, 5);
  X.col(0) = 1e6 * X.col(0).array() + 1e8;
  X.col(3).setOnes();
  const Matrix directions = random_directions(X, 50, 1);
  Index balanced = 0;
  for (Index i = 0; i < 50; ++i) {
    const Index above = ((X * directions.col(i)).array() > 0.0).count();
    balanced += above > 10 && above < 190 ? 1 : 0;
  }
  CHECK(balanced > 25);
  CHECK(random_directions(Matrix::Zero(3, 2), 4, 0).allFinite());
}

TEST_CASE("search: never below the optimum over all cells, and close to it") {
  for (const std::string name : {"squared", "logistic", "multinomial"}) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const Index d = 1 + static_cast<Index>(seed % 4);
      const Index n = 10 + static_cast<Index>(seed) * 6;
      const Matrix X = seed % 3 == 0 ? test::integers(n, d, 2, seed) : test::gaussian(n, d, seed);
      const auto loss = test::random_loss(name, n, seed + 50);
      const GlobalSolution nothing = solve_over_all_cells(X, *loss, 1e6, {}, {});
      const double beta = 0.1 * test::Problem(X, enumerate_cells(Arrangement(X), {}, {}),
                                              test::random_loss(name, n, seed + 50), true)
                                    .beta_max();
      const GlobalSolution expected = solve_over_all_cells(X, *loss, beta, {}, {});
      const GlobalSolution found = search_over_all_cells(X, *loss, beta, {}, {});
      CAPTURE(seed);
      CHECK(found.objective >= expected.lower_bound);
      CHECK(found.objective <= expected.objective * (1.0 + 1e-3));
      CHECK(found.objective < nothing.objective);
      CHECK(found.lower_bound == loss->infimum());
      const GlobalSolution threads = search_over_all_cells(X, *loss, beta, {}, {2, {}});
      CHECK(threads.objective == found.objective);
    }
  }
}

TEST_CASE("search: time limits and interrupts") {
  const Matrix X = test::gaussian(300, 12, 1);
  const auto loss = test::random_loss("squared", 300, 2);
  SearchOptions options;
  options.max_seconds = 0.0;
  const GlobalSolution stopped = search_over_all_cells(X, *loss, 0.5, options, {});
  CHECK(stopped.status == Status::time_limit);
  CHECK(stopped.objective >= 0.0);
  CHECK_THROWS_AS(search_over_all_cells(X, *loss, 1e-3, {}, {1, [] { return true; }}), Interrupted);
  CHECK(search_over_all_cells(X, *loss, 1e6, {}, {}).blocks.empty());
}

TEST_CASE("tiles: products and Cholesky factors of any size, the same for any number of threads") {
  for (const Index m : {1, 7, 48, 49, 97, 400}) {
    const Matrix B = test::gaussian(m + 5, m, 3);
    Matrix A = lower_product(B, {});
    const Matrix full = B.transpose() * B;
    CHECK((Matrix(A.triangularView<Eigen::Lower>()) - Matrix(full.triangularView<Eigen::Lower>()))
              .norm() < 1e-12 * full.norm());
    Matrix threads = lower_product(B, {3, {}});
    factorise(A, {});
    factorise(threads, {3, {}});
    const Matrix L = A.triangularView<Eigen::Lower>();
    CHECK((L * L.transpose() - full).norm() < 1e-12 * full.norm());
    CHECK(L == Matrix(threads.triangularView<Eigen::Lower>()));
    Matrix again = full;
    const Vector b = test::gaussian(m, 1, 5);
    CHECK((full * solve_symmetric(again, b, {}) - b).norm() < 1e-4 * b.norm());
  }
}

}  // namespace
}  // namespace cvxnn
