// Sweeps over many cells, by look-ups and by flips, against plain loops.
#include "mask_sweep.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "cvxnn/sample.hpp"
#include "data.hpp"
#include "exact.hpp"
#include "flip_sweep.hpp"

namespace cvxnn {
namespace {

Execution threads(int n_threads) { return {n_threads, {}}; }

Cells random_cells(Index n, Index P, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  Cells cells;
  cells.n_hyperplanes = n;
  cells.bits.assign(static_cast<std::size_t>(P * words_for(n)), 0);
  for (Index i = 0; i < P; ++i) {
    for (Index k = 0; k < n; ++k) {
      if (engine() >> 63 != 0) set_bit(cells.bits.data() + i * cells.n_words(), k);
    }
  }
  return cells;
}

// Column i is X' D_i R, target after target, in extended precision where the compiler has it.
Matrix plain_gradients(const Matrix& X, const Matrix& R, const Cells& cells) {
  Matrix G(X.cols() * R.cols(), cells.size());
  for (Index i = 0; i < cells.size(); ++i) {
    for (Index c = 0; c < R.cols(); ++c) {
      for (Index j = 0; j < X.cols(); ++j) {
        long double sum = 0.0L;
        for (Index k = 0; k < X.rows(); ++k) {
          if (get_bit(cells.pattern(i), k)) sum += static_cast<long double>(X(k, j)) * R(k, c);
        }
        G(c * X.cols() + j, i) = static_cast<double>(sum);
      }
    }
  }
  return G;
}

Matrix swept_gradients(const Matrix& X, const Matrix& R, const MaskSource& masks, Index n_cells,
                       Precision precision, int n_threads = 1) {
  Matrix G = Matrix::Constant(X.cols() * R.cols(), n_cells, std::nan(""));
  sweep_gradients(
      X, R, masks, n_cells, precision, threads(n_threads),
      [&](Index begin, const ConstMatrixRef& block) { G.middleCols(begin, block.cols()) = block; });
  return G;
}

Matrix flipped_gradients(const Matrix& X, const Matrix& R, const Word* start,
                         const std::vector<Index>& flips, int n_threads) {
  const Index n_cells = static_cast<Index>(flips.size()) + 1;
  Matrix G = Matrix::Constant(X.cols() * R.cols(), n_cells, std::nan(""));
  sweep_flips(
      X, R, start, flips, threads(n_threads),
      [&](Index begin, const ConstMatrixRef& block) { G.middleCols(begin, block.cols()) = block; });
  return G;
}

double largest_error(const Matrix& computed, const Matrix& expected) {
  return (computed - expected).colwise().norm().maxCoeff();
}

TEST_CASE("mask_sweep: equals the plain loop within its bound") {
  for (const Index n : {1, 7, 63, 64, 65, 130, 513, 1100}) {
    for (const Index d : {1, 3, 8, 17, 33}) {
      for (const Index n_targets : {1, 3}) {
        CAPTURE(n);
        CAPTURE(d);
        CAPTURE(n_targets);
        const Matrix X = test::gaussian(n, d, 1);
        const Matrix R = test::gaussian(n, n_targets, 2);
        const Cells cells = random_cells(n, 29, 3);
        const Matrix expected = plain_gradients(X, R, cells);
        const double size = (X.cwiseAbs().transpose() * R.cwiseAbs()).norm();
        for (const Precision precision : {Precision::float32, Precision::float64}) {
          const double bound = sweep_error(X, R, precision);
          const bool single = precision == Precision::float32;
          CHECK(bound < (single ? 1.1e-5 : 4e-14) * size);
          const MaskSource masks = stored_masks(cells);
          const Matrix G = swept_gradients(X, R, masks, cells.size(), precision);
          CHECK(largest_error(G, expected) <= bound);
          const Vector norms = sweep_norms(X, R, masks, cells.size(), precision, threads(1));
          CHECK((norms - expected.colwise().norm().transpose()).cwiseAbs().maxCoeff() <= bound);
        }
      }
    }
  }
}

TEST_CASE("mask_sweep: small integers are summed without error") {
  const Matrix X = test::integers(777, 19, 9, 4);
  const Matrix R = test::integers(777, 2, 9, 5);
  const Cells cells = random_cells(777, 300, 6);
  const Matrix expected = plain_gradients(X, R, cells);
  for (const Precision precision : {Precision::float32, Precision::float64}) {
    CHECK(swept_gradients(X, R, stored_masks(cells), cells.size(), precision) == expected);
  }
}

TEST_CASE("mask_sweep: all rows, no row, no cell") {
  const Matrix X = test::gaussian(200, 5, 7);
  const Matrix R = test::gaussian(200, 1, 8);
  Cells cells;
  cells.n_hyperplanes = 200;
  cells.bits.assign(8, 0);
  for (Index k = 0; k < 200; ++k) set_bit(cells.bits.data() + 4, k);
  const Matrix G = swept_gradients(X, R, stored_masks(cells), 2, Precision::float64);
  CHECK(G.col(0).isZero(0));
  CHECK((G.col(1) - X.transpose() * R).norm() <= 2 * sweep_error(X, R, Precision::float64));
  CHECK(sweep_norms(X, R, stored_masks(cells), 0, Precision::float32, threads(2)).size() == 0);
}

TEST_CASE("mask_sweep: the number of threads does not change a bit") {
  const Matrix X = test::gaussian(150, 9, 9);
  const Matrix R = test::gaussian(150, 1, 10);
  const Cells cells = random_cells(150, 9001, 11);
  for (const Precision precision : {Precision::float32, Precision::float64}) {
    const Matrix one = swept_gradients(X, R, stored_masks(cells), cells.size(), precision);
    const Vector norms =
        sweep_norms(X, R, stored_masks(cells), cells.size(), precision, threads(1));
    for (const int n_threads : {2, 3, 7}) {
      CHECK(one == swept_gradients(X, R, stored_masks(cells), cells.size(), precision, n_threads));
      CHECK(norms ==
            sweep_norms(X, R, stored_masks(cells), cells.size(), precision, threads(n_threads)));
    }
  }
}

TEST_CASE("mask_sweep: selected cells, in the order asked for") {
  const Matrix X = test::gaussian(140, 4, 12);
  const Matrix R = test::gaussian(140, 2, 13);
  const Cells cells = random_cells(140, 50, 14);
  const std::vector<Index> selected = {49, 0, 7, 7, 23};
  const Matrix all = swept_gradients(X, R, stored_masks(cells), 50, Precision::float64);
  const Matrix some = swept_gradients(X, R, selected_masks(cells, selected), 5, Precision::float64);
  for (Index i = 0; i < 5; ++i) CHECK(some.col(i) == all.col(selected[i]));
}

TEST_CASE("mask_sweep: magnitudes at the ends of float32") {
  const Cells cells = random_cells(300, 40, 15);
  const Matrix R = test::gaussian(300, 1, 16);
  const Matrix tiny = 1e-41 * test::gaussian(300, 6, 17);  // terms lose digits or vanish
  const Matrix G = swept_gradients(tiny, R, stored_masks(cells), 40, Precision::float32);
  CHECK(largest_error(G, plain_gradients(tiny, R, cells)) <=
        sweep_error(tiny, R, Precision::float32));
  const Matrix huge = 1e38 * test::gaussian(300, 6, 18);
  CHECK(sweep_error(huge, R, Precision::float32) == std::numeric_limits<double>::infinity());
  CHECK(sweep_error(huge, R, Precision::float64) < 1e28);
}

TEST_CASE("mask_sweep: masks made from gates are those of the cells that hold the gates") {
  // small integers: many gates lie exactly on rows, and sums of rounded products would differ
  for (const double scale : {1.0, 0.1}) {
    Matrix X = scale * test::integers(1100, 5, 2, 19);
    X.row(3).setZero();
    Matrix gates = test::integers(300, 5, 2, 20);
    gates.topRows(100) += test::gaussian(100, 5, 21);
    const Matrix R = test::gaussian(1100, 1, 22);
    const Cells cells = locate_cells(X, gates, threads(1)).cells;
    for (const Precision precision : {Precision::float32, Precision::float64}) {
      CHECK(swept_gradients(X, R, gate_masks(X, gates), 300, precision, 2) ==
            swept_gradients(X, R, stored_masks(cells), 300, precision));
    }
  }
}

TEST_CASE("gate_bits: exact at any magnitude, in long arrangements too") {
  Matrix X = test::integers(4500, 3, 1, 23);
  for (Index k = 0; k < X.rows(); ++k) {
    X.row(k) *=
        std::ldexp(1.0 + 0.25 * static_cast<double>(k % 3), static_cast<int>(k % 2000) - 1050);
  }
  X(17, 0) = 1e300;
  X(17, 1) = 1e-300;
  Matrix points = test::integers(70, 3, 1, 24);
  points.row(5) *= std::numeric_limits<double>::denorm_min();
  points.row(6) *= std::numeric_limits<double>::max();
  points.row(7) << 0.0, 1e-300, 0.0;
  const LocatedCells located = locate_cells(X, points, threads(2));
  for (Index i = 0; i < points.rows(); ++i) {
    bool interior = true;
    bool right = true;
    for (Index k = 0; k < X.rows(); ++k) {
      const int sign = exact::sign_dot(X.data() + k, X.rows(), points.data() + i, points.rows(), 3);
      right &= get_bit(located.cells.pattern(i), k) == (sign > 0);
      interior &= sign != 0 || X.row(k).isZero(0);
    }
    CHECK(right);
    CHECK(located.interior[i] == (interior ? 1 : 0));
  }
}

TEST_CASE("flip_sweep: a walk of single flips equals the plain loop within its bound") {
  for (const Index n : {1, 64, 90}) {
    const Matrix X = test::gaussian(n, 5, 25);
    const Matrix R = test::gaussian(n, 2, 26);
    const Cells start = random_cells(n, 1, 27);
    std::mt19937_64 engine(28);
    std::vector<Index> flips(2500);
    for (Index& row : flips) row = static_cast<Index>(engine() % static_cast<std::uint64_t>(n));
    Cells walk = start;
    for (const Index row : flips) {
      for (Index w = 0; w < start.n_words(); ++w) {
        walk.bits.push_back(
            walk.bits[walk.bits.size() - static_cast<std::size_t>(start.n_words())]);
      }
      flip_bit(walk.bits.data() + static_cast<Index>(walk.bits.size()) - start.n_words(), row);
    }
    const Matrix G = flipped_gradients(X, R, start.pattern(0), flips, 1);
    const double bound = flip_error(X, R);
    CHECK(bound < 1e-12 * (X.cwiseAbs().transpose() * R.cwiseAbs()).norm());
    CHECK(largest_error(G, plain_gradients(X, R, walk)) <= bound);
    CHECK(G == flipped_gradients(X, R, start.pattern(0), flips, 3));
    CHECK(G.leftCols(1) == flipped_gradients(X, R, start.pattern(0), {}, 1));
  }
}

TEST_CASE("mask_sweep: interrupted by the poll, between panels of rows too") {
  const Matrix X = test::gaussian(1100, 40, 29);
  const Matrix R = test::gaussian(1100, 1, 30);
  const Cells cells = random_cells(1100, 1000, 31);
  const MaskSource slow = [&](Index begin, Index count, Index first_word, Index n_words,
                              Word* out) {
    std::this_thread::sleep_for(std::chrono::milliseconds(25));  // longer than polls are apart
    stored_masks(cells)(begin, count, first_word, n_words, out);
  };
  for (const int n_threads : {1, 2}) {
    const Execution stopped{n_threads, [] { return true; }};
    CHECK_THROWS_AS(sweep_norms(X, R, slow, cells.size(), Precision::float64, stopped),
                    Interrupted);
  }
}

}  // namespace
}  // namespace cvxnn
