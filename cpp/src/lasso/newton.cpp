#include "lasso/newton.hpp"

#include <algorithm>
#include <cmath>

#include "losses/intercept.hpp"

namespace cvxnn::lasso {
namespace {

// U + t D, with groups that turn round and entries that change sign put to zero.
Matrix stepped(const Subproblem& sub, const Support& s, const Matrix& D, double t, bool& clipped) {
  Matrix U = s.U + t * D;
  clipped = false;
  for (std::size_t i = 0; i < s.members.size(); ++i) {
    const Index width = s.starts[i + 1] - s.starts[i];
    auto block = U.middleRows(s.starts[i], width);
    const auto old = s.U.middleRows(s.starts[i], width);
    if (!sub.penalty.radial()) {
      const auto crossed = block.array().sign() * old.array().sign() < 0.0;
      clipped = clipped || crossed.any();
      block = crossed.select(Matrix::Zero(width, block.cols()), block);
    }
    if (s.bend[i] > 0.0 && block.cwiseProduct(old).sum() <= 0.0) {
      block.setZero();
      clipped = true;
    }
  }
  return U;
}

void put(Subproblem& sub, const Support& s, const Matrix& U) {
  for (std::size_t i = 0; i < s.members.size(); ++i) {
    const Index width = s.starts[i + 1] - s.starts[i];
    sub.set.W.middleRows(sub.set.start(s.members[i]), width) = U.middleRows(s.starts[i], width);
  }
}

// From the point at which `s` was made.
void move_by(Subproblem& sub, const Support& s, const Matrix& U, const Vector& db) {
  put(sub, s, U);
  Matrix change = sub.set.product(s.members, U - s.U);
  change.rowwise() += db.transpose();
  sub.f += change.reshaped();
  sub.b += db;
}

// The lengths below 1 at which groups turn round, ascending.
std::vector<double> turning_points(const Support& s, const Matrix& D) {
  std::vector<double> lengths;
  for (std::size_t i = 0; i < s.members.size(); ++i) {
    const auto rows = Eigen::seq(s.starts[i], s.starts[i + 1] - 1);
    const auto U = s.U(rows, Eigen::all);
    const double t = -U.squaredNorm() / U.cwiseProduct(D(rows, Eigen::all)).sum();
    if (s.bend[i] > 0.0 && t > 0.0 && t < 1.0) lengths.push_back(t);
  }
  std::sort(lengths.begin(), lengths.end());
  return lengths;
}

// Shorter steps to try. With more columns than the rank the objective may fall in a straight line
// until a group vanishes, however far away the minimum of the model is.
std::vector<double> shorter_steps(const Support& s, const Matrix& D) {
  constexpr double kPast = 1.0 + 1e-12;
  std::vector<double> lengths{0.5, 0.25, 0.125};
  const std::vector<double> turns = turning_points(s, D);
  for (std::size_t k = turns.size(); k > 0; k /= 2) {
    if (kPast * turns[k - 1] < lengths.back()) lengths.push_back(kPast * turns[k - 1]);
  }
  for (int halving = 0; halving < 10; ++halving) lengths.push_back(0.5 * lengths.back());
  return lengths;
}

// A shorter step for which the objective falls.
bool search_line(Subproblem& sub, const NewtonDirection& step, const Point& start, double before,
                 bool& clipped) {
  for (const double t : shorter_steps(step.support, step.direction.D)) {
    move_to(sub, start);
    const Matrix U = stepped(sub, step.support, step.direction.D, t, clipped);
    move_by(sub, step.support, U, t * step.direction.db);
    if (objective(sub) < before) return true;
  }
  move_to(sub, start);
  return false;
}

}  // namespace

// Where a full step turns groups round, its model is wrong about them and a short step gains
// little: those groups are put to zero instead and the others get a step of their own. Steps that
// fail all the same are damped from then on (Levenberg and Marquardt).
NewtonStep newton_step(Subproblem& sub, double accuracy, const Execution& execution) {
  constexpr int kAttempts = 4;
  constexpr double kLeastDamping = 1e-6;
  const double before = objective(sub);
  const double rounding = 1e-13 * std::abs(before);  // smaller gains do not show in the objective
  const Point start = point_of(sub);
  std::optional<NewtonDirection> first;
  const auto accepted = [&](bool clipped) {
    if (sub.problem.fit_intercept) sub.b += fit_intercept(*sub.problem.loss, sub.f);
    return NewtonStep{clipped ? NewtonOutcome::shrank : NewtonOutcome::moved, -0.5 * first->slope};
  };
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::optional<NewtonDirection> step = newton_direction(sub, accuracy, execution);
    if (!step) break;
    if (!first) first = step;
    const Point here = point_of(sub);
    bool clipped = false;
    const Matrix U = stepped(sub, step->support, step->direction.D, 1.0, clipped);
    move_by(sub, step->support, U, step->direction.db);
    const double gain = before - objective(sub);
    const bool below_rounding = -first->slope < rounding && gain > -rounding;
    if (gain > -1e-4 * first->slope || below_rounding) {
      sub.damping = sub.damping > kLeastDamping ? 0.1 * sub.damping : 0.0;
      return accepted(clipped || attempt > 0);
    }
    if (!clipped) break;
    move_to(sub, here);
    const Matrix kept = (U.array() == 0.0).select(0.0, step->support.U);
    move_by(sub, step->support, kept, Vector::Zero(sub.K()));
  }
  move_to(sub, start);
  if (!first) return {};
  sub.damping = std::max(10.0 * sub.damping, kLeastDamping);
  bool clipped = false;
  if (search_line(sub, *first, start, before, clipped)) return accepted(clipped);
  return {NewtonOutcome::stuck, -0.5 * first->slope};
}

}  // namespace cvxnn::lasso
