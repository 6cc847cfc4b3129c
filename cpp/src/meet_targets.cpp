#include "meet_targets.hpp"

#include <cmath>

#include "cone_faces.hpp"
#include "tiled_algebra.hpp"
#include "working_set.hpp"

namespace cvxnn {
namespace {

constexpr double kNear = 1e-8;    // of a row, against the length of u
constexpr double kRidge = 1e-14;  // of the mean of the diagonal
constexpr int kMostSteps = 10;

// A basis of the face that a block lies on, times its length.
Matrix scaled_face(const Program& program, Block& block) {
  const Index d = program.design.n_features();
  const double length = block.u.norm();
  if (!program.cones) return length * Matrix::Identity(d, d);
  std::vector<Index> rows;
  for (Index k = 0; k < program.cone_rows.rows(); ++k) {
    if (std::abs(program.cone_rows.row(k).dot(block.u)) <= kNear * length) rows.push_back(k);
  }
  block.tight.clear();
  keep_tight_rows(program.cone_rows, rows, block, kNear);
  return length * face_basis(program.cone_rows, block.tight);
}

}  // namespace

bool meet_targets(const Program& program, const Loss& loss, std::vector<Block>& blocks,
                  const Execution& execution) {
  if (blocks.empty()) return false;
  std::vector<Block> moved = blocks;
  std::vector<Matrix> faces(blocks.size());
  std::vector<Index> starts(1, 0);
  for (std::size_t b = 0; b < moved.size(); ++b) {
    faces[b] = scaled_face(program, moved[b]);
    starts.push_back(starts.back() + faces[b].cols());
  }
  // rows of the transposed system, so that its product is over columns
  Matrix outputs(starts.back(), loss.size());
  parallel_for(static_cast<Index>(moved.size()), block_cost(program), execution,
               [&](Index b, int, const auto&) {
                 for (Index j = 0; j < faces[b].cols(); ++j) {
                   Vector f = Vector::Zero(loss.size());
                   program.add_outputs(moved[b].id, faces[b].col(j), f);
                   outputs.row(starts[b] + j) = f.transpose();
                 }
               });
  Matrix system = lower_product(outputs, execution);
  system.diagonal().array() += kRidge * system.diagonal().mean();
  factorise(system, execution);

  std::vector<ConeProjector> projectors(static_cast<std::size_t>(execution.n_threads));
  double before = std::numeric_limits<double>::infinity();
  for (int step = 0; step < kMostSteps; ++step) {
    const Vector f = predictions(program, moved);
    if (std::isfinite(loss.value(f))) {
      blocks = std::move(moved);
      return true;
    }
    Vector missing = loss.missing(f);
    const double most = missing.lpNorm<Eigen::Infinity>();
    if (!(most < 0.5 * before)) return false;
    before = most;
    system.triangularView<Eigen::Lower>().solveInPlace(missing);
    system.triangularView<Eigen::Lower>().transpose().solveInPlace(missing);
    const Vector change = outputs * missing;
    if (!change.allFinite()) return false;  // a system that rounding made indefinite
    parallel_for(static_cast<Index>(moved.size()), block_cost(program), execution,
                 [&](Index b, int thread, const auto&) {
                   Block& block = moved[b];
                   block.u += faces[b] * change.segment(starts[b], faces[b].cols());
                   if (!program.cones) return;
                   ConeProjector& projector = projectors[thread];
                   projector.project(program.cone_of(block.id), block.u, block.tight);
                   block.u = projector.point();
                 });
  }
  return false;
}

}  // namespace cvxnn
