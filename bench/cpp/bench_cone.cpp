// Projections onto the cells of random arrangements.
#include <benchmark/benchmark.h>

#include "cvxnn/cone.hpp"
#include "cvxnn/sample.hpp"

namespace {

using cvxnn::Index;
using cvxnn::Matrix;
using cvxnn::Vector;

constexpr Index kPoints = 64;

// One cell and points to project onto it; point i + 1 is close to point i if `drift` is small.
struct Projections {
  Matrix rows;
  cvxnn::Cells cell;
  std::vector<Vector> points;

  Projections(Index n, Index d, double drift) {
    const Matrix X = Matrix::Random(n, d);
    rows = cvxnn::unit_rows(X);
    cell = cvxnn::locate_cells(X, Matrix::Random(1, d), {}).cells;
    Vector z = Vector::Random(d);
    for (Index i = 0; i < kPoints; ++i) {
      points.push_back(z);
      z = (1.0 - drift) * z + drift * Vector::Random(d);
    }
  }

  cvxnn::Cone cone() const { return {&rows, cell.pattern(0)}; }
};

void run(benchmark::State& state, const Projections& data, bool warm) {
  cvxnn::ConeProjector projector;
  std::vector<Index> tight;
  std::size_t i = 0;
  for (auto _ : state) {
    if (!warm) tight.clear();
    projector.project(data.cone(), data.points[i], tight);
    benchmark::DoNotOptimize(projector.point().data());
    i = (i + 1) % data.points.size();
  }
}

void project_cold(benchmark::State& state) {
  run(state, {state.range(0), state.range(1), 1.0}, false);
}

void project_warm(benchmark::State& state) {
  run(state, {state.range(0), state.range(1), 0.01}, true);
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"n", "d"})->ArgsProduct({{100, 1000}, {3, 10, 50}});
}
BENCHMARK(project_cold)->Apply(shapes)->Unit(benchmark::kMicrosecond);
BENCHMARK(project_warm)->Apply(shapes)->Unit(benchmark::kMicrosecond);

}  // namespace
