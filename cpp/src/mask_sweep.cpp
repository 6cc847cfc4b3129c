#include "mask_sweep.hpp"

#include <cmath>
#include <limits>

#include "subset_sums.hpp"

namespace cvxnn {
namespace {

// Rows summed up in the precision of the tables; sums of panels are added in float64, which bounds
// the rounding of float32 whatever n.
constexpr Index kPanelWords = 16;

// Cells that share a table before it is made anew, so that making it costs a few per cent. Not a
// power of two: words of one cell, a block apart, would fall into the same cache sets.
constexpr Index kMinCells = 64;
constexpr Index kMaxCells = 6000;
constexpr Index kMaxTotals = Index{1} << 20;  // float64 numbers a block: 8 MB
constexpr Index kHandedOut = 128;             // cells given to a sink at a time
constexpr double kLostSquare = 1e-150;        // squares of smaller numbers lose digits, or all

struct Task {
  const ConstMatrixRef& X;
  const ConstMatrixRef& R;
  const MaskSource& masks;

  Index n_words() const { return words_for(X.rows()); }
  Index n_outputs() const { return X.cols() * R.cols(); }
  Index n_lines(Index width) const { return (n_outputs() + width - 1) / width; }
};

// What one thread needs for a block of cells. Cells stand side by side, a line each; totals have
// all cells of the first line of outputs, then all of the second, ..
template <class Real>
struct Workspace {
  static constexpr Index kWidth = kLanes<Real>;

  std::vector<Word> words;
  Eigen::Array<Real, kWordRows, kWidth> columns;
  Lines<Real> terms{kWidth, kWordRows};
  Lines<Real> tables{kWidth, kEntries};
  Lines<Real> sums;
  Eigen::Array<double, kWidth, Eigen::Dynamic> totals;
  Matrix gradients;
};

// r_k x_k for the rows of a word, one line of outputs; zero where rows or outputs end.
template <class Real>
void fill_terms(const Task& task, Index word, Index line, Workspace<Real>& work) {
  const Index first_row = word * kWordRows;
  const Index n_rows = std::min(kWordRows, task.X.rows() - first_row);
  const Index first_output = line * kLanes<Real>;
  const Index n_outputs = std::min(kLanes<Real>, task.n_outputs() - first_output);
  if (n_rows < kWordRows || n_outputs < kLanes<Real>) work.columns.setZero();
  for (Index lane = 0; lane < n_outputs; ++lane) {
    const Index output = first_output + lane;
    const auto x = task.X.col(output % task.X.cols()).segment(first_row, n_rows);
    const auto r = task.R.col(output / task.X.cols()).segment(first_row, n_rows);
    work.columns.col(lane).head(n_rows) = x.cwiseProduct(r).template cast<Real>();
  }
  work.terms = work.columns.transpose();
}

template <class Real>
void sweep_block(const Task& task, Index begin, Index n_cells, Poller& poller,
                 Workspace<Real>& work) {
  const Index n_lines = task.n_lines(kLanes<Real>);
  work.words.resize(static_cast<std::size_t>(kPanelWords * n_cells));
  work.sums.resize(kLanes<Real>, n_cells);
  work.totals.resize(kLanes<Real>, n_lines * n_cells);
  for (Index panel = 0; panel < task.n_words(); panel += kPanelWords) {
    poller.check();
    const Index n_words = std::min(kPanelWords, task.n_words() - panel);
    task.masks(begin, n_cells, panel, n_words, work.words.data());
    for (Index line = 0; line < n_lines; ++line) {
      for (Index w = 0; w < n_words; ++w) {
        fill_terms(task, panel + w, line, work);
        tabulate(work.terms, std::min(kWordRows, task.X.rows() - (panel + w) * kWordRows),
                 work.tables);
        look_up(work.tables.data(), work.words.data() + w * n_cells, n_cells, w == 0,
                work.sums.data(), Groups{});
      }
      auto totals = work.totals.middleCols(line * n_cells, n_cells);
      if (panel == 0) {
        totals = work.sums.template cast<double>();
      } else {
        totals += work.sums.template cast<double>();
      }
    }
  }
}

template <class Real>
void hand_out(const Task& task, Index begin, Index n_cells, Workspace<Real>& work,
              const GradientSink& sink) {
  const Index n_lines = task.n_lines(kLanes<Real>);
  work.gradients.resize(n_lines * kLanes<Real>, kHandedOut);
  for (Index at = 0; at < n_cells; at += kHandedOut) {
    const Index count = std::min(kHandedOut, n_cells - at);
    for (Index line = 0; line < n_lines; ++line) {
      work.gradients.block(line * kLanes<Real>, 0, kLanes<Real>, count) =
          work.totals.middleCols(line * n_cells + at, count);
    }
    sink(begin + at, work.gradients.topLeftCorner(task.n_outputs(), count));
  }
}

template <class Real>
void sweep(const Task& task, Index n_cells, const Execution& execution, const GradientSink& sink) {
  if (n_cells == 0) return;
  const Index stride = task.n_outputs() + kLanes<Real>;
  const Index most = std::min(kMaxCells, std::max(kMinCells, kMaxTotals / stride));
  // whole rounds of all threads, so that none of them waits long
  const Index round = most * execution.n_threads;
  const Index n_rounds = (n_cells + round - 1) / round;
  const Index n_blocks =
      std::min((n_cells + kMinCells - 1) / kMinCells, n_rounds * execution.n_threads);
  const Index size = (n_cells + n_blocks - 1) / n_blocks;
  std::vector<Workspace<Real>> workspaces(static_cast<std::size_t>(execution.n_threads));
  const double cost = static_cast<double>(task.n_words()) * static_cast<double>(stride) *
                      static_cast<double>(size + kEntries);
  parallel_for((n_cells + size - 1) / size, cost, execution,
               [&](Index block, int thread, const auto& poll) {
                 const Execution polled{1, poll};
                 Poller poller(polled);
                 const Index begin = block * size;
                 const Index count = std::min(size, n_cells - begin);
                 Workspace<Real>& work = workspaces[thread];
                 sweep_block(task, begin, count, poller, work);
                 hand_out(task, begin, count, work, sink);
               });
}

}  // namespace

void sweep_gradients(const ConstMatrixRef& X, const ConstMatrixRef& R, const MaskSource& masks,
                     Index n_cells, Precision precision, const Execution& execution,
                     const GradientSink& sink) {
  const Task task{X, R, masks};
  if (precision == Precision::float32) {
    sweep<float>(task, n_cells, execution, sink);
  } else {
    sweep<double>(task, n_cells, execution, sink);
  }
}

Vector sweep_norms(const ConstMatrixRef& X, const ConstMatrixRef& R, const MaskSource& masks,
                   Index n_cells, Precision precision, const Execution& execution) {
  Vector norms(n_cells);
  sweep_gradients(X, R, masks, n_cells, precision, execution,
                  [&](Index begin, const ConstMatrixRef& gradients) {
                    norms.segment(begin, gradients.cols()) = gradients.colwise().norm();
                  });
  return norms;
}

Matrix sums_of_magnitudes(const ConstMatrixRef& X, const ConstMatrixRef& R) {
  return Matrix::NullaryExpr(X.cols(), R.cols(), [&](Index j, Index c) {
    return X.col(j).cwiseAbs().dot(R.col(c).cwiseAbs());
  });
}

// A term r_k x_kj is rounded to float64 and then to the precision of the tables, and passes at most
// 6 additions while its table is made and one per group of its panel; then at most one per panel in
// float64. With S_j = sum_k |r_k x_kj| and u the unit roundoff of the tables, v that of float64, m
// and p these numbers of operations, the error of output j is at most
// ((1 + u)^m (1 + v)^p - 1) S_j, plus n underflows of terms (sums of floating-point numbers do not
// underflow). Taking the norm of D outputs adds a relative error of at most (D + 2) v, and loses
// those whose squares underflow. First-order terms with one per cent on top bound all this as long
// as m u and p v are below 0.01.
double sweep_error(const ConstMatrixRef& X, const ConstMatrixRef& R, Precision precision) {
  using Float32 = std::numeric_limits<float>;
  using Float64 = std::numeric_limits<double>;
  const Matrix sums = sums_of_magnitudes(X, R);
  const bool single = precision == Precision::float32;
  if (single && !(sums.lpNorm<Eigen::Infinity>() < Float32::max() / 2)) return Float64::infinity();
  const double panels = std::ceil(static_cast<double>(X.rows()) / (kPanelWords * kWordRows));
  const double outputs = static_cast<double>(sums.size());
  const double table_operations = 1.0 + 6.0 + kPanelWords * static_cast<double>(kWidths.size());
  const double roundoff = 0.5 * (single ? Float32::epsilon() : Float64::epsilon());
  const double operations =
      table_operations * roundoff + (panels + outputs + 3.0) * 0.5 * Float64::epsilon();
  const double underflow = single ? Float32::denorm_min() : Float64::denorm_min();
  return 1.01 * (operations * sums.norm() +
                 std::sqrt(outputs) * (static_cast<double>(X.rows()) * underflow + kLostSquare));
}

}  // namespace cvxnn
