#include "cvxnn/nested_program.hpp"

#include <algorithm>
#include <cmath>

#include "barrier_method.hpp"
#include "cvxnn/witness.hpp"
#include "working_set.hpp"

namespace cvxnn {
namespace {

constexpr double kNarrow = 1e-10;  // distance to walls, of unit vectors, that may be rounding
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// What a nested cell multiplies rows of X by. Its cone has a row for each sample and first-layer
// neuron, neuron by neuron, and then one for each sample.
struct Masks {
  Matrix gates;    // (n, parts): s_j where D_j is on, otherwise 0
  Matrix sides;    // (n, parts): 1 or -1 as D_j is on or off
  Vector on;       // (n,): D_l
  Vector coupled;  // (n,): 1 or -1 as D_l is on or off, 0 where the gates decide that

  Masks(const NestedCells& cells, Index cell, Index n) {
    gates.resize(n, cells.parts);
    sides.resize(n, cells.parts);
    for (Index j = 0; j < cells.parts; ++j) {
      const Word* pattern = cells.first.pattern(cells.members[cell * cells.parts + j]);
      const double sign = cells.signs[cell * cells.parts + j];
      for (Index k = 0; k < n; ++k) {
        const bool active = get_bit(pattern, k);
        gates(k, j) = active ? sign : 0.0;
        sides(k, j) = active ? 1.0 : -1.0;
      }
    }
    on.resize(n);
    coupled.resize(n);
    for (Index k = 0; k < n; ++k) {
      on(k) = get_bit(cells.second.pattern(cell), k) ? 1.0 : 0.0;
      const double side = 2.0 * on(k) - 1.0;
      // sums of terms of one sign are on its side; no terms are zero
      const bool decided = (side * gates.row(k).array() >= 0.0).all();
      coupled(k) = decided ? 0.0 : side;
    }
  }
};

class NestedBlocks final : public ConeBlocks {
 public:
  // `interiors` as in solve_nested_program, or empty if none is asked for.
  NestedBlocks(const NestedProgram& program, const Matrix& interiors)
      : program_(program), rows_(unit_rows(*program.X)), interiors_(interiors) {}

  Index size() const override { return program_.n_blocks(); }
  Index width() const override { return program_.width(); }
  Index parts() const override { return program_.separate_norms ? program_.cells->parts : 1; }
  Index n_samples() const override { return program_.X->rows(); }
  Index n_targets() const override { return program_.n_targets; }
  Index target_of(Index b) const override { return program_.target_of(b); }
  double beta() const override { return program_.beta; }
  double cost() const override {
    return static_cast<double>(program_.X->size() * program_.cells->parts);
  }

  Vector interior(Index b) const override { return interiors_.row(cell(b)).transpose(); }

  Vector constrains(Index b) const override {
    const Masks masks = masks_of(b);
    const Vector used = (rows_.rowwise().squaredNorm().array() > 0.0).cast<double>();
    const Index n = n_samples();
    Vector all(n * (program_.cells->parts + 1));
    all.head(n * program_.cells->parts) = used.replicate(program_.cells->parts, 1);
    all.tail(n) = used.cwiseProduct(masks.coupled.cwiseAbs());
    return all;
  }

  Vector slacks(Index b, const Vector& u) const override {
    const Masks masks = masks_of(b);
    const Matrix products = rows_ * by_part(u);
    Vector all(products.size() + n_samples());
    all.head(products.size()) = masks.sides.cwiseProduct(products).reshaped();
    all.tail(n_samples()) =
        masks.coupled.cwiseProduct(masks.gates.cwiseProduct(products).rowwise().sum());
    return all;
  }

  Vector pull(Index b, const Vector& z) const override {
    const Masks masks = masks_of(b);
    const Index n = n_samples();
    const Vector coupled = masks.coupled.cwiseProduct(z.tail(n));
    const Matrix own =
        masks.sides.cwiseProduct(z.head(masks.sides.size()).reshaped(n, masks.sides.cols()));
    const Matrix pulled = rows_.transpose() * (own + coupled.asDiagonal() * masks.gates);
    return pulled.reshaped();
  }

  Matrix curvature(Index b, const Vector& weights) const override {
    const Masks masks = masks_of(b);
    const Index n = n_samples();
    const Index d = rows_.cols();
    const Index parts = masks.gates.cols();
    const Vector shared = weights.tail(n).cwiseProduct(masks.coupled.cwiseAbs());
    Matrix sum(width(), width());
    for (Index i = 0; i < parts; ++i) {
      for (Index j = 0; j <= i; ++j) {
        Vector h = shared.cwiseProduct(masks.gates.col(i)).cwiseProduct(masks.gates.col(j));
        if (i == j) h += weights.segment(i * n, n);
        sum.block(i * d, j * d, d, d) = rows_.transpose() * (h.asDiagonal() * rows_);
        if (i != j) sum.block(j * d, i * d, d, d) = sum.block(i * d, j * d, d, d).transpose();
      }
    }
    return sum;
  }

  void add_outputs(Index b, const Vector& u, Vector& f) const override {
    const Masks masks = masks_of(b);
    const Vector g = masks.gates.cwiseProduct(*program_.X * by_part(u)).rowwise().sum();
    f.segment(target_of(b) * n_samples(), n_samples()) += sign(b) * masks.on.cwiseProduct(g);
  }

  Vector gradient(Index b, const Vector& v) const override {
    const Masks masks = masks_of(b);
    const auto part = v.segment(target_of(b) * n_samples(), n_samples());
    const Vector seen = sign(b) * masks.on.cwiseProduct(part);
    const Matrix pulled = program_.X->transpose() * (seen.asDiagonal() * masks.gates);
    return pulled.reshaped();
  }

  Matrix columns(Index b) const override {
    const Masks masks = masks_of(b);
    const Index d = rows_.cols();
    Matrix all(n_samples(), width());
    for (Index j = 0; j < masks.gates.cols(); ++j) {
      const Vector gate = sign(b) * masks.on.cwiseProduct(masks.gates.col(j));
      all.middleCols(j * d, d) = gate.asDiagonal() * *program_.X;
    }
    return all;
  }

 private:
  Index cell(Index b) const { return program_.cell_of(b); }
  double sign(Index b) const { return program_.sign_of(b); }
  Masks masks_of(Index b) const { return {*program_.cells, cell(b), n_samples()}; }
  // u as a column for each part
  Eigen::Map<const Matrix> by_part(const Vector& u) const {
    return {u.data(), program_.X->cols(), program_.cells->parts};
  }

  const NestedProgram& program_;
  Matrix rows_;  // unit rows of X
  const Matrix& interiors_;
};

// The rows of a nested cell's cone that constrain something, scaled to unit length.
Matrix cone_rows(const Matrix& rows, const Masks& masks) {
  const Index d = rows.cols();
  const Index n = rows.rows();
  const Index parts = masks.gates.cols();
  std::vector<Index> coupled;
  for (Index k = 0; k < n; ++k) {
    if (masks.coupled(k) != 0.0) coupled.push_back(k);
  }
  Matrix all = Matrix::Zero(n * parts + static_cast<Index>(coupled.size()), d * parts);
  for (Index j = 0; j < parts; ++j) {
    all.block(j * n, j * d, n, d) = masks.sides.col(j).asDiagonal() * rows;
  }
  for (std::size_t i = 0; i < coupled.size(); ++i) {
    const Index k = coupled[i];
    for (Index j = 0; j < parts; ++j) {
      all.block(n * parts + static_cast<Index>(i), j * d, 1, d) =
          masks.coupled(k) * masks.gates(k, j) * rows.row(k);
    }
  }
  return unit_rows(all);
}

double largest_part(const Vector& u, Index parts) {
  return u.reshaped(u.size() / parts, parts).colwise().norm().maxCoeff();
}

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

// What the gradients of blocks are off by.
double gradient_error(const NestedProgram& program, const Vector& v) {
  const double terms = static_cast<double>(program.X->rows() + 8);
  const Vector lengths = program.X->rowwise().norm();
  double largest = 0.0;
  for (Index t = 0; t < program.n_targets; ++t) {
    const auto part = v.segment(t * program.X->rows(), program.X->rows());
    largest = std::max(largest, part.cwiseAbs().dot(lengths));
  }
  return terms * kEpsilon * largest * std::sqrt(static_cast<double>(program.cells->parts));
}

// An upper bound on the supports of all blocks from the multipliers that a method holds: their
// points of the dual cones, whatever these multipliers are.
double support_from(const NestedBlocks& blocks, const BarrierMethod& method, const Vector& v,
                    const Execution& execution) {
  std::vector<double> supports(static_cast<std::size_t>(blocks.size()));
  parallel_for(blocks.size(), 4.0 * blocks.cost(), execution, [&](Index b, int, const auto&) {
    const Vector& multipliers = method.multipliers(b);
    const Vector dual_point = blocks.pull(b, multipliers) - blocks.gradient(b, v);
    const double rounding = static_cast<double>(multipliers.size() + 8) * kEpsilon;
    supports[b] = largest_part(dual_point, blocks.parts()) + rounding * multipliers.sum();
  });
  return *std::max_element(supports.begin(), supports.end());
}

double norm_of(const NestedBlocks& blocks, const Vector& u) {
  return u.reshaped(u.size() / blocks.parts(), blocks.parts()).colwise().norm().sum();
}

struct Candidate {
  std::vector<Block> blocks;
  double objective = std::numeric_limits<double>::infinity();
};

Index count_used(const NestedBlocks& all, const std::vector<Block>& blocks) {
  constexpr double kUsed = 1e-4;  // of the largest
  Vector norms(static_cast<Index>(blocks.size()));
  for (Index b = 0; b < norms.size(); ++b) norms(b) = norm_of(all, blocks[b].u);
  return norms.size() == 0 ? 0 : (norms.array() > kUsed * norms.maxCoeff()).count();
}

// t u for the t in [0, 1] with the least objective: of use where time ran out.
Candidate best_multiple(const NestedProgram& program, const NestedBlocks& all, const Loss& loss,
                        Candidate candidate) {
  constexpr int kHalvings = 60;
  Vector f = Vector::Zero(loss.size());
  double norms = 0.0;
  for (const Block& block : candidate.blocks) {
    all.add_outputs(block.id, block.u, f);
    norms += norm_of(all, block.u);
  }
  double low = 0.0;
  double high = 1.0;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = 0.5 * (low + high);
    const double slope = loss.gradient(middle * f).dot(f) + program.beta * norms;
    (slope > 0.0 ? high : low) = middle;
  }
  const double objective = loss.value(low * f) + program.beta * low * norms;
  if (!(objective < candidate.objective)) return candidate;
  for (Block& block : candidate.blocks) block.u *= low;
  candidate.objective = objective;
  return candidate;
}

// The blocks above a share of the largest one, at the objective that is left without the others.
Candidate without_small(const NestedProgram& program, const NestedBlocks& all, const Loss& loss,
                        const std::vector<Block>& blocks, double share) {
  double largest = 0.0;
  for (const Block& block : blocks) largest = std::max(largest, norm_of(all, block.u));
  Candidate kept;
  Vector f = Vector::Zero(loss.size());
  double norms = 0.0;
  for (const Block& block : blocks) {
    const double length = norm_of(all, block.u);
    if (length <= share * largest) continue;
    all.add_outputs(block.id, block.u, f);
    norms += length;
    kept.blocks.push_back(block);
  }
  kept.objective = loss.value(f) + program.beta * norms;
  return kept;
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

Solution solve_nested_program(const NestedProgram& program, const Loss& loss,
                              const Matrix& interiors, const SolverOptions& options,
                              const Execution& execution) {
  constexpr int kMaxSmallSteps = 10;
  constexpr double kShares[] = {1e-2, 1e-4, 1e-6, 1e-8};
  const Deadline deadline{Deadline::Clock::now(), options.max_seconds};
  const NestedBlocks blocks(program, interiors);
  BarrierMethod method(blocks, loss, execution);
  Solution solution;
  solution.objective = loss.value(Vector::Zero(loss.size()));
  solution.lower_bound = -std::numeric_limits<double>::infinity();
  solution.dual = Vector::Zero(loss.size());
  const auto bound_from = [&](const Vector& v, double support) {
    const DualBound bound = dual_bound(loss, v, std::max(support, program.beta), program.beta);
    if (!(bound.value > solution.lower_bound)) return;
    solution.lower_bound = bound.value;
    solution.dual = bound.scale * v;
  };
  Poller poller(execution);
  const bool started = blocks.size() > 0 && method.start({});
  if (!started) {
    solution.status = blocks.size() > 0 ? Status::stalled : Status::converged;
    bound_from(loss.gradient(Vector::Zero(loss.size())), 0.0);
    if (blocks.size() > 0) solution.proved = false;
    return solution;
  }
  int small_steps = 0;
  Candidate found;  // the best iterate
  for (int round = 0;; ++round) {
    const Vector v = loss.gradient(method.predictions());
    bound_from(v, support_from(blocks, method, v, execution) + gradient_error(program, v));
    if (method.objective() < found.objective) {
      found.objective = method.objective();
      found.blocks.clear();
      for (Index b = 0; b < blocks.size(); ++b) found.blocks.push_back({b, method.point(b), {}});
    }
    const double objective = std::min(solution.objective, found.objective);
    const Progress progress{round, deadline.elapsed(), objective, solution.lower_bound,
                            count_used(blocks, found.blocks)};
    solution.history.push_back(progress);
    const bool stop = options.on_round && options.on_round(progress);
    const double gap = objective - solution.lower_bound;
    solution.status = gap <= 0.5 * options.tol * std::abs(objective) ? Status::converged
                      : stop                                         ? Status::stopped
                      : deadline.passed()                            ? Status::time_limit
                      : round == options.max_rounds                  ? Status::iteration_limit
                                                                     : Status::stalled;
    if (solution.status != Status::stalled || small_steps == kMaxSmallSteps) break;
    poller.check();
    const double target = 0.1 * options.tol * std::abs(objective);
    small_steps = method.advance(target) < 0.05 ? small_steps + 1 : 0;
  }
  if (solution.status == Status::stalled) {
    // multipliers lag behind where many solutions are as good: those of pricing do not
    const Vector v = loss.gradient(method.predictions());
    const std::vector<double> supports = price_nested(program, v, execution);
    bound_from(v, *std::max_element(supports.begin(), supports.end()));
  }
  // the interior-point method leaves no block at zero
  const double allowed = solution.lower_bound + options.tol * std::abs(found.objective);
  Candidate best = best_multiple(program, blocks, loss, found);
  for (const double share : kShares) {
    Candidate kept = without_small(program, blocks, loss, best.blocks, share);
    if (kept.objective > std::max(allowed, best.objective)) continue;
    best = std::move(kept);
    break;
  }
  if (best.objective <= solution.objective) {
    solution.objective = best.objective;
    solution.blocks = std::move(best.blocks);
  }
  const double gap = solution.objective - solution.lower_bound;
  if (gap <= options.tol * std::abs(solution.objective)) solution.status = Status::converged;
  return solution;
}

}  // namespace cvxnn
