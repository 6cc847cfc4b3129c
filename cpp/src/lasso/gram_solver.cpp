#include <algorithm>
#include <cmath>

#include "lasso/subproblem.hpp"

namespace cvxnn::lasso {
namespace {

constexpr double kProductSpeedUp = 6.0;  // of large products over matrix-vector ones, per flop

// The loss is value0 + <slopes0, W - W0> + |W - W0|^2 / 2 in the norm of the Gram matrix, so its
// value and its dual follow from the slopes X' v alone.
class GramSolver {
 public:
  explicit GramSolver(Subproblem& sub) : sub_(sub), set_(sub.set), gram_(sub.set.gram()) {
    const Vector v = sub.problem.loss->gradient(sub.f);
    std::vector<Index> all;
    for (Index i = 0; i < set_.count(); ++i) {
      all.push_back(i);
      correlations_.starts.push_back(set_.start(i));
    }
    correlations_.starts.push_back(set_.n_columns());
    correlations_.slack = Vector::Zero(set_.count());
    slopes_ = set_.correlate(all, v).col(0);
    start_slopes_ = slopes_;
    start_ = set_.W.col(0);
    start_value_ = sub.problem.loss->value(sub.f);
    strengths_.resize(set_.count());
    for (Index i = 0; i < set_.count(); ++i) {
      strengths_(i) = sub.strength(i);
      (void)set_.spectrum(i);
    }
  }

  void run(double gap, const Deadline& deadline, Poller& poller);

 private:
  double loss_value() const {
    return start_value_ + 0.5 * (slopes_ + start_slopes_).dot(set_.W.col(0) - start_);
  }
  double duality_gap();
  void pass();
  bool newton();
  void newton_decides(double& cost_of_pass, double& cost_of_newton) const;

  Subproblem& sub_;
  ActiveSet& set_;
  Eigen::Block<const Matrix> gram_;
  Vector slopes_;
  Vector start_slopes_;
  Vector start_;
  double start_value_ = 0.0;
  Vector strengths_;
  Correlations correlations_;
};

double GramSolver::duality_gap() {
  const double value = loss_value();
  const double along = slopes_.dot(set_.W.col(0));
  // v . f without offset and intercept is `along`, and v . (f - y) twice the loss
  const double linear = along - 2.0 * value;
  DualLine line;
  line.value = [=](double s) { return -s * s * value - s * linear; };
  line.stretch = true;
  line.best = [=](double limit) {
    return value > 0.0 ? std::clamp(-linear / (2.0 * value), 0.0, limit) : 0.0;
  };
  correlations_.Z = -slopes_;
  return value + penalty_value(sub_) -
         dual_bound(line, sub_.penalty, strengths_, correlations_).value;
}

void GramSolver::pass() {
  for (Index i = 0; i < set_.count(); ++i) {
    const Index start = set_.start(i);
    const Index width = set_.width(i);
    const auto slope = slopes_.segment(start, width);
    auto U = set_.W.col(0).segment(start, width);
    if (U.isZero(0) && slope.norm() <= strengths_(i)) continue;
    const Vector moved =
        minimise_block(sub_.penalty, strengths_(i), set_.spectrum(i), 1.0, U, slope);
    const Vector change = moved - U;
    if (change.isZero(0)) continue;
    slopes_.noalias() += gram_.middleCols(start, width) * change;
    U = moved;
  }
}

// A Newton step on the support with an exact line search on the smooth part. Returns whether the
// objective fell.
bool GramSolver::newton() {
  const std::vector<Index> members = support_of(set_);
  if (members.empty()) return false;
  std::vector<GroupCurvature> groups;
  Index m = 0;
  for (const Index i : members) {
    const Vector U = set_.coefficients(i).col(0);
    groups.push_back({m, set_.width(i), sub_.penalty.l2 + strengths_(i) / U.norm(), sub_.penalty.l2,
                      U.normalized()});
    m += set_.width(i);
  }
  Matrix normal(m, m);
  Vector gradient(m);
  for (std::size_t j = 0; j < members.size(); ++j) {
    const Index from = set_.start(members[j]);
    const Index width = groups[j].width;
    const auto U = set_.coefficients(members[j]).col(0);
    gradient.segment(groups[j].start, width) = slopes_.segment(from, width) +
                                               strengths_(members[j]) * groups[j].direction +
                                               sub_.penalty.l2 * U;
    for (std::size_t i = j; i < members.size(); ++i) {  // the lower triangle
      normal.block(groups[i].start, groups[j].start, groups[i].width, width) =
          gram_.block(set_.start(members[i]), from, groups[i].width, width);
    }
  }
  const Vector d = solve_in_feature_space(normal, groups, gradient);
  if (!d.allFinite() || !(gradient.dot(d) < 0.0)) return false;
  const double before = loss_value() + penalty_value(sub_);
  const Matrix W0 = set_.W;
  const Vector slopes0 = slopes_;
  for (double t = 1.0; t > 1e-3; t *= 0.5) {
    slopes_ = slopes0;
    for (std::size_t i = 0; i < members.size(); ++i) {
      const Index from = set_.start(members[i]);
      auto U = set_.W.col(0).segment(from, groups[i].width);
      const auto old = W0.col(0).segment(from, groups[i].width);
      U = old + t * d.segment(groups[i].start, groups[i].width);
      if (strengths_(members[i]) > 0.0 && U.dot(old) <= 0.0) U.setZero();
      slopes_.noalias() += gram_.middleCols(from, groups[i].width) * (U - old);
    }
    if (loss_value() + penalty_value(sub_) < before) return true;
  }
  set_.W = W0;
  slopes_ = slopes0;
  return false;
}

// In the flops of a matrix-vector product.
void GramSolver::newton_decides(double& cost_of_pass, double& cost_of_newton) const {
  double support = 0.0;
  for (const Index i : support_of(set_)) support += static_cast<double>(set_.width(i));
  cost_of_pass = 2.0 * support * static_cast<double>(set_.n_columns());
  cost_of_newton = (support * support * support / 3.0) / kProductSpeedUp + 2.0 * cost_of_pass;
}

void GramSolver::run(double gap, const Deadline& deadline, Poller& poller) {
  constexpr int kRounds = 1000;
  constexpr int kPatience = 20;
  double last = std::numeric_limits<double>::infinity();
  double best = last;
  int without_progress = 0;
  bool newton_helps = true;
  for (int round = 0; round < kRounds; ++round) {
    poller.check();
    const double now = duality_gap();
    if (now <= gap) return;
    if (deadline.passed()) return;
    without_progress = now < 0.9 * best ? 0 : without_progress + 1;
    if (without_progress > kPatience) return;
    best = std::min(best, now);
    double cost_of_pass = 0.0;
    double cost_of_newton = 0.0;
    newton_decides(cost_of_pass, cost_of_newton);
    // passes left at the rate of the last one
    const double rate = round > 1 ? std::min(now / last, 0.999) : 0.5;
    const double passes = std::log(gap / now) / std::log(std::max(rate, 0.1));
    last = now;
    const bool crawling = round > 1 && passes * cost_of_pass > cost_of_newton;
    if (newton_helps && crawling) {
      newton_helps = newton();
    } else {
      newton_helps = true;
    }
    pass();
  }
}

}  // namespace

void improve_by_gram(Subproblem& sub, double gap, const Deadline& deadline,
                     const Execution& execution) {
  if (sub.set.count() == 0) return;
  GramSolver solver(sub);
  Poller poller(execution);
  solver.run(gap, deadline, poller);
  refresh_predictions(sub);
}

}  // namespace cvxnn::lasso
