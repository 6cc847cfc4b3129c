// Gradients of many cells: look-ups in bit masks beside the product with masks of floats, walks
// through neighbouring cells, masks made anew from gates.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <limits>

#include "cvxnn/sample.hpp"
#include "flip_sweep.hpp"

namespace {

using cvxnn::Index;
using cvxnn::Matrix;
using cvxnn::Precision;
using cvxnn::Vector;

// Of the processor, which other jobs disturb less.
double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// The reported time is that of the sweep; `gemm_over_sweep` compares the fastest runs of both,
// which take turns.
template <class Real>
void sweep_and_gemm(benchmark::State& state) {
  const Index n = state.range(0);
  const Index P = state.range(2);
  const Matrix X = Matrix::Random(n, state.range(1));
  const cvxnn::Cells cells = cvxnn::locate_cells(X, Matrix::Random(P, X.cols()), {}).cells;
  const Vector r = Vector::Random(n);
  const auto precision = sizeof(Real) == 4 ? Precision::float32 : Precision::float64;

  using Dense = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;
  const Dense terms = (r.asDiagonal() * X).cast<Real>();
  const Dense masks = Dense::NullaryExpr(
      n, P, [&](Index k, Index i) { return Real(cvxnn::get_bit(cells.pattern(i), k)); });
  Dense gradients(X.cols(), P);

  double fastest_sweep = std::numeric_limits<double>::infinity();
  double fastest_gemm = fastest_sweep;
  for (auto _ : state) {
    double start = seconds();
    gradients.noalias() = terms.transpose() * masks;
    benchmark::DoNotOptimize(gradients.data());
    fastest_gemm = std::min(fastest_gemm, seconds() - start);
    start = seconds();
    Vector norms = cvxnn::sweep_norms(X, r, cvxnn::stored_masks(cells), P, precision, {});
    benchmark::DoNotOptimize(norms.data());
    const double time = seconds() - start;
    fastest_sweep = std::min(fastest_sweep, time);
    state.SetIterationTime(time);
  }
  state.counters["fastest_ms"] = 1e3 * fastest_sweep;
  state.counters["gemm_ms"] = 1e3 * fastest_gemm;
  state.counters["gemm_over_sweep"] = fastest_gemm / fastest_sweep;
}
BENCHMARK(sweep_and_gemm<float>)
    ->ArgNames({"n", "d", "P"})
    ->Args({1797, 64, 10000})
    ->Args({1797, 64, 500})
    ->Args({569, 30, 500})
    ->Args({442, 10, 10000})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(sweep_and_gemm<double>)
    ->ArgNames({"n", "d", "P"})
    ->Args({1797, 64, 10000})
    ->Args({1797, 64, 500})
    ->Args({569, 30, 500})
    ->Args({442, 10, 10000})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// P cells along a walk through neighbours, in float64.
void sweep_walk(benchmark::State& state) {
  const Index n = state.range(0);
  const Index P = state.range(2);
  const Matrix X = Matrix::Random(n, state.range(1));
  const Vector r = Vector::Random(n);
  const cvxnn::Cells start = cvxnn::locate_cells(X, Matrix::Random(1, X.cols()), {}).cells;
  std::vector<Index> flips(static_cast<std::size_t>(P - 1));
  for (std::size_t i = 0; i < flips.size(); ++i) flips[i] = static_cast<Index>(i * 7919) % n;
  Vector norms(P);
  const auto keep_norms = [&](Index begin, const cvxnn::ConstMatrixRef& gradients) {
    norms.segment(begin, gradients.cols()) = gradients.colwise().norm();
  };
  for (auto _ : state) {
    cvxnn::sweep_flips(X, r, start.pattern(0), flips, {}, keep_norms);
    benchmark::DoNotOptimize(norms.data());
  }
  state.SetItemsProcessed(state.iterations() * P);
}
BENCHMARK(sweep_walk)
    ->ArgNames({"n", "d", "P"})
    ->Args({1797, 64, 100000})
    ->Unit(benchmark::kMillisecond);

// Masks made anew from gates, in float32.
void sweep_gates(benchmark::State& state) {
  const Matrix X = Matrix::Random(state.range(0), state.range(1));
  const Matrix gates = Matrix::Random(state.range(2), X.cols());
  const Vector r = Vector::Random(X.rows());
  for (auto _ : state) {
    Vector norms =
        cvxnn::sweep_norms(X, r, cvxnn::gate_masks(X, gates), gates.rows(), Precision::float32, {});
    benchmark::DoNotOptimize(norms.data());
  }
}
BENCHMARK(sweep_gates)
    ->ArgNames({"n", "d", "P"})
    ->Args({1797, 64, 10000})
    ->Args({1000000, 20, 200})
    ->Unit(benchmark::kMillisecond);

}  // namespace
