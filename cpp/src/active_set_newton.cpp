// Newton steps on the non-zero blocks of a working set, each within a face of its cone: the rows
// that hold with equality are found by projecting full steps, rows whose multiplier is negative are
// let go, and zero blocks enter one after the other. On the final faces convergence is quadratic,
// so that the dual vector is as accurate as float64 allows: pricing is no better than its vector.
#include <algorithm>
#include <cmath>
#include <limits>

#include "block_gram.hpp"
#include "cone_faces.hpp"
#include "face_model.hpp"
#include "working_set.hpp"

namespace cvxnn {
namespace {

constexpr Index kMostUnknowns = 800;  // with more, other methods are faster
constexpr int kMostSteps = 400;
constexpr double kStationary = 1e-12;   // reduced gradient, relative to beta
constexpr double kShortShare = 0.2;     // of a step, below which the next is damped
constexpr double kLeastDamping = 1e-6;  // relative to the curvature
constexpr double kNegligible = 1e-15;   // gain of a step, relative to the objective
constexpr double kMultiplier = 1e-10;   // of a row, and excess of a zero block: the same

class ActiveSetNewton {
 public:
  ActiveSetNewton(const Program& program, const Loss& loss, WorkingSet& set,
                  const Execution& execution)
      : program_(program),
        loss_(loss),
        set_(set),
        execution_(execution),
        d_(program.design.n_features()),
        projectors_(static_cast<std::size_t>(execution.n_threads)),
        gram_(program, loss.quadratic(), execution) {}

  bool run(double gap, const Deadline& deadline) {
    Poller poller(execution_);
    update_predictions();
    set_.dual = loss_.gradient(set_.predictions);
    for (Block& block : set_.blocks) {
      if (!program_.cones || block.u.isZero(0)) continue;
      find_tight_rows(program_.cone_of(block.id), slope(block), program_.beta, block);
    }
    update_predictions();
    double least = std::numeric_limits<double>::infinity();
    int idle = 0;
    for (int step = 0; step < kMostSteps && !deadline.passed(); ++step) {
      poller.check();
      set_.dual = loss_.gradient(set_.predictions);
      find_active();
      if (faces_.n_unknowns() > kMostUnknowns) return false;
      const double residual = reduced_gradient();
      idle = residual < 0.5 * least ? 0 : idle + 1;
      least = std::min(least, residual);
      const bool stationary = residual <= kStationary * program_.beta;
      const bool noise = idle >= 4 && residual <= 1e-6 * program_.beta;
      if (!stationary && !noise) {
        if (newton_step()) continue;
        // a residual that no step lowers, in a direction of great curvature
        if (!(decrement_ <= kNegligible * std::abs(before_))) return false;
      }
      if (release_rows() || enter_blocks()) {
        least = std::numeric_limits<double>::infinity();
        idle = 0;
        continue;
      }
      return working_set_gap(program_, loss_, set_, execution_) <= gap;
    }
    return false;
  }

 private:
  const Block& active(std::size_t a) const { return set_.blocks[active_[a]]; }
  Block& active(std::size_t a) { return set_.blocks[active_[a]]; }

  Vector outputs_of(const Block& block) const {
    Vector outputs = Vector::Zero(loss_.size());
    program_.add_outputs(block.id, block.u, outputs);
    return outputs;
  }

  void update_predictions() { set_.predictions = predictions(program_, set_.blocks); }

  double objective() const { return loss_.value(set_.predictions) + penalty(program_, set_); }

  Vector slope(const Block& block) const { return program_.gradient(block.id, set_.dual); }

  void find_active() {
    active_.clear();
    faces_ = {};
    for (std::size_t b = 0; b < set_.blocks.size(); ++b) {
      const Block& block = set_.blocks[b];
      if (block.u.isZero(0)) continue;
      active_.push_back(b);
      faces_.add(block.u, program_.cones ? face_basis(program_.cone_rows, block.tight)
                                         : Matrix::Identity(d_, d_));
    }
  }

  // The gradient on the faces; returns the largest part of a block.
  double reduced_gradient() {
    slopes_.assign(active_.size(), Vector());
    gradient_.resize(faces_.n_unknowns());
    parallel_for(static_cast<Index>(active_.size()), block_cost(program_), execution_,
                 [&](Index a, int, const auto&) {
                   const Block& block = active(a);
                   slopes_[a] = slope(block) + program_.beta * block.u.normalized();
                 });
    double largest = 0.0;
    for (std::size_t a = 0; a < active_.size(); ++a) {
      auto part = gradient_.segment(faces_.starts[a], faces_.bases[a].cols());
      part = faces_.bases[a].transpose() * slopes_[a];
      largest = std::max(largest, part.norm());
    }
    return largest;
  }

  // Lets go of the row with the most negative multiplier in every block; of a single row if that
  // was of no use the last time, because a step then leaves it for certain.
  bool release_rows() {
    const double now = objective();
    const bool one = now >= last_release_ * (1.0 - 1e-15);
    last_release_ = now;
    double worst = -kMultiplier * program_.beta;
    std::size_t block_of_worst = active_.size();
    Index worst_row = 0;
    bool released = false;
    for (std::size_t a = 0; a < active_.size(); ++a) {
      Block& block = active(a);
      if (block.tight.empty()) continue;
      const Vector multipliers =
          tight_multipliers(program_.cone_of(block.id), block.tight, slopes_[a]);
      Index lowest = 0;
      const double least = multipliers.minCoeff(&lowest);
      if (!(least < (one ? worst : -kMultiplier * program_.beta))) continue;
      worst = std::min(worst, least);
      block_of_worst = a;
      worst_row = lowest;
      if (one) continue;
      block.tight.erase(block.tight.begin() + lowest);
      released = true;
    }
    if (!one || block_of_worst == active_.size()) return released;
    Block& block = active(block_of_worst);
    block.tight.erase(block.tight.begin() + worst_row);
    return true;
  }

  // Gives zero blocks that gain by it a first step; the most violated ones.
  bool enter_blocks() {
    const Index n_blocks = static_cast<Index>(set_.blocks.size());
    std::vector<double> excess(set_.blocks.size(), 0.0);
    std::vector<Vector> directions(set_.blocks.size());
    parallel_for(n_blocks, block_cost(program_), execution_, [&](Index b, int thread, const auto&) {
      Block& block = set_.blocks[b];
      if (!block.u.isZero(0)) return;
      block.tight.clear();
      ConeProjector& projector = projectors_[thread];
      projector.project(program_.cone_of(block.id), -slope(block), block.tight, program_.beta);
      const double length = projector.point().norm();
      if (!(length > (1.0 + kMultiplier) * program_.beta)) return;
      excess[b] = length - program_.beta;
      directions[b] = projector.point() / length;
    });
    const double most = *std::max_element(excess.begin(), excess.end());
    if (!(most > 0.0)) return false;
    std::vector<std::size_t> entering;
    for (std::size_t b = 0; b < excess.size(); ++b) {
      if (excess[b] >= 0.3 * most) entering.push_back(b);
    }
    const Vector curvature = loss_.curvature(set_.predictions);
    const double before = objective();
    for (const std::size_t b : entering) {
      Block& block = set_.blocks[b];
      block.u = directions[b];
      const Vector outputs = outputs_of(block);
      const double bend = outputs.cwiseAbs2().dot(curvature);
      block.u *= bend > 0.0 ? excess[b] / bend / static_cast<double>(entering.size()) : 1.0;
    }
    for (int halving = 0; halving < 60; ++halving) {
      update_predictions();
      if (objective() < before) return true;
      for (const std::size_t b : entering) set_.blocks[b].u *= 0.5;
    }
    for (const std::size_t b : entering) set_.blocks[b].u.setZero();
    update_predictions();
    return false;
  }

  bool newton_step() {
    std::vector<Index> ids;
    for (const std::size_t b : active_) ids.push_back(set_.blocks[b].id);
    const Matrix full = gram_.of(ids, loss_.hessian(set_.predictions));
    Matrix system = faces_.hessian(full, program_.beta, execution_);
    system.diagonal() *= 1.0 + damping_;
    start_ = set_.blocks;
    before_ = objective();
    for (const bool vanish : {true, false}) {
      const Vector y = faces_.step(system, gradient_, vanish, vanishing_);
      if (y.size() != faces_.n_unknowns() || !y.allFinite()) return false;
      decrement_ = -gradient_.dot(y);
      if (!(decrement_ > 0.0)) continue;
      const bool none = std::count(vanishing_.begin(), vanishing_.end(), 1) == 0;
      steps_.clear();
      for (std::size_t a = 0; a < active_.size(); ++a) {
        steps_.push_back(faces_.bases[a] * y.segment(faces_.starts[a], faces_.bases[a].cols()));
      }
      if (projected_step()) {
        damping_ = damping_ > kLeastDamping ? 0.1 * damping_ : 0.0;
        return true;
      }
      if (!vanish || none) return blocked_step();
    }
    return false;
  }

  // With steps this short the objective is no measure.
  bool tiny() const { return decrement_ <= 1e-11 * std::abs(before_); }

  // The whole step, every block back into its cone.
  bool projected_step() {
    parallel_for(static_cast<Index>(active_.size()), block_cost(program_), execution_,
                 [&](Index a, int thread, const auto&) {
                   Block& block = active(a);
                   const Vector& u = start_[active_[a]].u;
                   const Vector target = u + steps_[a];
                   if (vanishing_[a] || !(target.dot(u) > 1e-14 * u.squaredNorm())) {
                     block.u.setZero();
                     return;
                   }
                   projectors_[thread].project(program_.cone_of(block.id), target, block.tight);
                   block.u = projectors_[thread].point();
                   keep_tight_rows(program_.cone_rows, start_[active_[a]].tight, block);
                 });
    update_predictions();
    const double after = objective();
    if (after < before_ - 1e-3 * decrement_) return true;
    if (tiny() && after <= before_ + 1e-14 * std::abs(before_)) return true;
    restore();
    return false;
  }

  void restore() {
    set_.blocks = start_;
    update_predictions();
  }

  void go(double share) {
    for (std::size_t a = 0; a < active_.size(); ++a) {
      active(a).u = start_[active_[a]].u + share * steps_[a];
    }
  }

  // What ends a step: a row of a block that becomes tight, or a block (row kTurned) without
  // anything left in its direction.
  static constexpr Index kTurned = -1;
  static constexpr Index kNothing = -2;
  struct Event {
    double share;
    std::size_t block;
    Index row;
  };

  Event first_event(std::size_t a) const {
    Event event{1.0, a, kNothing};
    const Block& block = active(a);
    const double back = -steps_[a].dot(block.u) / block.u.squaredNorm();
    if (back > 1.0) event = {1.0 / back, a, kTurned};
    if (!program_.cones) return event;
    const RowReached reached =
        first_row(program_.cone_of(block.id), faces_.bases[a], block.u, steps_[a], event.share);
    return reached.row >= 0 ? Event{reached.share, a, reached.row} : event;
  }

  void add_row(const Event& event) {
    Block& block = active(event.block);
    block.tight.push_back(event.row);
    move_to_face(program_.cone_rows, block);
  }

  // As far as the first event; rows that allow no step at all are added together.
  bool blocked_step() {
    std::vector<Event> events(active_.size());
    parallel_for(static_cast<Index>(active_.size()), block_cost(program_), execution_,
                 [&](Index a, int, const auto&) { events[a] = first_event(a); });
    const Event event =
        *std::min_element(events.begin(), events.end(),
                          [](const Event& a, const Event& b) { return a.share < b.share; });
    const double noise = 1e-14 * std::abs(before_);  // a row to hold on to is worth that
    if (event.row == kTurned) {
      go(event.share);
      active(event.block).u.setZero();
      update_predictions();
      if (objective() < before_) return true;
      restore();
    }
    if (event.row >= 0) {
      go(event.share);
      for (const Event& other : events) {
        if (other.row >= 0 && (other.share < 1e-12 || other.share == event.share)) add_row(other);
      }
      update_predictions();
      if (objective() <= before_ - 1e-4 * event.share * decrement_ + noise) return true;
      restore();
    }
    const double first = event.row == kTurned ? 0.9 * event.share : event.share;
    for (double share = first; share > 1e-10; share *= 0.5) {
      go(share);
      update_predictions();
      if (objective() < before_ - 1e-4 * share * decrement_) {
        // where the curvature changes from place to place, the model holds nearby only
        if (share < kShortShare * first) damping_ = std::max(kLeastDamping, 10.0 * damping_);
        return true;
      }
      restore();
    }
    return false;
  }

  const Program& program_;
  const Loss& loss_;
  WorkingSet& set_;
  const Execution& execution_;
  Index d_;
  std::vector<ConeProjector> projectors_;
  std::vector<std::size_t> active_;  // non-zero blocks
  Faces faces_;                      // on which they lie
  std::vector<Vector> slopes_;
  Vector gradient_;
  std::vector<char> vanishing_;
  std::vector<Block> start_;  // of a step
  std::vector<Vector> steps_;
  double before_ = 0.0;  // objective
  double decrement_ = 0.0;
  double damping_ = 0.0;
  double last_release_ = std::numeric_limits<double>::infinity();
  BlockGram gram_;
};

}  // namespace

bool active_set_newton(const Program& program, const Loss& loss, double gap, WorkingSet& set,
                       const Deadline& deadline, const Execution& execution) {
  return ActiveSetNewton(program, loss, set, execution).run(gap, deadline);
}

}  // namespace cvxnn
