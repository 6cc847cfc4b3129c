// The interior-point method on a working set, for problems on which the second-order finish crawls:
// little regularisation and many rows of the cones near equality.
#include "barrier_method.hpp"
#include "cvxnn/witness.hpp"
#include "working_set.hpp"

namespace cvxnn {
namespace {

// The blocks of a working set. Rows of zeros constrain nothing.
class WorkingBlocks final : public ConeBlocks {
 public:
  WorkingBlocks(const Program& program, const WorkingSet& set) : program_(program), set_(set) {}

  Index size() const override { return static_cast<Index>(set_.blocks.size()); }
  Index width() const override { return program_.design.n_features(); }
  PartNorm norm() const override { return {}; }
  Index n_samples() const override { return program_.design.n_samples(); }
  Index n_targets() const override { return program_.n_targets; }
  Index target_of(Index b) const override { return program_.target_of(id(b)); }
  double beta() const override { return program_.beta; }
  double cost() const override { return 0.1 * block_cost(program_); }

  Vector interior(Index b) const override {
    if (!program_.cones) return Vector::Zero(width());
    return widest_direction(program_.cone_rows, program_.cone_of(id(b)).pattern);
  }
  Vector constrains(Index b) const override { return sides(b).cwiseAbs(); }
  Vector slacks(Index b, const Vector& u) const override {
    return sides(b).cwiseProduct(program_.cone_rows * u);
  }
  Vector pull(Index b, const Vector& z) const override {
    return program_.cone_rows.transpose() * sides(b).cwiseProduct(z);
  }
  Matrix curvature(Index, const Vector& weights) const override {
    return program_.cone_rows.transpose() * (weights.asDiagonal() * program_.cone_rows);
  }
  void add_outputs(Index b, const Vector& u, Vector& f) const override {
    program_.add_outputs(id(b), u, f);
  }
  Vector gradient(Index b, const Vector& v) const override { return program_.gradient(id(b), v); }
  Matrix columns(Index b) const override {
    return program_.sign_of(id(b)) *
           program_.design.columns(program_.cell_of(id(b)), 0, n_samples());
  }

 private:
  Index id(Index b) const { return set_.blocks[b].id; }

  Vector sides(Index b) const {
    Vector sides = Vector::Zero(program_.cones ? program_.cone_rows.rows() : 0);
    if (sides.size() == 0) return sides;
    const Word* pattern = program_.cone_of(id(b)).pattern;
    for (Index k = 0; k < sides.size(); ++k) {
      if (!program_.cone_rows.row(k).isZero(0)) sides(k) = get_bit(pattern, k) ? 1.0 : -1.0;
    }
    return sides;
  }

  const Program& program_;
  const WorkingSet& set_;
};

}  // namespace

bool interior_point(const Program& program, const Loss& loss, double gap, WorkingSet& set,
                    const Deadline& deadline, const Execution& execution) {
  constexpr int kMaxSteps = 80;
  Poller poller(execution);
  const WorkingBlocks blocks(program, set);
  BarrierMethod method(blocks, loss, execution);
  std::vector<Vector> points;
  for (const Block& block : set.blocks) points.push_back(block.u);
  if (!method.start(points)) return false;
  int small_steps = 0;
  for (int step = 0; step < kMaxSteps && !deadline.passed(); ++step) {
    poller.check();
    const double taken = method.advance(0.05 * gap);
    small_steps = taken < 0.05 ? small_steps + 1 : 0;
    if (method.barrier_gap() <= 0.1 * gap || small_steps == 5) break;
  }
  WorkingSet result = set;
  for (std::size_t b = 0; b < result.blocks.size(); ++b) {
    result.blocks[b].u = method.point(static_cast<Index>(b));
    result.blocks[b].tight.clear();
  }
  result.predictions = method.predictions();
  result.dual = loss.gradient(result.predictions);
  const double before = working_set_gap(program, loss, set, execution);
  if (!(working_set_gap(program, loss, result, execution) < before)) return false;
  set = std::move(result);
  return true;
}

}  // namespace cvxnn
