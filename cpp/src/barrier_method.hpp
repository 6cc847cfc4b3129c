// Primal-dual interior-point steps for programs of blocks in cones, whatever the blocks are.
//
// Minimises L(sum_b A_b u_b) + beta sum_b sum_p ||u_bp|| over C_b u_b >= 0, where u_b is cut into
// parts of equal length, often one, and free entries. The norms are smoothed by the barrier of
// their epigraphs {(t, u) : ||u|| <= t}, with t eliminated; the rows of C_b get multipliers of
// their own. Every iterate is strictly inside the cones, every step descends for the barrier
// function of the current mu.
#pragma once

#include <Eigen/Cholesky>
#include <vector>

#include "cvxnn/loss.hpp"
#include "cvxnn/parallel.hpp"
#include "cvxnn/part_norm.hpp"
#include "hessian.hpp"

namespace cvxnn {

// What the method needs to know of the blocks. Rows that constrain nothing keep a place among the
// rows of a cone: their entry in `constrains` is 0.
class ConeBlocks {
 public:
  virtual ~ConeBlocks() = default;
  virtual Index size() const = 0;   // blocks
  virtual Index width() const = 0;  // entries of a block
  virtual PartNorm norm() const = 0;
  virtual Index n_samples() const = 0;  // of a target
  virtual Index n_targets() const = 0;
  virtual bool joint() const { return false; }  // a block adds to every target
  virtual Index target_of(Index b) const = 0;   // otherwise to this one; never falls with b
  virtual double beta() const = 0;
  virtual double cost() const = 0;  // operations of a product with the rows of a block

  virtual Vector interior(Index b) const = 0;    // a point strictly inside, of unit norm
  virtual Vector constrains(Index b) const = 0;  // 1 or 0 for each row of the cone
  virtual Vector slacks(Index b, const Vector& u) const = 0;                // C u
  virtual Vector pull(Index b, const Vector& z) const = 0;                  // C' z
  virtual Matrix curvature(Index b, const Vector& weights) const = 0;       // C' diag(weights) C
  virtual void add_outputs(Index b, const Vector& u, Vector& f) const = 0;  // f += A u
  virtual Vector gradient(Index b, const Vector& v) const = 0;              // A' v
  virtual Matrix columns(Index b) const = 0;  // A, rows of the block's target or of all
};

class BarrierMethod {
 public:
  BarrierMethod(const ConeBlocks& blocks, const Loss& loss, const Execution& execution)
      : blocks_(blocks), loss_(loss), execution_(execution) {}

  // Starts from `points` (zeros if there are none), moved strictly inside; false if a cone has no
  // interior.
  bool start(const std::vector<Vector>& points);

  // One Newton step, towards a barrier gap no smaller than `target`; returns the fraction of it
  // that was taken. The gap is to fall by no more than `fastest` after it.
  double advance(double target, double fastest = 0.1);

  double objective() const;
  // What the barriers alone keep the objective above the optimum, roughly.
  double barrier_gap() const { return mu_ * n_barriers_; }
  const Vector& point(Index b) const { return states_[b].u; }
  const Vector& predictions() const { return f_; }
  const Vector& multipliers(Index b) const { return states_[b].multipliers; }

 private:
  // One block: u, its slacks s > 0 on the rows of its cone, their multipliers, the Newton system.
  struct State {
    Vector u;
    Vector constrains;
    Vector slack;        // 1 for rows that constrain nothing
    Vector multipliers;  // 0 for these
    Vector slopes;       // of the norms of the parts
    Vector step;
    Vector slack_step;
    Vector multiplier_step;
    double primal_reach = 1.0;
    double dual_reach = 1.0;
    Vector descent;                // minus the gradient of the barrier function
    Eigen::LLT<Matrix> curvature;  // Hessian of the penalty and the barrier
  };

  // Calls body(b) for every block; an item costs so many products with the rows of its cone.
  template <class Body>
  void for_blocks(const Body& body, double products = 1.0) const {
    parallel_for(blocks_.size(), products * blocks_.cost(), execution_,
                 [&](Index b, int, const auto&) { body(b); });
  }

  Vector slacks(Index b, const Vector& u) const;
  void find_reach(Index b);
  void keep_near_centre(Index b);
  void move_slopes(Index b, double taken);
  Vector sum_outputs(Vector State::* part) const;
  double barrier(double fraction, const Vector& f_step) const;
  double backtrack(double fraction, double before, const Vector& f_step) const;
  void prepare();
  void prepare_block(Index b, const Vector& v);
  void solve();

  const ConeBlocks& blocks_;
  const Loss& loss_;
  const Execution& execution_;
  std::vector<State> states_;
  Vector f_;
  OutputColumns columns_;  // of all blocks
  Hessian hessian_;        // of the loss
  double mu_ = 0.0;
  double n_barriers_ = 0.0;
  double damping_ = 0.0;
};

}  // namespace cvxnn
