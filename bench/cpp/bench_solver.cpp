// Training to a relative gap of 1e-6 over sampled and over all cells.
#include <benchmark/benchmark.h>

#include "cvxnn/cone_program.hpp"
#include "cvxnn/enumerate.hpp"
#include "cvxnn/sample.hpp"

namespace {

using cvxnn::Cells;
using cvxnn::Index;
using cvxnn::Matrix;
using cvxnn::Vector;

void solve(benchmark::State& state, const Matrix& X, const Cells& cells) {
  const Index n = X.rows();
  const Vector y = Vector::Random(n) + X.col(0).cwiseAbs();
  const cvxnn::SquaredLoss loss(y, Vector::Ones(n));
  cvxnn::Program program{{&X, &cells}, cvxnn::unit_rows(X), 1e-12, true};
  program.beta =
      0.01 * cvxnn::price_blocks(program, loss.gradient(Vector::Zero(n)), {}).max_support;
  cvxnn::Solution solution;
  for (auto _ : state) solution = cvxnn::solve_cone_program(program, loss, {}, {});
  if (solution.status != cvxnn::Status::converged) state.SkipWithError("not converged");
  state.counters["cells"] = static_cast<double>(cells.size());
  state.counters["active"] = static_cast<double>(solution.blocks.size());
  state.counters["rounds"] = static_cast<double>(solution.history.size());
}

void solve_sampled(benchmark::State& state) {
  const Matrix X = Matrix::Random(state.range(0), state.range(1));
  Cells cells = cvxnn::locate_cells(X, Matrix::Random(state.range(2), X.cols()), {}).cells;
  cvxnn::sort_unique(cells);
  solve(state, X, cells);
}
BENCHMARK(solve_sampled)
    ->ArgNames({"n", "d", "P"})
    ->Args({100, 5, 100})
    ->Args({100, 5, 1000})
    ->Args({300, 10, 500})
    ->Args({300, 50, 500})
    ->Args({1000, 10, 500})
    ->Unit(benchmark::kMillisecond);

void solve_exact(benchmark::State& state) {
  const Matrix X = Matrix::Random(state.range(0), 3);
  solve(state, X, cvxnn::enumerate_cells(cvxnn::Arrangement(X), {}, {}));
}
BENCHMARK(solve_exact)->ArgName("n")->Arg(20)->Arg(50)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace
