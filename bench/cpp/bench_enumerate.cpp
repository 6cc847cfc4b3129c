// Listing and counting the cells of random arrangements.
#include <benchmark/benchmark.h>

#include "cvxnn/count.hpp"
#include "cvxnn/enumerate.hpp"

namespace {

using cvxnn::Index;
using cvxnn::Matrix;

// The time spent on each cell.
benchmark::Counter per_cell(Index n_cells) {
  return {static_cast<double>(n_cells),
          benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert};
}

void enumerate(benchmark::State& state) {
  const Matrix X = Matrix::Random(state.range(0), state.range(1));
  const cvxnn::Execution execution{static_cast<int>(state.range(2)), {}};
  Index n_cells = 0;
  for (auto _ : state) n_cells = cvxnn::enumerate_cells(cvxnn::Arrangement(X), execution).size();
  state.counters["cells"] = static_cast<double>(n_cells);
  state.counters["per_cell"] = per_cell(n_cells);
}
BENCHMARK(enumerate)
    ->ArgNames({"n", "r", "threads"})
    ->ArgsProduct({{100, 1000}, {2}, {1, 2}})
    ->ArgsProduct({{50, 200}, {3}, {1, 2}})
    ->ArgsProduct({{20, 40}, {5}, {1, 2}})
    ->ArgsProduct({{16}, {8}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void count(benchmark::State& state) {
  const Matrix X = Matrix::Random(state.range(0), state.range(1));
  for (auto _ : state) benchmark::DoNotOptimize(cvxnn::count_cells(cvxnn::Arrangement(X), 1e3, {}));
}
BENCHMARK(count)
    ->ArgNames({"n", "r"})
    ->Args({200, 3})
    ->Args({40, 5})
    ->Args({16, 8})
    ->Unit(benchmark::kMillisecond);

}  // namespace
