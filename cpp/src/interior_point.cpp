// Interior-point method on a working set, for problems on which the second-order finish crawls:
// little regularisation and many rows of the cones near equality.
//
// The norm is smoothed by the barrier of its epigraph {(t, u) : ||u|| <= t}, with t eliminated; the
// rows of the cones get multipliers of their own (a primal-dual method). Every iterate is strictly
// inside the cones, every step is a descent step for the barrier function of the current mu.
#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "cvxnn/witness.hpp"
#include "hessian.hpp"
#include "tiled_algebra.hpp"
#include "working_set.hpp"

namespace cvxnn {
namespace {

// min_t beta t - mu log(t^2 - r^2) and its derivatives at r = ||u||.
struct SmoothNorm {
  double t;
  double q;
  double value;

  SmoothNorm(double r, double beta, double mu) {
    q = std::hypot(mu / beta, r);
    t = mu / beta + q;
    value = beta * t - mu * std::log(2.0 * mu * t / beta);
  }
};

// One block: u, its slacks s > 0 on the rows of its cone, their multipliers, and the Newton system.
struct Interior {
  Vector u;
  Vector side;         // 1 or -1 per row of the cone, 0 for rows that constrain nothing
  Vector slack;        // side * (rows u), 1 where side is 0
  Vector multipliers;  // 0 where side is 0
  Vector step;
  Vector slack_step;
  Vector descent;                // minus the gradient of the barrier function
  Eigen::LLT<Matrix> curvature;  // Hessian of the penalty and the barrier
};

class InteriorPoint {
 public:
  InteriorPoint(const Program& program, const Loss& loss, const WorkingSet& set,
                const Execution& execution)
      : program_(program), loss_(loss), set_(set), execution_(execution) {}

  // Moves every block strictly inside its cone; false if a cone has no interior.
  bool start() {
    const Index n_blocks = static_cast<Index>(set_.blocks.size());
    blocks_.resize(set_.blocks.size());
    double total = 0.0;
    for (const Block& block : set_.blocks) total += block.u.norm();
    const double inset = total > 0.0 ? 0.1 * total / static_cast<double>(n_blocks) : 1e-3;
    std::vector<char> failed(set_.blocks.size(), 0);
    parallel_for(n_blocks, 100.0 * block_cost(program_), execution_,
                 [&](Index b, int, const auto&) {
                   Interior& block = blocks_[b];
                   block.u = set_.blocks[b].u;
                   block.side = Vector::Zero(program_.cones ? program_.cone_rows.rows() : 0);
                   if (program_.cones) {
                     const Word* pattern = program_.cone_of(set_.blocks[b].id).pattern;
                     const Vector direction = widest_direction(program_.cone_rows, pattern);
                     block.u += inset * direction;
                     for (Index k = 0; k < block.side.size(); ++k) {
                       if (!program_.cone_rows.row(k).isZero(0))
                         block.side(k) = get_bit(pattern, k) ? 1 : -1;
                     }
                   }
                   block.slack = slacks(block, block.u);
                   failed[b] = !(block.slack.size() == 0 || block.slack.minCoeff() > 0.0);
                 });
    n_barriers_ = 2.0 * static_cast<double>(n_blocks);
    for (const Interior& block : blocks_) n_barriers_ += block.side.cwiseAbs().sum();
    f_ = predictions(&Interior::u);
    mu_ = 0.1 * objective() / n_barriers_;
    for (Interior& block : blocks_) {
      block.multipliers = mu_ * block.side.cwiseAbs().cwiseQuotient(block.slack);
    }
    return std::none_of(failed.begin(), failed.end(), [](char failure) { return failure; });
  }

  double objective() const {
    double norms = 0.0;
    for (const Interior& block : blocks_) norms += block.u.norm();
    return loss_.value(f_) + program_.beta * norms;
  }

  // What the barriers alone keep the objective above the optimum, roughly.
  double barrier_gap() const { return mu_ * n_barriers_; }

  // One Newton step; returns the fraction of it that was taken.
  double advance() {
    prepare();
    solve();
    const Vector f_step = predictions(&Interior::step);
    double primal = 1.0;
    double dual = 1.0;
    for (Interior& block : blocks_) {
      block.slack_step = slacks(block, block.step);
      const Vector change = block.side.cwiseAbs().cwiseProduct(
          ((mu_ - block.multipliers.array() * block.slack_step.array()) / block.slack.array())
              .matrix() -
          block.multipliers);
      for (Index k = 0; k < block.side.size(); ++k) {
        if (block.side(k) == 0.0) continue;
        if (block.slack_step(k) < 0.0)
          primal = std::min(primal, -0.99 * block.slack(k) / block.slack_step(k));
        if (change(k) < 0.0) dual = std::min(dual, -0.99 * block.multipliers(k) / change(k));
      }
      block.descent = change;  // reused: the change of the multipliers
    }
    const double before = barrier(0.0, f_step);
    const double taken = backtrack(primal, before, f_step);
    for (Interior& block : blocks_) {
      block.u += taken * block.step;
      block.slack = slacks(block, block.u);
      block.multipliers += dual * block.descent;
    }
    f_ = predictions(&Interior::u);
    if (taken > 0.9) {
      mu_ *= 0.1;
    } else if (taken > 0.3) {
      mu_ *= 0.4;
    }
    return taken;
  }

  WorkingSet result() const {
    WorkingSet set = set_;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      set.blocks[b].u = blocks_[b].u;
      set.blocks[b].tight.clear();
    }
    set.predictions = f_;
    set.dual = loss_.gradient(f_);
    return set;
  }

 private:
  Vector slacks(const Interior& block, const Vector& u) const {
    if (block.side.size() == 0) return Vector();
    Vector values = block.side.cwiseProduct(program_.cone_rows * u);
    for (Index k = 0; k < values.size(); ++k) {
      if (block.side(k) == 0.0) values(k) = 1.0;
    }
    return values;
  }

  Vector predictions(Vector Interior::* part) const {
    Vector f = Vector::Zero(loss_.size());
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      program_.add_outputs(set_.blocks[b].id, blocks_[b].*part, f);
    }
    return f;
  }

  // Barrier function after `fraction` of the step.
  double barrier(double fraction, const Vector& f_step) const {
    double sum = loss_.value(f_ + fraction * f_step);
    for (const Interior& block : blocks_) {
      sum += SmoothNorm((block.u + fraction * block.step).norm(), program_.beta, mu_).value;
      for (Index k = 0; k < block.side.size(); ++k) {
        if (block.side(k) != 0.0) {
          sum -= mu_ * std::log(block.slack(k) + fraction * block.slack_step(k));
        }
      }
    }
    return sum;
  }

  double backtrack(double fraction, double before, const Vector& f_step) const {
    const double noise = 1e-13 * std::abs(before);
    for (int halving = 0; halving < 20; ++halving, fraction *= 0.5) {
      if (barrier(fraction, f_step) <= before + noise) return fraction;
    }
    return 0.0;
  }

  // Gradients and curvatures of the blocks, and the columns that couple them.
  void prepare() {
    const Vector v = loss_.gradient(f_);
    hessian_ = loss_.hessian(f_);
    const Index d = program_.design.n_features();
    columns_.values.resize(program_.design.n_samples(), d * static_cast<Index>(blocks_.size()));
    columns_.starts.assign(static_cast<std::size_t>(program_.n_targets + 1), 0);
    for (const Block& block : set_.blocks) columns_.starts[program_.target_of(block.id) + 1] += d;
    std::partial_sum(columns_.starts.begin(), columns_.starts.end(), columns_.starts.begin());
    const double cost = 4.0 * static_cast<double>(program_.design.X->size() * d);
    parallel_for(
        static_cast<Index>(blocks_.size()), cost, execution_, [&](Index b, int, const auto&) {
          Interior& block = blocks_[b];
          const Index id = set_.blocks[b].id;
          const SmoothNorm norm(block.u.norm(), program_.beta, mu_);
          const double slope = program_.beta / norm.t;
          Matrix hessian = slope * Matrix::Identity(d, d) -
                           (slope / (norm.t * norm.q)) * block.u * block.u.transpose();
          block.descent = -program_.gradient(id, v) - slope * block.u;
          if (block.side.size() > 0) {
            const Matrix& rows = program_.cone_rows;
            const Vector weights = block.multipliers.cwiseQuotient(block.slack);
            hessian.noalias() += rows.transpose() * (weights.asDiagonal() * rows);
            block.descent.noalias() +=
                rows.transpose() * (mu_ * block.side.cwiseQuotient(block.slack));
          }
          block.curvature.compute(hessian);
          const Matrix outputs =
              program_.sign_of(id) *
              program_.design.columns(program_.cell_of(id), 0, program_.design.n_samples());
          columns_.values.middleCols(b * d, d) =
              block.curvature.matrixL().solve(outputs.transpose()).transpose();
        });
  }

  // (blocks' curvature + A' L'' A) step = descent, in the variables that make the blocks identity.
  void solve() {
    const Index d = program_.design.n_features();
    const Index m = columns_.values.cols();
    Vector target(m);
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      target.segment(static_cast<Index>(b) * d, d) =
          blocks_[b].curvature.matrixL().solve(blocks_[b].descent);
    }
    if (m <= columns_.values.rows() || columns_.n_targets() > 1) {
      Matrix system = lower_gram(std::move(columns_), hessian_, execution_);
      system.diagonal().array() += 1.0;
      target = solve_symmetric(system, std::move(target), execution_);
    } else {
      scale_by_root(hessian_, columns_.values);
      Matrix system = lower_product(columns_.values.transpose(), execution_);
      system.diagonal().array() += 1.0;
      const Vector coupled = columns_.values * target;
      target -= columns_.values.transpose() * solve_symmetric(system, coupled, execution_);
    }
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      blocks_[b].step =
          blocks_[b].curvature.matrixU().solve(target.segment(static_cast<Index>(b) * d, d));
    }
  }

  const Program& program_;
  const Loss& loss_;
  const WorkingSet& set_;
  const Execution& execution_;
  std::vector<Interior> blocks_;
  Vector f_;
  OutputColumns columns_;  // of all blocks
  Hessian hessian_;        // of the loss
  double mu_ = 0.0;
  double n_barriers_ = 0.0;
};

}  // namespace

bool interior_point(const Program& program, const Loss& loss, double gap, WorkingSet& set,
                    const Deadline& deadline, const Execution& execution) {
  constexpr int kMaxSteps = 80;
  Poller poller(execution);
  InteriorPoint method(program, loss, set, execution);
  if (!method.start()) return false;
  int small_steps = 0;
  for (int step = 0; step < kMaxSteps && !deadline.passed(); ++step) {
    poller.check();
    const double taken = method.advance();
    small_steps = taken < 0.05 ? small_steps + 1 : 0;
    if (method.barrier_gap() <= 0.1 * gap || small_steps == 5) break;
  }
  WorkingSet result = method.result();
  const double before = working_set_gap(program, loss, set, execution);
  if (!(working_set_gap(program, loss, result, execution) < before)) return false;
  set = std::move(result);
  return true;
}

}  // namespace cvxnn
