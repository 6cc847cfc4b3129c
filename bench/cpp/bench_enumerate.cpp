// Listing the cells of random and of structured arrangements, streamed through a visitor that
// touches every pattern, and counting them.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "cvxnn/count.hpp"
#include "cvxnn/enumerate.hpp"
#include "families.hpp"

namespace {

using cvxnn::Arrangement;
using cvxnn::Engine;
using cvxnn::Index;
using cvxnn::Matrix;
using cvxnn::Method;
using cvxnn::Task;
using cvxnn::Word;

// The time spent on each cell.
benchmark::Counter per_cell(Index n_cells) {
  return {static_cast<double>(n_cells),
          benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert};
}

Matrix gaussian(Index n, Index r) {
  std::srand(1);  // behind Matrix::Random: the same rows in every run
  Matrix X = Matrix::Zero(n, r);
  for (int i = 0; i < 12; ++i) X += Matrix::Random(n, r);
  return X;
}

Index stream(const Arrangement& arrangement, const Engine& engine, int n_threads) {
  std::vector<Task> tasks = cvxnn::first_tasks(arrangement, engine);
  Index total = 0;
  Index budget = n_threads == 1 || tasks.size() >= 16 ? Index{1} << 40 : 4096;
  while (!tasks.empty()) {
    std::vector<std::vector<Task>> rest(tasks.size());
    std::vector<Index> counts(tasks.size(), 0);
    cvxnn::parallel_for(static_cast<Index>(tasks.size()), 1e6, {n_threads, {}},
                        [&](Index i, int, const auto& poll) {
                          Word seen = 0;
                          const auto visit = [&](const Word* patterns, Index count) {
                            seen ^= *patterns;
                            counts[i] += count;
                          };
                          rest[i] =
                              cvxnn::explore(arrangement, engine, tasks[i], budget, visit, poll);
                          benchmark::DoNotOptimize(seen);
                        });
    tasks.clear();
    for (std::size_t i = 0; i < rest.size(); ++i) {
      total += counts[i];
      for (Task& task : rest[i]) tasks.push_back(std::move(task));
    }
    budget = std::min<Index>(8 * budget, Index{1} << 40);
    if (n_threads > 1) budget = std::min<Index>(budget, Index{1} << 18);
  }
  return total;
}

void list(benchmark::State& state, const Matrix& X, const Engine& engine) {
  const Arrangement arrangement(X);
  Index n_cells = 0;
  for (auto _ : state) n_cells = stream(arrangement, engine, static_cast<int>(state.range(0)));
  state.counters["cells"] = static_cast<double>(n_cells);
  state.counters["per_cell"] = per_cell(n_cells);
}

void list_generic(benchmark::State& state, Index n, Index r, bool exact) {
  list(state, gaussian(n, r), {Method::lowest_vertex, exact});
}

void list_all_at_once(benchmark::State& state, Index n, Index r) {
  const Arrangement arrangement(gaussian(n, r));
  Index n_cells = 0;
  for (auto _ : state) {
    n_cells = cvxnn::enumerate_cells(arrangement, {Method::lowest_vertex, true},
                                     {static_cast<int>(state.range(0)), {}})
                  .size();
  }
  state.counters["cells"] = static_cast<double>(n_cells);
  state.counters["per_cell"] = per_cell(n_cells);
}

void count(benchmark::State& state, const Matrix& X) {
  const Arrangement arrangement(X);
  for (auto _ : state) benchmark::DoNotOptimize(cvxnn::count_cells(arrangement, 1e3, {}));
}

void threads(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
}

const std::pair<Index, Index> kShapes[] = {{100, 4}, {60, 6}, {20, 8}, {500, 4}, {1000, 3}};

const bool registered = [] {
  using cvxnn::families::braid;
  using cvxnn::families::demicube;
  using cvxnn::families::resonance;
  using cvxnn::families::threshold;
  using benchmark::RegisterBenchmark;
  for (const auto& [n, r] : kShapes) {
    const std::string shape = "/n" + std::to_string(n) + "/r" + std::to_string(r);
    threads(RegisterBenchmark(("generic/exact" + shape).c_str(), list_generic, n, r, true));
    threads(RegisterBenchmark(("generic/rounded" + shape).c_str(), list_generic, n, r, false));
  }
  threads(RegisterBenchmark("at_once/n100/r4", list_all_at_once, Index{100}, Index{4}));
  const Engine tree{Method::ray_tree, true};
  const Engine reverse{Method::reverse_search, true};
  threads(RegisterBenchmark("resonance/d5", list, resonance(5), tree));
  threads(RegisterBenchmark("resonance/d6", list, resonance(6), tree));
  threads(RegisterBenchmark("threshold/d6", list, threshold(6), tree));
  threads(RegisterBenchmark("braid/d9", list, braid(9), tree));
  threads(RegisterBenchmark("demicube/d7", list, demicube(7), tree));
  threads(RegisterBenchmark("reverse/resonance/d5", list, resonance(5), reverse));
  const auto plain = [](benchmark::internal::Benchmark* b) { b->Unit(benchmark::kMillisecond); };
  plain(RegisterBenchmark("count/generic/n40/r5", count, gaussian(40, 5)));
  plain(RegisterBenchmark("count/resonance/d6", count, resonance(6)));
  plain(RegisterBenchmark("count/threshold/d6", count, threshold(6)));
  return true;
}();

}  // namespace
