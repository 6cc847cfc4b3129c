// Second-order finish on a working set.
//
// A proximal point step from u with length sigma minimises L(A x) + beta sum ||x_b|| + cones
// + ||x - u||^2 / (2 sigma). In terms of the predictions f, with v = grad L(f) and p_b the shrunken
// projection of u_b - sigma A_b' v, its optimality condition is f = A p(f): a semismooth equation,
// which is the gradient of the convex function `merit` below seen through v = grad L(f).
#include <cmath>

#include "hessian.hpp"
#include "tiled_algebra.hpp"
#include "working_set.hpp"

namespace cvxnn {
namespace {

struct Point {
  Vector f;                         // trial predictions
  Vector v;                         // grad L(f)
  std::vector<Vector> projections;  // onto each cone, before shrinking
  std::vector<Vector> p;            // after
  std::vector<std::vector<Index>> tight;
  Vector f_of_p;  // A p
  double merit = 0.0;
};

class ProximalPoint {
 public:
  ProximalPoint(const Program& program, const Loss& loss, const WorkingSet& set, double sigma,
                const Execution& execution)
      : program_(program), loss_(loss), set_(set), sigma_(sigma), execution_(execution) {}

  // `warm` passes on the active rows of the cones.
  Point evaluate(Vector f, const std::vector<std::vector<Index>>& warm) const {
    const Index n_blocks = static_cast<Index>(set_.blocks.size());
    Point point;
    point.v = loss_.gradient(f);
    point.projections.resize(set_.blocks.size());
    point.p.resize(set_.blocks.size());
    point.tight = warm;
    Matrix outputs = Matrix::Zero(program_.design.n_samples(), n_blocks);
    std::vector<ConeProjector> projectors(static_cast<std::size_t>(execution_.n_threads));
    parallel_for(n_blocks, block_cost(program_), execution_, [&](Index b, int thread, const auto&) {
      const Block& block = set_.blocks[b];
      const Vector target = block.u - sigma_ * program_.gradient(block.id, point.v);
      ConeProjector& projector = projectors[thread];
      projector.project(program_.cone_of(block.id), target, point.tight[b], sigma_ * program_.beta);
      point.projections[b] = projector.point();
      point.p[b] = shrink(projector.point(), sigma_ * program_.beta);
      if (point.p[b].isZero(0)) return;
      program_.design.apply_add(program_.cell_of(block.id), point.p[b], program_.sign_of(block.id),
                                outputs.col(b));
    });
    point.f_of_p = Vector::Zero(f.size());
    for (Index b = 0; b < n_blocks; ++b) {
      program_.part(point.f_of_p, program_.target_of(set_.blocks[b].id)) += outputs.col(b);
    }
    double squares = 0.0;
    for (const Vector& p : point.p) squares += p.squaredNorm();
    point.merit = point.v.dot(f) - loss_.value(f) + squares / (2.0 * sigma_);
    point.f = std::move(f);
    return point;
  }

  double sigma() const { return sigma_; }

  // The Newton direction in f for the equation f = A p(f).
  Vector direction(const Point& point) const {
    const Vector residual = point.f - point.f_of_p;
    const Hessian hessian = loss_.hessian(point.f);
    OutputColumns A = columns(point);
    const Index m = A.values.cols();
    if (m == 0) return -residual;
    Vector correction(m);
    if (m <= A.values.rows() || A.n_targets() > 1) {
      const Vector target = apply_transposed(A, hessian.apply(residual));
      Matrix system = lower_gram(std::move(A), hessian, execution_);
      system.diagonal().array() += 1.0 / sigma_;
      correction = solve_symmetric(system, target, execution_);
    } else {
      Matrix& B = A.values;
      Vector target = residual;
      scale_by_root(hessian, B);
      scale_by_root(hessian, target);
      Matrix system = lower_product(B.transpose(), execution_);
      system.triangularView<Eigen::Lower>() *= sigma_;
      system.diagonal().array() += 1.0;
      correction = sigma_ * (B.transpose() * solve_symmetric(system, target, execution_));
    }
    return apply_columns(point, correction) - residual;
  }

 private:
  // Square root of the derivative of the shrunken projection, as columns: the identity on the face,
  // damped by 1 - sigma beta / ||P|| across the direction of P.
  Matrix derivative_root(const Point& point, Index b) const {
    const Matrix face = program_.cones ? face_basis(program_.cone_rows, point.tight[b])
                                       : Matrix::Identity(point.p[b].size(), point.p[b].size());
    const double length = point.projections[b].norm();
    const double damping = std::sqrt(1.0 - sigma_ * program_.beta / length);
    const Vector along = face.transpose() * point.projections[b] / length;
    return damping * face + (1.0 - damping) * (face * along) * along.transpose();
  }

  std::vector<Index> active(const Point& point) const {
    std::vector<Index> indices;
    for (std::size_t b = 0; b < point.p.size(); ++b) {
      if (!point.p[b].isZero(0)) indices.push_back(static_cast<Index>(b));
    }
    return indices;
  }

  // A times the square roots of the derivatives of p.
  OutputColumns columns(const Point& point) const {
    active_ = active(point);
    const Index n_active = static_cast<Index>(active_.size());
    roots_.assign(active_.size(), Matrix());
    const double d = static_cast<double>(program_.design.n_features());
    parallel_for(n_active, 4.0 * d * d * d, execution_, [&](Index a, int, const auto&) {
      roots_[a] = derivative_root(point, active_[a]);
    });
    offsets_.assign(1, 0);
    OutputColumns A;
    A.starts.assign(static_cast<std::size_t>(program_.n_targets + 1), 0);
    for (std::size_t a = 0; a < roots_.size(); ++a) {
      offsets_.push_back(offsets_.back() + roots_[a].cols());
      A.starts[program_.target_of(set_.blocks[active_[a]].id) + 1] = offsets_.back();
    }
    for (std::size_t t = 1; t < A.starts.size(); ++t) {
      A.starts[t] = std::max(A.starts[t], A.starts[t - 1]);
    }
    A.values.resize(program_.design.n_samples(), offsets_.back());
    const double columns_cost = 2.0 * d * static_cast<double>(program_.design.X->size());
    parallel_for(n_active, columns_cost, execution_, [&](Index a, int, const auto&) {
      A.values.middleCols(offsets_[a], roots_[a].cols()) =
          program_.outputs(set_.blocks[active_[a]].id, roots_[a]);
    });
    return A;
  }

  Vector apply_columns(const Point& point, const Vector& coefficients) const {
    Vector f = Vector::Zero(point.f.size());
    for (std::size_t a = 0; a < active_.size(); ++a) {
      const Vector u = roots_[a] * coefficients.segment(offsets_[a], roots_[a].cols());
      program_.add_outputs(set_.blocks[active_[a]].id, u, f);
    }
    return f;
  }

  const Program& program_;
  const Loss& loss_;
  const WorkingSet& set_;
  const double sigma_;
  const Execution& execution_;
  mutable std::vector<Index> active_;
  mutable std::vector<Matrix> roots_;
  mutable std::vector<Index> offsets_;
};

constexpr int kMaxNewton = 30;
constexpr int kMaxHalvings = 30;

struct NewtonResult {
  Point point;
  bool converged = false;
};

double squared_distance(const Point& point, const WorkingSet& set) {
  double sum = 0.0;
  for (std::size_t b = 0; b < set.blocks.size(); ++b) {
    sum += (point.p[b] - set.blocks[b].u).squaredNorm();
  }
  return sum;
}

// Newton's method with backtracking on the merit function, until what is left to gain is small
// against the proximal term (Rockafellar's criterion for inexact proximal steps), against the gap
// asked for, or against rounding.
NewtonResult newton(const ProximalPoint& step, const Loss& loss, const WorkingSet& set, double gap,
                    Poller& poller, const Deadline& deadline) {
  std::vector<std::vector<Index>> warm;
  for (const Block& block : set.blocks) warm.push_back(block.tight);
  NewtonResult result{step.evaluate(set.predictions, warm), false};
  Point& point = result.point;
  for (int iteration = 0; iteration < kMaxNewton && !deadline.passed(); ++iteration) {
    poller.check();
    const Vector residual = point.f - point.f_of_p;
    const Vector direction = step.direction(point);
    const double slope = loss.hessian(point.f).apply(residual).dot(direction);
    const double noise = 4e-16 * std::abs(point.merit);
    const double proximal = 0.05 * squared_distance(point, set) / step.sigma();
    const double moved = (point.f_of_p - set.predictions).norm();
    const bool small = -slope <= std::min(proximal, 0.1 * gap) && residual.norm() <= 0.03 * moved;
    result.converged = small || -slope <= noise;
    if (result.converged) break;
    bool accepted = false;
    double fraction = 1.0;
    for (int halving = 0; halving < kMaxHalvings && !accepted; ++halving, fraction *= 0.5) {
      Point trial = step.evaluate(point.f + fraction * direction, point.tight);
      accepted = trial.merit <= point.merit + 1e-4 * fraction * slope + noise;
      if (accepted) point = std::move(trial);
    }
    if (!accepted) break;
  }
  return result;
}

// Shrinking by sigma beta should be comparable with the blocks it acts on.
double first_step_length(const Program& program, const WorkingSet& set, double steepest) {
  double length = 0.0;
  Index n_active = 0;
  for (const Block& block : set.blocks) {
    if (block.u.isZero(0)) continue;
    length += block.u.norm();
    ++n_active;
  }
  if (n_active > 0) return 10.0 * length / (static_cast<double>(n_active) * program.beta);
  return 10.0 / steepest;
}

}  // namespace

bool refine(const Program& program, const Loss& loss, double gap, double steepest, int patience,
            WorkingSet& set, const Deadline& deadline, const Execution& execution) {
  constexpr int kMaxSteps = 60;
  constexpr double kLongest = 1e10;  // beyond, rounding in the projections drowns the step
  if (!(steepest > 0.0)) return true;
  Poller poller(execution);
  double sigma = set.sigma > 0.0 ? set.sigma : first_step_length(program, set, steepest);
  double objective = loss.value(set.predictions) + penalty(program, set);
  double current_gap = working_set_gap(program, loss, set, execution);
  for (int step = 0; step < kMaxSteps && current_gap > gap && !deadline.passed(); ++step) {
    if (patience == 0) break;
    sigma = std::min(sigma, kLongest / steepest);
    const ProximalPoint proximal(program, loss, set, sigma, execution);
    NewtonResult result = newton(proximal, loss, set, gap, poller, deadline);
    if (!result.converged) --patience;
    Point& point = result.point;
    WorkingSet next = set;
    for (std::size_t b = 0; b < set.blocks.size(); ++b) {
      next.blocks[b].u = std::move(point.p[b]);
      next.blocks[b].tight = std::move(point.tight[b]);
    }
    next.predictions = std::move(point.f_of_p);
    next.dual = std::move(point.v);
    const double next_objective = loss.value(next.predictions) + penalty(program, next);
    const double next_gap = working_set_gap(program, loss, next, execution);
    if (!(next_objective <= objective || next_gap < current_gap)) {
      sigma *= 0.1;  // too long a step for an inexact solution
      continue;
    }
    set = std::move(next);
    set.sigma = sigma;
    objective = next_objective;
    current_gap = next_gap;
    sigma *= result.converged ? 4.0 : 0.25;
  }
  return current_gap <= gap;
}

}  // namespace cvxnn
