// Supports of blocks in cones, and points in the interior of cones.
#include <algorithm>
#include <limits>

#include "barrier_program.hpp"
#include "cvxnn/witness.hpp"

namespace cvxnn {
namespace {

constexpr double kNarrow = 1e-10;  // distance to walls, of unit vectors, that may be rounding
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// One block that is compared with a point: the proximal point of a norm over a cone {u : M u >= 0}.
class ProximalBlock final : public ConeBlocks {
 public:
  ProximalBlock(const Matrix& M, const Vector& inside, const PartNorm& norm)
      : M_(M), inside_(inside), norm_(norm) {}

  Index size() const override { return 1; }
  Index width() const override { return M_.cols(); }
  PartNorm norm() const override { return norm_; }
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
  PartNorm norm_;
};

std::vector<Word> all_rows(const Matrix& M) {
  return std::vector<Word>(static_cast<std::size_t>(words_for(M.rows())), ~Word{0});
}

// Upper bound on max c . u over {M u >= 0, N(u) <= 1} from the projection of c, which is the dual
// point for the Euclidean norm; not resolved below the cutoff.
double support_by_projection(const Matrix& M, const Vector& c, const PartNorm& norm,
                             double cutoff) {
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
  return norm.dual(dual_point) + roundings * kEpsilon * magnitude;
}

// The same, close where it is near the cutoff, which is positive: the proximal point of c for
// cutoff times the norm is zero if and only if the support is no larger, and its multipliers z >= 0
// prove that it is at most the dual norm of c + M' z.
double support_in(const Matrix& M, const Vector& c, const PartNorm& norm, double cutoff,
                  const Execution& execution) {
  constexpr int kSteps = 100;
  constexpr double kFastest = 0.4;
  constexpr double kClose = 1e-17;  // of the barriers, in units of the squared cutoff
  double bound = support_by_projection(M, c, norm, norm.euclidean() ? cutoff : 0.0);
  if (bound <= cutoff || norm.euclidean()) return bound;
  const Vector inside = interior_of(M);
  const Vector scaled = c / cutoff;
  if (inside.isZero(0) || !scaled.allFinite()) return bound;
  const SquaredLoss loss(scaled, Vector::Ones(c.size()));
  const ProximalBlock block(M, inside, norm);
  BarrierMethod method(block, loss, execution);
  if (!method.start({})) return bound;
  int small_steps = 0;
  for (int step = 0; step < kSteps && small_steps < 5; ++step) {
    const Vector& z = method.multipliers(0);
    const double rounding =
        static_cast<double>(M.rows() + 4) * kEpsilon * (scaled.norm() + z.sum());
    const double proved = norm.dual(scaled + M.transpose() * z) + rounding;
    if (cutoff * proved < bound) bound = cutoff * proved;
    if (bound <= cutoff || method.barrier_gap() <= kClose) break;
    small_steps = method.advance(kClose, kFastest) < 0.05 ? small_steps + 1 : 0;
  }
  return bound;
}

}  // namespace

std::vector<double> supports_of(const PricedBlocks& blocks, const Vector& v,
                                const Execution& execution) {
  const double error = blocks.gradient_error(v);
  const double beta = blocks.beta();
  const Execution alone;  // of each block
  // what counts is whether a support is above beta, rounding of its gradient included
  const double cutoff = std::max(beta - error, 0.5 * beta);
  std::vector<double> supports(static_cast<std::size_t>(blocks.size()), 0.0);
  parallel_for(blocks.size(), 30.0 * blocks.cost(), execution, [&](Index b, int, const auto&) {
    const Vector ascent = -blocks.gradient(b, v);
    supports[b] = blocks.norm().dual(ascent) + error;
    if (supports[b] <= beta) return;
    supports[b] = support_in(blocks.cone(b), ascent, blocks.norm(), cutoff, alone) + error;
  });
  return supports;
}

Vector interior_of(const Matrix& M) {
  const Vector inside = widest_direction(M, all_rows(M).data());
  const Vector slack = M * inside;
  for (Index k = 0; k < M.rows(); ++k) {
    if (!M.row(k).isZero(0) && !(slack(k) > kNarrow)) return Vector::Zero(M.cols());
  }
  return inside;
}

}  // namespace cvxnn
