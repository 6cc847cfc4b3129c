#include "barrier_method.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tiled_algebra.hpp"

namespace cvxnn {
namespace {

// Where solutions are many, steps along what tells them apart are rounding, until damped: parts of
// beta / t.
constexpr double kLeastDamping = 1e-7;
constexpr double kMostDamping = 1e-2;
constexpr double kMostOutputs = 10.0;  // of a block to begin with, in units of the targets
constexpr double kFar = 100.0;         // factor between multipliers and those of the central path
constexpr Index kGroup = 32;           // blocks whose outputs are summed up together

// min_t beta t - mu log(t^2 - r^2) at r = ||u||; its gradient is beta u / t.
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

double smooth_norms(const Vector& u, const PartNorm& norm, double beta, double mu) {
  double sum = 0.0;
  const Vector norms = norm.by_part(u).colwise().norm();
  for (const double part : norms) sum += SmoothNorm(part, beta, mu).value;
  return sum;
}

}  // namespace

bool BarrierMethod::start(const std::vector<Vector>& points) {
  const Index n_blocks = blocks_.size();
  states_.resize(static_cast<std::size_t>(n_blocks));
  for_blocks([&](Index b) { states_[b].constrains = blocks_.constrains(b); });
  n_barriers_ = 2.0 * static_cast<double>(n_blocks * blocks_.norm().parts);
  for (const State& state : states_) n_barriers_ += state.constrains.sum();
  double total = 0.0;
  for (const Vector& u : points) total += u.norm();
  const double null = loss_.value(Vector::Zero(loss_.size())) - loss_.infimum();
  // from nothing: about where barriers and norms are in balance, if outputs are not out of scale
  double inset =
      (total > 0.0 ? total : null / blocks_.beta()) * 0.1 / static_cast<double>(n_blocks);
  if (total == 0.0) {
    std::vector<double> outputs(states_.size());
    for_blocks([&](Index b) {
      Vector f = Vector::Zero(loss_.size());
      blocks_.add_outputs(b, blocks_.interior(b), f);
      outputs[b] = f.norm();
    });
    const double largest = *std::max_element(outputs.begin(), outputs.end());
    if (largest > 0.0) inset = std::min(inset, kMostOutputs * std::sqrt(2.0 * null) / largest);
  }
  std::vector<char> failed(states_.size(), 0);
  parallel_for(n_blocks, 100.0 * blocks_.cost(), execution_, [&](Index b, int, const auto&) {
    State& state = states_[b];
    state.u = inset * blocks_.interior(b);
    if (!points.empty()) state.u += points[b];
    state.slopes = Vector::Zero(state.u.size());
    state.slack = slacks(b, state.u);
    failed[b] = !(state.slack.size() == 0 || state.slack.minCoeff() > 0.0);
  });
  if (std::any_of(failed.begin(), failed.end(), [](char failure) { return failure; })) return false;
  f_ = sum_outputs(&State::u);
  mu_ = 0.1 * objective() / n_barriers_;
  for (State& state : states_) {
    state.multipliers = mu_ * state.constrains.cwiseQuotient(state.slack);
  }
  return true;
}

double BarrierMethod::objective() const {
  double norms = 0.0;
  for (const State& state : states_) norms += blocks_.norm().value(state.u);
  return loss_.value(f_) + blocks_.beta() * norms;
}

double BarrierMethod::advance(double target, double fastest) {
  prepare();
  solve();
  for_blocks([&](Index b) { find_reach(b); });
  double primal = 1.0;
  double dual = 1.0;
  for (const State& state : states_) {
    primal = std::min(primal, state.primal_reach);
    dual = std::min(dual, state.dual_reach);
  }
  const Vector f_step = sum_outputs(&State::step);
  const double taken = backtrack(primal, barrier(0.0, f_step), f_step);
  if (!(taken > 0.0)) {  // also where a system was beyond rounding
    damping_ = std::clamp(10.0 * damping_, kLeastDamping, kMostDamping);
    return 0.0;
  }
  for_blocks([&](Index b) {
    State& state = states_[b];
    move_slopes(b, taken);
    state.u += taken * state.step;
    state.slack = slacks(b, state.u);
    state.multipliers += state.dual_reach * state.multiplier_step;
  });
  f_ = sum_outputs(&State::u);
  // beyond the target rounding wins; multipliers that lag behind slacks prove nothing
  const double both = std::min(taken, dual);
  const double factor = both > 0.9 ? fastest : both > 0.3 ? 0.4 : 1.0;
  mu_ = std::max(std::min(mu_, target / n_barriers_), factor * mu_);
  for_blocks([&](Index b) { keep_near_centre(b); });
  if (taken < 0.1) damping_ = std::clamp(10.0 * damping_, kLeastDamping, kMostDamping);
  if (taken > 0.9) damping_ = damping_ > kLeastDamping ? 0.1 * damping_ : 0.0;
  return taken;
}

Vector BarrierMethod::slacks(Index b, const Vector& u) const {
  const Vector& constrains = states_[b].constrains;
  if (constrains.size() == 0) return Vector();
  return (constrains.array() > 0.0).select(blocks_.slacks(b, u), 1.0);
}

// The slopes p of the norms are unknowns of their own, with t p = beta u linearised (after Chan,
// Golub and Mulet's method for total variation); beyond ||p|| = beta they start again.
void BarrierMethod::move_slopes(Index b, double taken) {
  State& state = states_[b];
  const double beta = blocks_.beta();
  const Index counted = blocks_.width() - blocks_.norm().n_free;
  const Index length = counted / blocks_.norm().parts;
  for (Index first = 0; first < counted; first += length) {
    const auto u = state.u.segment(first, length);
    const Vector step = taken * state.step.segment(first, length);
    auto p = state.slopes.segment(first, length);
    const SmoothNorm norm(u.norm(), beta, mu_);
    p = (beta * (u + step) - p * (u.dot(step) / norm.q)) / norm.t;
    if (p.norm() < beta) continue;
    const SmoothNorm next((u + step).norm(), beta, mu_);
    p = beta / next.t * (u + step);
  }
}

// Multipliers far from those of the central path make steps that hit a wall at once.
void BarrierMethod::keep_near_centre(Index b) {
  State& state = states_[b];
  const Vector central = mu_ * state.constrains.cwiseQuotient(state.slack);
  state.multipliers = state.multipliers.cwiseMax(central / kFar).cwiseMin(kFar * central);
}

// How far the step may go before a slack, or a multiplier, vanishes.
void BarrierMethod::find_reach(Index b) {
  State& state = states_[b];
  state.slack_step = slacks(b, state.step);
  state.multiplier_step = state.constrains.cwiseProduct(
      ((mu_ - state.multipliers.array() * state.slack_step.array()) / state.slack.array())
          .matrix() -
      state.multipliers);
  state.primal_reach = 1.0;
  state.dual_reach = 1.0;
  for (Index k = 0; k < state.slack.size(); ++k) {
    if (state.constrains(k) == 0.0) continue;
    if (state.slack_step(k) < 0.0) {
      const double reach = -0.99 * state.slack(k) / state.slack_step(k);
      state.primal_reach = std::min(state.primal_reach, reach);
    }
    if (state.multiplier_step(k) < 0.0) {
      const double reach = -0.99 * state.multipliers(k) / state.multiplier_step(k);
      state.dual_reach = std::min(state.dual_reach, reach);
    }
  }
}

// Groups of blocks are summed up first, always the same ones.
Vector BarrierMethod::sum_outputs(Vector State::* part) const {
  const Index n_groups = (blocks_.size() + kGroup - 1) / kGroup;
  Matrix sums = Matrix::Zero(loss_.size(), n_groups);
  const double cost = static_cast<double>(kGroup) * blocks_.cost();
  parallel_for(n_groups, cost, execution_, [&](Index group, int, const auto&) {
    Vector f = Vector::Zero(loss_.size());
    const Index last = std::min(blocks_.size(), (group + 1) * kGroup);
    for (Index b = group * kGroup; b < last; ++b) blocks_.add_outputs(b, states_[b].*part, f);
    sums.col(group) = f;
  });
  return sums.rowwise().sum();
}

// Barrier function after `fraction` of the step.
double BarrierMethod::barrier(double fraction, const Vector& f_step) const {
  std::vector<double> terms(states_.size());
  for_blocks([&](Index b) {
    const State& state = states_[b];
    const Vector u = state.u + fraction * state.step;
    double sum = smooth_norms(u, blocks_.norm(), blocks_.beta(), mu_);
    for (Index k = 0; k < state.slack.size(); ++k) {
      if (state.constrains(k) != 0.0) {
        sum -= mu_ * std::log(state.slack(k) + fraction * state.slack_step(k));
      }
    }
    terms[b] = sum;
  });
  return std::accumulate(terms.begin(), terms.end(), loss_.value(f_ + fraction * f_step));
}

double BarrierMethod::backtrack(double fraction, double before, const Vector& f_step) const {
  const double noise = 1e-13 * std::abs(before);
  for (int halving = 0; halving < 20; ++halving, fraction *= 0.5) {
    if (barrier(fraction, f_step) <= before + noise) return fraction;
  }
  return 0.0;
}

// Gradients and curvatures of the blocks, and the columns that couple them.
void BarrierMethod::prepare() {
  const Vector v = loss_.gradient(f_);
  hessian_ = loss_.hessian(f_);
  const Index d = blocks_.width();
  const Index n_targets = blocks_.joint() ? 1 : blocks_.n_targets();
  columns_.values.resize(loss_.size() / n_targets, d * blocks_.size());
  columns_.starts.assign(static_cast<std::size_t>(n_targets + 1), 0);
  for (Index b = 0; b < blocks_.size(); ++b) {
    columns_.starts[blocks_.joint() ? 1 : blocks_.target_of(b) + 1] += d;
  }
  std::partial_sum(columns_.starts.begin(), columns_.starts.end(), columns_.starts.begin());
  for_blocks([&](Index b) { prepare_block(b, v); }, 4.0 * static_cast<double>(d));
}

void BarrierMethod::prepare_block(Index b, const Vector& v) {
  State& state = states_[b];
  const Index d = blocks_.width();
  const Index counted = d - blocks_.norm().n_free;
  const Index length = counted / blocks_.norm().parts;
  Matrix hessian = Matrix::Zero(d, d);
  state.descent = -blocks_.gradient(b, v);
  for (Index first = 0; first < counted; first += length) {
    const auto u = state.u.segment(first, length);
    const auto p = state.slopes.segment(first, length);
    const SmoothNorm norm(u.norm(), blocks_.beta(), mu_);
    // with p at beta u / t this would be the Hessian of the smooth norm, which is flat far from
    // zero: steps from there go anywhere
    hessian.block(first, first, length, length) =
        ((1.0 + damping_) * blocks_.beta() * Matrix::Identity(length, length) -
         0.5 / norm.q * (p * u.transpose() + u * p.transpose())) /
        norm.t;
    state.descent.segment(first, length) -= blocks_.beta() / norm.t * u;
  }
  if (state.slack.size() > 0) {
    hessian += blocks_.curvature(b, state.multipliers.cwiseQuotient(state.slack));
    state.descent += blocks_.pull(b, mu_ * state.constrains.cwiseQuotient(state.slack));
  }
  state.curvature.compute(hessian);
  columns_.values.middleCols(b * d, d) =
      state.curvature.matrixL().solve(blocks_.columns(b).transpose()).transpose();
}

// (blocks' curvature + A' L'' A) step = descent, in the variables that make the blocks identity.
void BarrierMethod::solve() {
  const Index d = blocks_.width();
  const Index m = columns_.values.cols();
  Vector target(m);
  for (Index b = 0; b < blocks_.size(); ++b) {
    target.segment(b * d, d) = states_[b].curvature.matrixL().solve(states_[b].descent);
  }
  const bool rooted = hessian_.n_targets == 1 || hessian_.between_samples.size() == 0;
  if (m <= loss_.size() || !rooted) {
    Matrix system = lower_gram(std::move(columns_), hessian_, execution_);
    system.diagonal().array() += 1.0;
    target = solve_symmetric(system, std::move(target), execution_);
  } else {
    const Matrix B = rooted_columns(std::move(columns_), hessian_);
    Matrix system = lower_product(B.transpose(), execution_);
    system.diagonal().array() += 1.0;
    target -= B.transpose() * solve_symmetric(system, B * target, execution_);
  }
  for (Index b = 0; b < blocks_.size(); ++b) {
    states_[b].step = states_[b].curvature.matrixU().solve(target.segment(b * d, d));
  }
}

}  // namespace cvxnn
