// What the bindings of iterative solvers share: losses by name, options, progress.
#pragma once

#include <optional>

#include "convert.hpp"
#include "cvxnn/cone_program.hpp"

namespace cvxnn::python {

inline py::dict to_dict(const Progress& progress) {
  using namespace py::literals;
  return py::dict("round"_a = progress.round, "seconds"_a = progress.seconds,
                  "objective"_a = progress.objective, "lower_bound"_a = progress.lower_bound,
                  "n_neurons"_a = progress.n_active);
}

// Non-zero blocks as arrays, the dual vector with a column for each target.
template <class AnyProgram>
py::dict solution_dict(const AnyProgram& program, const Solution& solution) {
  using namespace py::literals;
  const Index m = static_cast<Index>(solution.blocks.size());
  Matrix weights(m, program.width());
  Vector signs(m);
  std::vector<Index> cells;
  std::vector<Index> targets;
  for (Index j = 0; j < m; ++j) {
    const Block& block = solution.blocks[j];
    weights.row(j) = block.u.transpose();
    signs(j) = program.sign_of(block.id);
    cells.push_back(program.cell_of(block.id));
    targets.push_back(program.target_of(block.id));
  }
  const Matrix dual = solution.dual.reshaped(program.n_samples(), program.n_targets);
  py::list history;
  for (const Progress& progress : solution.history) history.append(to_dict(progress));
  return py::dict("status"_a = name_of(solution.status), "weights"_a = weights, "signs"_a = signs,
                  "cells"_a = cells, "targets"_a = targets, "objective"_a = solution.objective,
                  "lower_bound"_a = solution.lower_bound, "dual"_a = dual, "history"_a = history);
}

inline std::unique_ptr<Loss> to_loss(const std::string& name, const MatrixView& y,
                                     const VectorView& sample_weight, double delta,
                                     bool free_offset) {
  auto loss = make_loss(name, y, sample_weight, delta);
  return free_offset ? profiled(std::move(loss)) : std::move(loss);
}

using OnRound = std::optional<std::function<bool(py::dict)>>;

inline SolverOptions to_options(double tol, int max_rounds, double max_seconds,
                                const OnRound& on_round) {
  SolverOptions options;
  options.tol = tol;
  options.max_rounds = max_rounds;
  options.max_seconds = max_seconds;
  if (on_round) {
    options.on_round = [&](const Progress& progress) {
      const py::gil_scoped_acquire gil;
      return (*on_round)(to_dict(progress));
    };
  }
  return options;
}

}  // namespace cvxnn::python
