// Supports of nested cells, and points in their interior.
#include <algorithm>
#include <limits>

#include "cvxnn/witness.hpp"
#include "nested_blocks.hpp"

namespace cvxnn {
namespace {

constexpr double kNarrow = 1e-10;  // distance to walls, of unit vectors, that may be rounding
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// One block that is compared with a point: the proximal point of a norm over a cone {u : M u >= 0}.
class ProximalBlock final : public ConeBlocks {
 public:
  ProximalBlock(const Matrix& M, const Vector& inside, Index parts)
      : M_(M), inside_(inside), parts_(parts) {}

  Index size() const override { return 1; }
  Index width() const override { return M_.cols(); }
  Index parts() const override { return parts_; }
  Index n_samples() const override { return M_.cols(); }
  Index n_targets() const override { return 1; }
  Index target_of(Index) const override { return 0; }
  double beta() const override { return 1.0; }
  double cost() const override { return static_cast<double>(M_.size()); }
  Vector interior(Index) const override { return inside_; }
  Vector constrains(Index) const override {
    return (M_.rowwise().squaredNorm().array() > 0.0).cast<double>();
  }
  Vector slacks(Index, const Vector& u) const override { return M_ * u; }
  Vector pull(Index, const Vector& z) const override { return M_.transpose() * z; }
  Matrix curvature(Index, const Vector& weights) const override {
    return M_.transpose() * (weights.asDiagonal() * M_);
  }
  void add_outputs(Index, const Vector& u, Vector& f) const override { f += u; }
  Vector gradient(Index, const Vector& v) const override { return v; }
  Matrix columns(Index) const override { return Matrix::Identity(width(), width()); }

 private:
  const Matrix& M_;
  const Vector& inside_;
  Index parts_;
};

std::vector<Word> all_rows(const Matrix& M) {
  return std::vector<Word>(static_cast<std::size_t>(words_for(M.rows())), ~Word{0});
}

// A unit vector in the interior of {u : M u >= 0}, unit rows, zero where rounding leaves nothing.
Vector interior_of(const Matrix& M) {
  const Vector inside = widest_direction(M, all_rows(M).data());
  const Vector slack = M * inside;
  for (Index k = 0; k < M.rows(); ++k) {
    if (!M.row(k).isZero(0) && !(slack(k) > kNarrow)) return Vector::Zero(M.cols());
  }
  return inside;
}

// Upper bound on max c . u over {M u >= 0, N(u) <= 1} from the projection of c, which is the dual
// point for one part; not resolved below the cutoff.
double support_by_projection(const Matrix& M, const Vector& c, Index parts, double cutoff) {
  const std::vector<Word> all = all_rows(M);
  ConeProjector projector;
  std::vector<Index> tight;
  projector.project({&M, all.data()}, c, tight, cutoff);
  const Vector multipliers = projector.multipliers();
  Vector dual_point = c;
  double magnitude = c.norm();
  for (std::size_t i = 0; i < tight.size(); ++i) {
    const double multiplier = std::max(0.0, multipliers(static_cast<Index>(i)));
    dual_point += multiplier * M.row(tight[i]).transpose();
    magnitude += multiplier;
  }
  const double roundings = static_cast<double>(static_cast<Index>(tight.size()) + 2 * c.size() + 4);
  return largest_part(dual_point, parts) + roundings * kEpsilon * magnitude;
}

// The same, close where it is near the cutoff, which is positive: the proximal point of c for
// cutoff times the norm is zero if and only if the support is no larger, and its multipliers z >= 0
// prove that it is at most the largest norm of a part of c + M' z.
double support_of_parts(const Matrix& M, const Vector& c, Index parts, double cutoff,
                        const Execution& execution) {
  constexpr int kSteps = 100;
  constexpr double kFastest = 0.4;
  constexpr double kClose = 1e-17;  // of the barriers, in units of the squared cutoff
  double bound = support_by_projection(M, c, parts, parts == 1 ? cutoff : 0.0);
  if (bound <= cutoff || parts == 1) return bound;
  const Vector inside = interior_of(M);
  const Vector scaled = c / cutoff;
  if (inside.isZero(0) || !scaled.allFinite()) return bound;
  const SquaredLoss loss(scaled, Vector::Ones(c.size()));
  const ProximalBlock block(M, inside, parts);
  BarrierMethod method(block, loss, execution);
  if (!method.start({})) return bound;
  int small_steps = 0;
  for (int step = 0; step < kSteps && small_steps < 5; ++step) {
    const Vector& z = method.multipliers(0);
    const double rounding =
        static_cast<double>(M.rows() + 4) * kEpsilon * (scaled.norm() + z.sum());
    const double proved = largest_part(scaled + M.transpose() * z, parts) + rounding;
    if (cutoff * proved < bound) bound = cutoff * proved;
    if (bound <= cutoff || method.barrier_gap() <= kClose) break;
    small_steps = method.advance(kClose, kFastest) < 0.05 ? small_steps + 1 : 0;
  }
  return bound;
}

}  // namespace

std::vector<double> price_nested(const NestedProgram& program, const Vector& v,
                                 const Execution& execution) {
  const Matrix rows = unit_rows(*program.X);
  const Matrix none;
  const NestedBlocks blocks(program, none);
  const double error = gradient_error(program, v);
  const Execution alone;  // of each block
  // what counts is whether a support is above beta, rounding of its gradient included
  const double cutoff = std::max(program.beta - error, 0.5 * program.beta);
  std::vector<double> supports(static_cast<std::size_t>(program.n_blocks()), 0.0);
  parallel_for(program.n_blocks(), 30.0 * blocks.cost(), execution, [&](Index b, int, const auto&) {
    const Vector ascent = -blocks.gradient(b, v);
    const double cheap = largest_part(ascent, blocks.parts()) + error;
    supports[b] = cheap;
    if (cheap <= program.beta) return;
    const Masks masks(*program.cells, program.cell_of(b), program.X->rows());
    const Matrix M = cone_rows(rows, masks);
    supports[b] = support_of_parts(M, ascent, blocks.parts(), cutoff, alone) + error;
  });
  return supports;
}

Matrix nested_interiors(const Matrix& X, const NestedCells& cells, const Execution& execution) {
  const Matrix rows = unit_rows(X);
  Matrix interiors(cells.size(), cells.parts * X.cols());
  const double cost = 20.0 * static_cast<double>(X.size() * cells.parts * cells.parts * X.cols());
  parallel_for(cells.size(), cost, execution, [&](Index i, int, const auto&) {
    interiors.row(i) = interior_of(cone_rows(rows, Masks(cells, i, X.rows()))).transpose();
  });
  return interiors;
}

}  // namespace cvxnn
