#include "lasso/newton.hpp"

#include <algorithm>

#include "lasso/intercept.hpp"

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
      const auto crossed = (block.array() * old.array() < 0.0);
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

// A shorter step, as long as is needed for the objective to fall.
bool search_line(Subproblem& sub, const NewtonDirection& step, const Point& start, double before,
                 bool& clipped) {
  for (double t = 0.5; t > 1e-4; t *= 0.5) {
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
// little: those groups are put to zero instead and the others get a step of their own.
NewtonStep newton_step(Subproblem& sub, double accuracy, const Execution& execution) {
  constexpr int kAttempts = 4;
  const double before = objective(sub);
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
    if (gain > -1e-4 * first->slope) return accepted(clipped || attempt > 0);
    if (!clipped) break;
    move_to(sub, here);
    const Matrix kept = (U.array() == 0.0).select(0.0, step->support.U);
    move_by(sub, step->support, kept, Vector::Zero(sub.K()));
  }
  move_to(sub, start);
  if (!first) return {};
  bool clipped = false;
  if (search_line(sub, *first, start, before, clipped)) return accepted(clipped);
  return {NewtonOutcome::stuck, -0.5 * first->slope};
}

}  // namespace cvxnn::lasso
