#include "cvxnn/joint_peaks.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <iterator>

#include "cvxnn/cone.hpp"

namespace cvxnn {
namespace {

constexpr int kMaxSteps = 1000;
constexpr double kStill = 1e-15;    // relative gain of a step that ends the climb
constexpr double kDistinct = 1e-6;  // between unit vectors g of two maxima
constexpr Index kMostStarts = 8;    // singular vectors

JointPeak climb(const Cone& cone, const Matrix& pulled, Vector g, ConeProjector& projector) {
  JointPeak peak;
  std::vector<Index> tight;
  for (int step = 0; step < kMaxSteps; ++step) {
    projector.project(cone, pulled * g, tight);
    const double length = projector.point().norm();
    if (!(length > 0.0)) break;
    const Vector u = projector.point() / length;
    const Vector gains = pulled.transpose() * u;
    const double value = gains.norm();
    if (!(value > peak.value * (1.0 + kStill))) break;
    g = gains / value;
    peak.u = u;
    peak.g = g;
    peak.value = value;
  }
  return peak;
}

std::vector<JointPeak> peaks_of(const MaskedOperator& design, const Matrix& rows, Index cell,
                                const Matrix& V, const Matrix& starts, double floor) {
  Matrix pulled(design.n_features(), V.cols());  // X' A V
  for (Index c = 0; c < V.cols(); ++c) pulled.col(c) = design.apply_transposed(cell, V.col(c));
  const Eigen::SelfAdjointEigenSolver<Matrix> spectrum(pulled.transpose() * pulled);
  const Index n_outputs = V.cols();  // eigenvalues rise
  std::vector<JointPeak> peaks;
  if (!(std::sqrt(spectrum.eigenvalues()(n_outputs - 1)) > floor)) return peaks;
  ConeProjector projector;
  const Cone cone{&rows, design.cells->pattern(cell)};
  const Index n_own = std::min({kMostStarts, n_outputs, pulled.rows()});
  for (Index start = 0; start < 2 * (n_own + starts.cols()); ++start) {
    const Index i = start / 2;
    const Vector line =
        i < n_own ? spectrum.eigenvectors().col(n_outputs - 1 - i) : starts.col(i - n_own);
    const Vector g = start % 2 == 0 ? line : Vector(-line);
    JointPeak peak = climb(cone, pulled, g, projector);
    if (!(peak.value > floor)) continue;
    const bool known = std::any_of(peaks.begin(), peaks.end(), [&](const JointPeak& other) {
      return (other.g - peak.g).norm() < kDistinct;
    });
    if (known) continue;
    peak.cell = cell;
    peaks.push_back(std::move(peak));
  }
  return peaks;
}

}  // namespace

std::vector<JointPeak> joint_peaks(const MaskedOperator& design, const Matrix& V,
                                   const Matrix& starts, double floor, const Execution& execution) {
  const Matrix rows = unit_rows(*design.X);
  const Index n_cells = design.cells->size();
  std::vector<std::vector<JointPeak>> of_cell(static_cast<std::size_t>(n_cells));
  const double cost = 100.0 * static_cast<double>(design.X->size() * V.cols());
  parallel_for(n_cells, cost, execution, [&](Index cell, int, const auto&) {
    of_cell[cell] = peaks_of(design, rows, cell, V, starts, floor);
  });
  std::vector<JointPeak> all;
  for (auto& peaks : of_cell) {
    all.insert(all.end(), std::make_move_iterator(peaks.begin()),
               std::make_move_iterator(peaks.end()));
  }
  return all;
}

}  // namespace cvxnn
