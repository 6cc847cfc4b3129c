// Programs of branches of three layers: certificates, feasibility, prices, threads.
#include "cvxnn/nested_program.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "cvxnn/witness.hpp"
#include "hessian.hpp"
#include "problem.hpp"

namespace cvxnn {
namespace {

using test::gaussian;
using test::random_loss;

void append(Cells& cells, const Vector& outputs) {
  const std::size_t first = cells.bits.size();
  cells.bits.resize(first + static_cast<std::size_t>(words_for(outputs.size())), 0);
  for (Index k = 0; k < outputs.size(); ++k) {
    if (outputs(k) > 0.0) cells.bits[first + static_cast<std::size_t>(k / 64)] |= Word{1} << k % 64;
  }
}

// The cells of random branches, and these branches, which are inside.
struct Branches {
  NestedCells cells;
  Matrix points;

  Branches(const Matrix& X, Index count, Index parts) {
    cells.parts = parts;
    cells.first.n_hyperplanes = cells.second.n_hyperplanes = X.rows();
    points.resize(count, parts * X.cols());
    Index found = 0;
    for (std::uint64_t seed = 0; found < count; ++seed) {
      const Matrix U = gaussian(X.cols(), parts, 1000 + seed);
      Vector g = Vector::Zero(X.rows());
      for (Index j = 0; j < parts; ++j) {
        const double sign = (seed + static_cast<std::uint64_t>(j)) % 3 == 0 ? -1.0 : 1.0;
        g += sign * (X * U.col(j)).cwiseMax(0.0);
      }
      if (!(g.array() > 0.0).any()) continue;
      for (Index j = 0; j < parts; ++j) {
        append(cells.first, X * U.col(j));
        cells.members.push_back(found * parts + j);
        cells.signs.push_back((seed + static_cast<std::uint64_t>(j)) % 3 == 0 ? -1.0 : 1.0);
      }
      append(cells.second, g);
      points.row(found++) = U.reshaped().transpose() / U.norm();
    }
  }

  // (sum_j s_j (X u_j)_+)_+.
  Vector outputs(const Matrix& X, Index cell, const Vector& u) const {
    Vector g = Vector::Zero(X.rows());
    const Index d = X.cols();
    for (Index j = 0; j < cells.parts; ++j) {
      g += cells.signs[cell * cells.parts + j] * (X * u.segment(j * d, d)).cwiseMax(0.0);
    }
    return g.cwiseMax(0.0);
  }
};

double norm_of(const NestedProgram& program, const Vector& u) {
  const Index parts = program.separate_norms ? program.cells->parts : 1;
  return u.reshaped(u.size() / parts, parts).colwise().norm().sum();
}

Solution solve(const NestedProgram& program, const Loss& loss, const Matrix& interiors,
               int n_threads = 1) {
  SolverOptions options;
  options.tol = 1e-7;
  return solve_nested_program(program, loss, interiors, options, {n_threads, {}});
}

TEST_CASE("optima are proved, in their cones and the networks' own") {
  const Matrix X = gaussian(12, 3, 1);
  const Branches branches(X, 30, 2);
  const Matrix interiors = nested_interiors(X, branches.cells, {});
  for (const std::string name : {"squared", "logistic", "multinomial"}) {
    for (const bool separate : {false, true}) {
      CAPTURE(name);
      CAPTURE(separate);
      const auto loss = random_loss(name, 12, 7);
      const NestedProgram program{&X, &branches.cells, 0.3, separate, loss->n_targets()};
      const Solution solution = solve(program, *loss, interiors);
      CHECK(solution.status == Status::converged);
      Vector f = Vector::Zero(loss->size());
      double norms = 0.0;
      for (const Block& block : solution.blocks) {
        f.segment(12 * program.target_of(block.id), 12) +=
            program.sign_of(block.id) * branches.outputs(X, program.cell_of(block.id), block.u);
        norms += norm_of(program, block.u);
      }
      CHECK(solution.objective == doctest::Approx(loss->value(f) + 0.3 * norms).epsilon(1e-10));
      CHECK(solution.objective <= solution.lower_bound * (1.0 + 1e-6));
      CHECK(loss->dual_value(solution.dual) ==
            doctest::Approx(solution.lower_bound).epsilon(1e-12));
      const std::vector<double> supports = price_nested(program, solution.dual, {});
      CHECK(*std::max_element(supports.begin(), supports.end()) <= 0.3 * (1.0 + 1e-6));
    }
  }
}

TEST_CASE("prices are above what any point of a cell gains") {
  const Matrix X = gaussian(10, 2, 2);
  const Branches branches(X, 20, 3);
  const Vector v = gaussian(10, 1, 3).col(0);
  for (const bool separate : {false, true}) {
    CAPTURE(separate);
    const NestedProgram program{&X, &branches.cells, 1e-3, separate, 1};
    const std::vector<double> supports = price_nested(program, v, {});
    double closest = 0.0;
    for (Index cell = 0; cell < branches.cells.size(); ++cell) {
      for (Index i = 0; i < 2; ++i) {
        const double sign = i == 0 ? 1.0 : -1.0;
        const double support = supports[static_cast<std::size_t>(2 * cell + i)];
        Vector u = branches.points.row(cell).transpose();
        for (std::uint64_t step = 0; step < 400; ++step) {
          // a walk that stays where the outputs are linear, towards larger gains
          const Vector moved = u + 0.3 * gaussian(u.size(), 1, 50 + step).col(0) * u.norm() /
                                       (1.0 + static_cast<double>(step % 20));
          const auto gain = [&](const Vector& at) {
            return -sign * v.dot(branches.outputs(X, cell, at)) / norm_of(program, at);
          };
          const Vector g = branches.outputs(X, cell, moved);
          Cells second;
          second.n_hyperplanes = 10;
          append(second, g);
          bool inside = second.bits[0] == branches.cells.second.pattern(cell)[0];
          for (Index j = 0; j < 3; ++j) {
            Cells first;
            first.n_hyperplanes = 10;
            append(first, X * moved.segment(2 * j, 2));
            inside = inside && first.bits[0] == branches.cells.first.pattern(
                                                    branches.cells.members[3 * cell + j])[0];
          }
          if (!inside) continue;
          CHECK(gain(moved) <= support + 1e-12);
          if (gain(moved) > gain(u)) u = moved;
          closest = std::max(closest, gain(u) / support);
        }
      }
    }
    CHECK(closest > 0.9);
  }
}

TEST_CASE("single neurons make the program of two layers") {
  test::Problem flat = test::exact_problem("squared", true, 9, 2, 4);
  flat.program.beta = 0.2;
  NestedCells cells;
  cells.first = cells.second = flat.cells;
  for (Index i = 0; i < flat.cells.size(); ++i) {
    cells.members.push_back(i);
    cells.signs.push_back(1.0);
  }
  const NestedProgram program{&flat.X, &cells, 0.2, false, 1};
  const Matrix interiors = find_witnesses(flat.X, flat.cells, {});
  const Solution nested = solve(program, *flat.loss, interiors);
  CHECK(nested.objective == doctest::Approx(flat.solve(1e-9).objective).epsilon(1e-6));
}

TEST_CASE("the number of threads changes nothing") {
  const Matrix X = gaussian(70, 3, 5);
  const Branches branches(X, 60, 2);
  const auto loss = random_loss("squared", 70, 7);
  const NestedProgram program{&X, &branches.cells, 1.0, true, 1};
  const Matrix interiors = nested_interiors(X, branches.cells, {3, {}});
  CHECK(interiors == nested_interiors(X, branches.cells, {}));
  const Solution one = solve(program, *loss, interiors, 1);
  const Solution three = solve(program, *loss, interiors, 3);
  CHECK(one.objective == three.objective);
  CHECK(one.dual == three.dual);
}

TEST_CASE("rows of zeros and opposite rows do no harm") {
  Matrix X = gaussian(8, 2, 6);
  X.row(3).setZero();
  X.row(5) = -2.0 * X.row(4);
  const Branches branches(X, 15, 2);
  const Matrix interiors = nested_interiors(X, branches.cells, {});
  CHECK(interiors.rowwise().norm().minCoeff() > 0.5);
  const auto loss = random_loss("squared", 8, 7);
  const Solution solution = solve({&X, &branches.cells, 0.1, true, 1}, *loss, interiors);
  CHECK(solution.status == Status::converged);
}

TEST_CASE("rooted columns have the products of the Hessian") {
  const auto loss = random_loss("multinomial", 6, 7);
  const Hessian hessian = loss->hessian(gaussian(18, 1, 8).col(0));
  OutputColumns columns{gaussian(6, 7, 9), {0, 2, 5, 7}};
  Matrix gram = lower_gram(columns, hessian, {});
  const Matrix rooted = rooted_columns(columns, hessian);
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  CHECK((rooted.transpose() * rooted - gram).norm() <= 1e-13 * gram.norm());
}

}  // namespace
}  // namespace cvxnn
