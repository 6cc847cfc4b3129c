#include "cvxnn/block_program.hpp"

#include <algorithm>
#include <limits>

#include "barrier_program.hpp"
#include "cvxnn/cone.hpp"

namespace cvxnn {
namespace {

class ListedBlocks final : public PricedBlocks {
 public:
  // `interiors` as in solve_block_program, or empty if none is asked for.
  ListedBlocks(const BlockProgram& program, const Matrix& interiors)
      : program_(program), interiors_(interiors) {
    for (const ListedBlock& block : program.blocks) cones_.push_back(unit_rows(block.cone));
  }

  Index size() const override { return static_cast<Index>(program_.blocks.size()); }
  Index width() const override { return program_.blocks.front().outputs.cols(); }
  PartNorm norm() const override { return program_.norm; }
  Index n_samples() const override { return outputs(0).rows() / program_.n_targets; }
  Index n_targets() const override { return program_.n_targets; }
  bool joint() const override { return true; }
  Index target_of(Index) const override { return 0; }
  double beta() const override { return program_.beta; }
  double cost() const override {
    return static_cast<double>(outputs(0).size() + cones_.front().size());
  }

  Vector interior(Index b) const override { return interiors_.row(b).transpose(); }
  Vector constrains(Index b) const override {
    return (cones_[b].rowwise().squaredNorm().array() > 0.0).cast<double>();
  }
  Vector slacks(Index b, const Vector& u) const override { return cones_[b] * u; }
  Vector pull(Index b, const Vector& z) const override { return cones_[b].transpose() * z; }
  Matrix curvature(Index b, const Vector& weights) const override {
    return cones_[b].transpose() * (weights.asDiagonal() * cones_[b]);
  }
  void add_outputs(Index b, const Vector& u, Vector& f) const override { f += outputs(b) * u; }
  Vector gradient(Index b, const Vector& v) const override { return outputs(b).transpose() * v; }
  Matrix columns(Index b) const override { return outputs(b); }
  Matrix cone(Index b) const override { return cones_[b]; }
  double gradient_error(const Vector& v) const override {
    const double terms = static_cast<double>(v.size() + 8);
    double largest = 0.0;
    for (const ListedBlock& block : program_.blocks) {
      largest = std::max(largest, v.cwiseAbs().dot(block.outputs.rowwise().norm()));
    }
    return terms * std::numeric_limits<double>::epsilon() * largest;
  }

 private:
  const Matrix& outputs(Index b) const { return program_.blocks[b].outputs; }

  const BlockProgram& program_;
  const Matrix& interiors_;
  std::vector<Matrix> cones_;  // unit rows
};

}  // namespace

std::vector<double> price_blocks(const BlockProgram& program, const Vector& v,
                                 const Execution& execution) {
  const Matrix none;
  return supports_of(ListedBlocks(program, none), v, execution);
}

Matrix block_interiors(const BlockProgram& program, const Execution& execution) {
  const Matrix none;
  const ListedBlocks blocks(program, none);
  Matrix interiors(blocks.size(), blocks.width());
  const double cost = 20.0 * blocks.cost() * static_cast<double>(blocks.width());
  parallel_for(blocks.size(), cost, execution, [&](Index b, int, const auto&) {
    interiors.row(b) = interior_of(blocks.cone(b)).transpose();
  });
  return interiors;
}

Solution solve_block_program(const BlockProgram& program, const Loss& loss, const Matrix& interiors,
                             const SolverOptions& options, const Execution& execution) {
  return solve_by_barrier(ListedBlocks(program, interiors), loss, options, execution);
}

}  // namespace cvxnn
