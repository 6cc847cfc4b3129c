// The convex program of a network over given cells, and its pricing.
#include "cvxnn/column_generation.hpp"
#include "cvxnn/cone_program.hpp"
#include "solving.hpp"

namespace cvxnn::python {
namespace {

// Owns what a Program points to.
struct Problem {
  Matrix X;
  Cells cells;
  Program program;

  Problem(const MatrixView& X_view, const PackedView& packed, double slope, double beta, bool cones,
          bool both_signs, Index n_targets, Index patches)
      : X(X_view), cells(to_cells(packed, X_view.rows())) {
    if (patches < 1 || X.rows() % patches != 0) {
      throw std::invalid_argument("the rows of X must be a multiple of patches");
    }
    program.design = {&X, &cells, slope, patches};
    program.beta = beta;
    program.cones = cones;
    program.both_signs = both_signs;
    program.n_targets = n_targets;
    if (cones) program.cone_rows = unit_rows(X);
  }
  Problem(const Problem&) = delete;
};

py::dict to_dict(const HiddenLayer& layer, double beta, const GlobalSolution& solution) {
  py::dict result = solution_dict(solution.program(layer, beta), solution);
  result["packed"] = from_cells(solution.cells);
  return result;
}

HiddenLayer to_layer(const Matrix& X, double slope, Index patches, const MatrixView& y) {
  if (patches < 1 || X.rows() != patches * y.rows()) {
    throw std::invalid_argument("X must have `patches` rows for each row of y");
  }
  return {X, slope, patches};
}

// A solution of a similar problem: weights, one row a block, their signs, targets and cells, and
// the patterns of these.
using Start =
    std::optional<std::tuple<Matrix, Vector, std::vector<Index>, std::vector<Index>, PackedView>>;

std::vector<Block> to_blocks(const Program& program, const Start& start) {
  std::vector<Block> blocks;
  if (!start) return blocks;
  const auto& [weights, signs, targets, cells, packed] = *start;
  if (weights.cols() != program.design.n_features() || signs.size() != weights.rows()) {
    throw std::invalid_argument("start has weights or signs of another shape");
  }
  for (Index j = 0; j < weights.rows(); ++j) {
    const Index id = program.block_of(targets.at(j), cells.at(j), signs(j));
    if (id < 0 || id >= program.n_blocks()) throw std::invalid_argument("start has unknown blocks");
    blocks.push_back({id, weights.row(j).transpose(), {}});
  }
  return blocks;
}

std::optional<GlobalSolution> to_solution(const HiddenLayer& layer, Index n_targets,
                                          const Start& start) {
  if (!start) return std::nullopt;
  GlobalSolution solution;
  solution.n_targets = n_targets;
  solution.cells = to_cells(std::get<PackedView>(*start), layer.X.rows());
  solution.blocks = to_blocks(solution.program(layer, 1.0), start);
  return solution;
}

Neurons to_neurons(const Start& start) {
  Neurons neurons;
  if (!start) return neurons;
  neurons.u = std::get<0>(*start).transpose();
  neurons.signs = std::get<1>(*start);
  neurons.targets = std::get<2>(*start);
  return neurons;
}

}  // namespace

void bind_cone_program(py::module_& m) {
  m.def(
      "solve_cone_program",
      [](const MatrixView& X, const PackedView& packed, const MatrixView& y,
         const VectorView& sample_weight, const std::string& loss_name, double delta,
         bool free_offset, double slope, Index patches, double beta, bool cones, bool both_signs,
         const Start& start, double tol, int max_rounds, double max_seconds, int n_threads,
         const OnRound& on_round) {
        const Problem problem(X, packed, slope, beta, cones, both_signs, y.cols(), patches);
        const auto loss = to_loss(loss_name, y, sample_weight, delta, free_offset);
        const SolverOptions options = to_options(tol, max_rounds, max_seconds, on_round);
        const Solution solution = without_gil([&] {
          return solve_cone_program(problem.program, *loss, options, execution(n_threads),
                                    {to_blocks(problem.program, start), 0.0});
        });
        return solution_dict(problem.program, solution);
      },
      py::arg("X").noconvert(), py::arg("packed").noconvert(), py::arg("y").noconvert(),
      py::arg("sample_weight").noconvert(), py::kw_only(), py::arg("loss"), py::arg("delta") = 1.0,
      py::arg("free_offset") = false, py::arg("slope") = 0.0, py::arg("patches") = 1,
      py::arg("beta"), py::arg("cones"), py::arg("both_signs") = true,
      py::arg("start") = py::none(), py::arg("tol"), py::arg("max_rounds"), py::arg("max_seconds"),
      py::arg("n_threads"), py::arg("on_round") = py::none(),
      "Minimise loss(sum_b s_b A_b X u_b) + beta sum_b ||u_b|| over the given cells; A_b is 1 on "
      "the pattern and slope elsewhere, and the rows of a sample, `patches` one after the other, "
      "are "
      "added up. Each block adds to one target, a column of y. With cones, "
      "s_b is 1 or -1, without both_signs only 1. With free_offset the best constants are added to "
      "the predictions, one a target.");
  m.def(
      "solve_over_all_cells",
      [](const MatrixView& X_view, const MatrixView& y, const VectorView& sample_weight,
         const std::string& loss_name, double delta, bool free_offset, double slope, Index patches,
         double beta, const Start& start, double tol, int max_rounds, double max_seconds,
         int n_threads, const OnRound& on_round) {
        const Matrix X = X_view;
        const HiddenLayer layer = to_layer(X, slope, patches, y);
        const auto loss = to_loss(loss_name, y, sample_weight, delta, free_offset);
        const SolverOptions options = to_options(tol, max_rounds, max_seconds, on_round);
        const std::optional<GlobalSolution> from = to_solution(layer, y.cols(), start);
        const GlobalSolution solution = without_gil([&] {
          return solve_over_all_cells(layer, *loss, beta, options, execution(n_threads),
                                      from ? &*from : nullptr);
        });
        return to_dict(layer, beta, solution);
      },
      py::arg("X").noconvert(), py::arg("y").noconvert(), py::arg("sample_weight").noconvert(),
      py::kw_only(), py::arg("loss"), py::arg("delta") = 1.0, py::arg("free_offset") = false,
      py::arg("slope") = 0.0, py::arg("patches") = 1, py::arg("beta"),
      py::arg("start") = py::none(), py::arg("tol"), py::arg("max_rounds"), py::arg("max_seconds"),
      py::arg("n_threads"), py::arg("on_round") = py::none(),
      "The same over every cell of X, none of them listed; 'packed' are those that 'cells' name.");
  m.def(
      "search_over_all_cells",
      [](const MatrixView& X_view, const MatrixView& y, const VectorView& sample_weight,
         const std::string& loss_name, double delta, bool free_offset, double slope, Index patches,
         double beta, std::uint64_t seed, const Start& start, double tol, int max_rounds,
         double max_seconds, int n_threads, const OnRound& on_round) {
        const Matrix X = X_view;
        const HiddenLayer layer = to_layer(X, slope, patches, y);
        const auto loss = to_loss(loss_name, y, sample_weight, delta, free_offset);
        SearchOptions options;
        static_cast<SolverOptions&>(options) = to_options(tol, max_rounds, max_seconds, on_round);
        options.seed = seed;
        options.start = to_neurons(start);
        const GlobalSolution solution = without_gil([&] {
          return search_over_all_cells(layer, *loss, beta, options, execution(n_threads));
        });
        return to_dict(layer, beta, solution);
      },
      py::arg("X").noconvert(), py::arg("y").noconvert(), py::arg("sample_weight").noconvert(),
      py::kw_only(), py::arg("loss"), py::arg("delta") = 1.0, py::arg("free_offset") = false,
      py::arg("slope") = 0.0, py::arg("patches") = 1, py::arg("beta"), py::arg("seed"),
      py::arg("start") = py::none(), py::arg("tol"), py::arg("max_rounds"), py::arg("max_seconds"),
      py::arg("n_threads"), py::arg("on_round") = py::none(),
      "The same for any number of columns, by local search from the neurons of start, if there "
      "are any, or random ones; nothing is proved, 'dual' is the gradient of the loss.");
  m.def(
      "max_support",
      [](const MatrixView& X, const PackedView& packed, const VectorView& v, double slope,
         Index patches, double threshold, bool cones, bool both_signs, int n_threads) {
        const Problem problem(X, packed, slope, threshold, cones, both_signs, 1, patches);
        return without_gil(
            [&] { return price_blocks(problem.program, v, execution(n_threads)).max_support; });
      },
      py::arg("X").noconvert(), py::arg("packed").noconvert(), py::arg("v").noconvert(),
      py::kw_only(), py::arg("slope") = 0.0, py::arg("patches") = 1, py::arg("threshold"),
      py::arg("cones"), py::arg("both_signs") = true, py::arg("n_threads"),
      "Upper bound on max |v . (A_i X u)|, rows of a sample added up, over ||u|| <= 1 in the given "
      "cells, or threshold if that "
      "is larger.");
}

}  // namespace cvxnn::python
