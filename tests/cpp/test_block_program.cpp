// Programs of blocks given as matrices, and neurons that several outputs share.
#include "cvxnn/block_program.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "cvxnn/joint_peaks.hpp"
#include "hessian.hpp"
#include "problem.hpp"

namespace cvxnn {
namespace {

using test::exact_problem;
using test::gaussian;
using test::random_loss;

// A program over cells, its columns written out; blocks reach all targets, with zeros elsewhere.
BlockProgram listed(const test::Problem& problem) {
  const Program& program = problem.program;
  const Index n = problem.X.rows();
  BlockProgram blocks;
  blocks.beta = program.beta;
  blocks.n_targets = program.n_targets;
  for (Index b = 0; b < program.n_blocks(); ++b) {
    ListedBlock block;
    block.outputs = Matrix::Zero(n * program.n_targets, program.width());
    block.outputs.middleRows(n * program.target_of(b), n) =
        program.sign_of(b) * program.design.columns(program.cell_of(b), 0, n);
    block.cone = problem.X;
    const Word* pattern = problem.cells.pattern(program.cell_of(b));
    for (Index k = 0; k < n; ++k) {
      if (!get_bit(pattern, k)) block.cone.row(k) *= -1.0;
    }
    blocks.blocks.push_back(std::move(block));
  }
  return blocks;
}

TEST_CASE("blocks written out have the optimum of their cells") {
  for (const std::string name : {"squared", "logistic", "multinomial"}) {
    CAPTURE(name);
    test::Problem problem = exact_problem(name, true, 9, 2, 4);
    problem.program.beta = 0.1 * problem.beta_max();
    const BlockProgram blocks = listed(problem);
    const Matrix interiors = block_interiors(blocks, {});
    SolverOptions options;
    options.tol = 1e-8;
    const Solution solution = solve_block_program(blocks, *problem.loss, interiors, options, {});
    CHECK(solution.status == Status::converged);
    const Solution expected = problem.solve(1e-8);
    CHECK(solution.objective == doctest::Approx(expected.objective).epsilon(1e-7));
    CHECK(solution.lower_bound == doctest::Approx(expected.objective).epsilon(1e-7));
    const std::vector<double> supports = price_blocks(blocks, 2.0 * solution.dual, {});
    const double priced = price_blocks(problem.program, 2.0 * solution.dual, {}).max_support;
    CHECK(*std::max_element(supports.begin(), supports.end()) ==
          doctest::Approx(priced).epsilon(1e-9));
    const Solution threaded =
        solve_block_program(blocks, *problem.loss, interiors, options, {3, {}});
    CHECK(threaded.objective == solution.objective);
    CHECK(threaded.dual == solution.dual);
  }
}

TEST_CASE("columns that reach all targets have the products of the Hessian") {
  for (const std::string name : {"squared", "multinomial"}) {
    for (const bool free_offset : {false, true}) {
      CAPTURE(name);
      CAPTURE(free_offset);
      auto loss = random_loss(name, 8, 3);
      if (free_offset) loss = profiled(std::move(loss));
      const Vector f = gaussian(loss->size(), 1, 5).col(0);
      const Hessian H = loss->hessian(f);
      const Matrix A = gaussian(loss->size(), 6, 6);
      Matrix expected(6, 6);
      for (Index j = 0; j < 6; ++j) expected.col(j) = A.transpose() * H.apply(A.col(j));
      const Matrix gram = lower_gram({A, {0, 6}}, H, {});
      const Matrix lower = gram.triangularView<Eigen::Lower>();
      const Matrix wanted = expected.triangularView<Eigen::Lower>();
      CHECK((lower - wanted).norm() <= 1e-12 * wanted.norm());
    }
  }
}

TEST_CASE("joint peaks are attained in their cells, and are as high as outputs allow") {
  const Matrix X = gaussian(20, 3, 7);
  const Matrix V = gaussian(20, 3, 8);
  const Cells cells = enumerate_cells(Arrangement(X), {}, {});
  const MaskedOperator design{&X, &cells};
  const std::vector<JointPeak> peaks = joint_peaks(design, V, Matrix(3, 0), 0.0, {});
  double highest = 0.0;
  for (const JointPeak& peak : peaks) {
    CHECK(peak.u.norm() == doctest::Approx(1.0));
    CHECK(peak.g.norm() == doctest::Approx(1.0));
    Vector outputs = X * peak.u;
    for (Index k = 0; k < 20; ++k) {
      CHECK((get_bit(cells.pattern(peak.cell), k) ? 1.0 : -1.0) * outputs(k) >= -1e-12);
    }
    outputs = outputs.cwiseMax(0.0);
    CHECK((V * peak.g).dot(outputs) == doctest::Approx(peak.value).epsilon(1e-9));
    CHECK((V.transpose() * outputs).norm() == doctest::Approx(peak.value).epsilon(1e-9));
    highest = std::max(highest, peak.value);
  }
  double sampled = 0.0;
  const Matrix U = gaussian(3, 20000, 9);
  for (Index j = 0; j < U.cols(); ++j) {
    const Vector outputs = (X * U.col(j)).cwiseMax(0.0) / U.col(j).norm();
    sampled = std::max(sampled, (V.transpose() * outputs).norm());
  }
  CHECK(sampled <= highest);
  CHECK(highest <= 1.01 * sampled);
  const std::vector<JointPeak> threaded = joint_peaks(design, V, Matrix(3, 0), 0.0, {3, {}});
  REQUIRE(threaded.size() == peaks.size());
  for (std::size_t i = 0; i < peaks.size(); ++i) CHECK(threaded[i].u == peaks[i].u);
  CHECK(joint_peaks(design, V, Matrix(3, 0), 1.001 * highest, {}).empty());
}

}  // namespace
}  // namespace cvxnn
