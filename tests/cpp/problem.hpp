// Small training problems with everything that their programs point to.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cvxnn/cone_program.hpp"
#include "cvxnn/enumerate.hpp"
#include "cvxnn/sample.hpp"
#include "data.hpp"

namespace cvxnn::test {

// Pointed to by its own program, so it stays where it was made.
struct Problem {
  Matrix X;
  Cells cells;
  std::unique_ptr<Loss> loss;
  Program program;

  Problem(Matrix data, Cells listed, std::unique_ptr<Loss> data_loss, bool cones)
      : X(std::move(data)), cells(std::move(listed)), loss(std::move(data_loss)) {
    program = {{&X, &cells}, unit_rows(X), 1e-12, cones, loss->n_targets()};
  }
  Problem(const Problem&) = delete;

  // Above this strength the solution is zero.
  double beta_max() const {
    Program weak = program;
    weak.beta = 1e-12;
    return price_blocks(weak, loss->gradient(Vector::Zero(loss->size())), {}).max_support;
  }

  double objective(const std::vector<Block>& blocks) const {
    Vector f = Vector::Zero(loss->size());
    double norms = 0.0;
    for (const Block& block : blocks) {
      program.add_outputs(block.id, block.u, f);
      norms += block.u.norm();
    }
    return loss->value(f) + program.beta * norms;
  }

  Vector project(Index block, const Vector& z) const {
    ConeProjector projector;
    std::vector<Index> tight;
    projector.project(program.cone_of(block), z, tight);
    return projector.point();
  }

  Solution solve(double tol, int n_threads = 1) const {
    SolverOptions options;
    options.tol = tol;
    return solve_cone_program(program, *loss, options, {n_threads, {}});
  }
};

// Over all cells.
inline Problem exact_problem(const std::string& loss, bool cones, Index n, Index d,
                             std::uint64_t seed) {
  const Matrix X = gaussian(n, d, seed);
  return {X, enumerate_cells(Arrangement(X), {}, {}), random_loss(loss, n, seed + 1), cones};
}

// Over cells that random points fall into.
inline Problem sampled_problem(const std::string& loss, bool cones, Index n, Index d,
                               Index n_points) {
  const Matrix X = gaussian(n, d, 1);
  Cells cells = locate_cells(X, gaussian(n_points, d, 2), {}).cells;
  sort_unique(cells);
  return {X, std::move(cells), random_loss(loss, n, 3), cones};
}

}  // namespace cvxnn::test
