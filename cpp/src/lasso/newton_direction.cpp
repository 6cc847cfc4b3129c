#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "lasso/newton.hpp"

namespace cvxnn::lasso {
namespace {

constexpr Index kDenseSize = 400;         // largest Hessian to make column by column
constexpr Index kDirectSize = 4000;       // largest system to factorise
constexpr double kDirectEntries = 3.2e7;  // of the columns needed for it
constexpr double kProductSpeedUp = 5.0;   // of large products over matrix-vector ones, per flop

// What floats are divided by so that they neither overflow nor underflow; a power of two, which
// rounds nothing.
double scale_of(const ConstMatrixRef& M) {
  const double largest = M.size() > 0 ? M.lpNorm<Eigen::Infinity>() : 0.0;
  return largest > 0.0 && std::isfinite(largest) ? std::exp2(std::ilogb(largest)) : 1.0;
}

Support make_support(const Subproblem& sub, const Vector& v) {
  const ActiveSet& set = sub.set;
  Support s;
  s.members = support_of(set);
  for (const Index i : s.members) s.starts.push_back(s.starts.back() + set.width(i));
  s.U.resize(s.n_columns(), sub.K());
  const auto V = as_matrix(v, sub.n());
  s.gradient = set.correlate(s.members, V);
  s.intercept_gradient = V.colwise().sum();
  for (std::size_t i = 0; i < s.members.size(); ++i) {
    const Index member = s.members[i];
    auto U = s.U.middleRows(s.starts[i], set.width(member));
    U = set.coefficients(member);
    s.bend.push_back(sub.strength(member) / U.norm());
    s.gradient.middleRows(s.starts[i], set.width(member)) += s.bend.back() * U;
  }
  s.gradient += sub.penalty.l2 * s.U;
  s.free = Matrix::Ones(s.U.rows(), s.U.cols());
  if (!sub.penalty.radial()) {
    s.free = (s.U.array() != 0.0).cast<double>();
    s.gradient.array() += sub.penalty.l1 * s.U.array().sign();
    s.gradient.array() *= s.free.array();
  }
  return s;
}

// The Hessian of the objective on the support, the intercept one more variable.
class Hessian {
 public:
  Hessian(Subproblem& sub, const Support& support, Precision precision)
      : sub_(sub),
        support_(support),
        precision_(precision),
        of_loss_(sub.problem.loss->hessian(sub.f)) {
    ActiveSet& set = sub.set;
    const Vector h = sub.problem.loss->curvature(sub.f);
    const Vector& w = sub.problem.loss->weights();
    mean_curvature_ = std::max(h.sum() / w.sum(), 1e-10);
    intercept_curvature_ = as_matrix(h, sub.n()).colwise().sum().cwiseMax(1e-10 * w.sum());
    set.prepare_float32();
    if (set.has_gram()) {
      const Index m = support.n_columns();
      gram_.resize(m, m);
      const auto gram = set.gram();
      for (std::size_t j = 0; j < support.members.size(); ++j) {
        for (std::size_t i = 0; i < support.members.size(); ++i) {
          const Index a = support.members[i];
          const Index b = support.members[j];
          gram_.block(support.starts[i], support.starts[j], set.width(a), set.width(b)) =
              gram.block(set.start(a), set.start(b), set.width(a), set.width(b));
        }
      }
    }
    ridge_ = sub.penalty.l2 + sub.damping * typical_curvature(set);
    spread_.resize(support.U.rows(), support.U.cols());
    for (std::size_t i = 0; i < support.members.size(); ++i) {
      prepare_block(i, set.spectrum(support.members[i]));
    }
  }

  const Matrix& gram() const { return gram_; }
  double ridge() const { return ridge_; }  // of the penalty, and damping

  Direction apply(const Direction& x) const { return apply(x, precision_); }

  Direction apply(const Direction& x, Precision precision) const {
    Direction out;
    const Index n = sub_.n();
    if (gram_.size() > 0) {
      out.D.noalias() = gram_ * x.D;
      out.db = x.db * sub_.set.sample_weights().sum();
    } else {
      const double size = scale_of(x.D);
      Matrix F = size * sub_.set.product(support_.members, x.D / size, precision);
      F.rowwise() += x.db.transpose();
      const Vector moved = of_loss_.apply(F.reshaped());
      const auto V = as_matrix(moved, n);
      const double moved_size = scale_of(V);
      out.D = moved_size * sub_.set.correlate(support_.members, V / moved_size, precision);
      out.db = V.colwise().sum();
    }
    out.D += ridge_ * x.D;
    for (std::size_t i = 0; i < support_.members.size(); ++i) {
      const auto U = rows(support_.U, i);
      const auto D = rows(x.D, i);
      const double along = U.cwiseProduct(D).sum() / U.squaredNorm();
      out.D.middleRows(support_.starts[i], U.rows()) += support_.bend[i] * (D - along * U);
    }
    if (!sub_.penalty.radial()) out.D.array() *= support_.free.array();
    if (!sub_.problem.fit_intercept) out.db.setZero();
    return out;
  }

  // Block by block with one curvature for all samples, by the formula of Sherman and Morrison.
  Direction precondition(const Direction& r) const {
    Direction out{Matrix(r.D.rows(), r.D.cols()), r.db.cwiseQuotient(intercept_curvature_)};
    const double scale = scale_of(r.D);
    const Eigen::MatrixXf scaled = (r.D / scale).cast<float>();
    Eigen::MatrixXf solved(scaled.rows(), scaled.cols());
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      const Index start = support_.starts[i];
      const Index width = roots_[i].rows();
      const Eigen::MatrixXf rotated = roots_[i].transpose() * scaled.middleRows(start, width);
      solved.middleRows(start, width).noalias() = roots_[i] * rotated;
      out.D.middleRows(start, width) =
          scale * root_scales_[i] * solved.middleRows(start, width).cast<double>();
      const double along = rows(support_.U, i).cwiseProduct(rows(out.D, i)).sum();
      out.D.middleRows(start, width) += along * rows(spread_, i);
    }
    if (!sub_.penalty.radial()) out.D.array() *= support_.free.array();
    return out;
  }

 private:
  // Of the loss along a column, at most.
  double typical_curvature(ActiveSet& set) const {
    const Loss& loss = *sub_.problem.loss;
    double sum = 0.0;
    for (const Index member : support_.members) sum += set.spectrum(member).values.mean();
    const double mean = sum / static_cast<double>(support_.members.size());
    return mean * (loss.bounded_curvature() ? loss.max_curvature() : mean_curvature_);
  }

  // The block B - bend u u' with B diagonal in the eigenbasis and u the unit vector along U.
  void prepare_block(std::size_t i, const Spectrum& s) {
    const double bend = support_.bend[i];
    Vector a = mean_curvature_ * s.values.array() + (bend + ridge_);
    a = a.cwiseMax(1e-12 * a.maxCoeff());
    const double smallest = a.minCoeff();
    roots_.push_back(
        (s.vectors * (smallest / a.array()).sqrt().matrix().asDiagonal()).cast<float>());
    root_scales_.push_back(1.0 / smallest);
    const auto U = rows(support_.U, i);
    Matrix rotated = s.vectors.transpose() * U;
    rotated.array().colwise() /= a.array();
    const Matrix solved = s.vectors * rotated;
    const double factor = bend / U.squaredNorm();
    const double left = std::max(1.0 - factor * U.cwiseProduct(solved).sum(), 1e-8);
    spread_.middleRows(support_.starts[i], U.rows()) = factor / left * solved;
  }

  auto rows(const Matrix& stacked, std::size_t i) const -> decltype(stacked.middleRows(0, 0)) {
    return stacked.middleRows(support_.starts[i], support_.starts[i + 1] - support_.starts[i]);
  }

  const Subproblem& sub_;
  const Support& support_;
  Precision precision_;
  cvxnn::Hessian of_loss_;
  double mean_curvature_;
  double ridge_;
  Vector intercept_curvature_;
  Matrix gram_;
  // Roots of the inverse blocks, without `spread_`: the preconditioner stays positive in float32.
  std::vector<Eigen::MatrixXf> roots_;
  std::vector<double> root_scales_;
  Matrix spread_;  // what the formula adds, per unit of <U, .>
};

double dot(const Direction& a, const Direction& b) {
  return a.D.cwiseProduct(b.D).sum() + a.db.dot(b.db);
}

// Returns whether the residual fell to `accuracy` of the right-hand side within the limit.
bool conjugate_gradients(const Hessian& hessian, const Direction& rhs, double accuracy,
                         int max_iter, Poller& poller, Direction& x) {
  x = {Matrix::Zero(rhs.D.rows(), rhs.D.cols()), Vector::Zero(rhs.db.size())};
  Direction r = rhs;
  Direction z = hessian.precondition(r);
  Direction p = z;
  double rz = dot(r, z);
  const double target = accuracy * accuracy * rz;
  for (int i = 0; i < max_iter && rz > target; ++i) {
    poller.check();
    const Direction Hp = hessian.apply(p);
    const double curvature = dot(p, Hp);
    if (!(curvature > 0.0)) break;
    const double step = rz / curvature;
    x.D += step * p.D;
    x.db += step * p.db;
    r.D -= step * Hp.D;
    r.db -= step * Hp.db;
    z = hessian.precondition(r);
    const double next = dot(r, z);
    p.D = z.D + next / rz * p.D;
    p.db = z.db + next / rz * p.db;
    rz = next;
  }
  return rz <= target;
}

std::vector<GroupCurvature> penalty_curvatures(const Support& s, double ridge) {
  std::vector<GroupCurvature> groups;
  for (std::size_t i = 0; i < s.members.size(); ++i) {
    const Index width = s.starts[i + 1] - s.starts[i];
    const Vector direction = s.U.col(0).segment(s.starts[i], width).normalized();
    groups.push_back({s.starts[i], width, ridge + s.bend[i], ridge, direction});
  }
  return groups;
}

// One target and a radial penalty: the whole system by a factorisation.
Direction solve_directly(const Subproblem& sub, const Support& s, const Hessian& hessian) {
  const std::vector<GroupCurvature> groups = penalty_curvatures(s, hessian.ridge());
  const Vector gradient = s.gradient.col(0);
  if (hessian.gram().size() > 0) {
    return {solve_in_feature_space(hessian.gram(), groups, gradient), Vector::Zero(1)};
  }
  Matrix B = sub.set.columns(s.members);
  const Vector h = sub.problem.loss->curvature(sub.f);
  const Vector root = h.cwiseSqrt();
  const double total = h.sum();
  Vector means = Vector::Zero(B.cols());
  if (sub.problem.fit_intercept && total > 0.0) {  // the intercept eliminated: means by curvature
    means = B.transpose() * h / total;
    B.rowwise() -= means.transpose();
  }
  B.array().colwise() *= root.array();
  const bool tall = B.cols() <= B.rows();
  Vector d;
  if (tall) {
    Matrix normal = Matrix::Zero(B.cols(), B.cols());
    normal.selfadjointView<Eigen::Lower>().rankUpdate(B.transpose());
    d = solve_in_feature_space(normal, groups, gradient);
  } else {
    d = solve_in_sample_space(B, groups, gradient);
  }
  return {d, Vector::Constant(1, -means.dot(d))};
}

// Any penalty and number of targets, for small systems: the whole Hessian, column by column.
Direction solve_densely(const Subproblem& sub, const Support& s, const Hessian& hessian) {
  const Index m = s.U.size();
  const Index K = sub.problem.fit_intercept ? sub.K() : 0;
  Matrix H(m + K, m + K);
  for (Index j = 0; j < m + K; ++j) {
    Direction unit{Matrix::Zero(s.U.rows(), s.U.cols()), Vector::Zero(sub.K())};
    (j < m ? unit.D(j) : unit.db(j - m)) = 1.0;
    const Direction column = hessian.apply(unit, Precision::float64);
    H.col(j) << column.D.reshaped(), column.db.head(K);
  }
  Vector rhs(m + K);
  rhs << -s.gradient.reshaped(), -s.intercept_gradient.head(K);
  for (Index j = 0; j < m; ++j) {
    if (s.free(j) != 0.0) continue;
    H.row(j).setZero();
    H.col(j).setZero();
    H(j, j) = 1.0;
  }
  H.diagonal().array() += 1e-13 * H.diagonal().maxCoeff();
  const Vector d = H.ldlt().solve(rhs);
  Direction out{d.head(m).reshaped(s.U.rows(), s.U.cols()), Vector::Zero(sub.K())};
  out.db.head(K) = d.tail(K);
  return out;
}

Direction solve(Subproblem& sub, const Support& s, const Hessian& hessian, double accuracy,
                const Execution& execution) {
  const double n = static_cast<double>(sub.n());
  const double m = static_cast<double>(s.n_columns());
  const bool gram = hessian.gram().size() > 0;
  const double smaller = gram ? m : std::min(n, m);
  const bool smooth_groups =
      std::all_of(s.bend.begin(), s.bend.end(), [](double bend) { return bend > 0.0; });
  const bool direct = sub.K() == 1 && sub.penalty.radial() && smaller <= kDirectSize &&
                      (gram || n * m <= kDirectEntries) && (m <= n || smooth_groups);
  const double forming = gram ? 0.0 : n * m * smaller;
  const double factorising = smaller * smaller * smaller / 3.0;
  const double one_product = gram ? 2.0 * m * m : 4.0 * n * m;
  const double speed_up = sub.set.lazy() ? 1.0 : kProductSpeedUp;  // lazy products are large ones
  const double budget = (forming + factorising) / speed_up / one_product;
  if (direct && (sub.prefer_direct || budget < 10.0)) return solve_directly(sub, s, hessian);
  const bool dense = !direct && s.U.size() <= kDenseSize;
  if (dense && sub.prefer_direct) return solve_densely(sub, s, hessian);
  const double patience = direct ? budget : dense ? static_cast<double>(s.U.size()) : 500.0;
  const int max_iter = static_cast<int>(std::min(patience, 500.0));
  Poller poller(execution);
  Direction d;
  const Direction rhs{-s.gradient, sub.problem.fit_intercept ? Vector(-s.intercept_gradient)
                                                             : Vector(Vector::Zero(sub.K()))};
  const bool solved = conjugate_gradients(hessian, rhs, accuracy, max_iter, poller, d);
  if (solved || !(direct || dense)) return d;
  sub.prefer_direct = true;
  return direct ? solve_directly(sub, s, hessian) : solve_densely(sub, s, hessian);
}

}  // namespace

std::optional<NewtonDirection> newton_direction(Subproblem& sub, double accuracy,
                                                const Execution& execution) {
  NewtonDirection step;
  step.support = make_support(sub, sub.problem.loss->gradient(sub.f));
  if (step.support.members.empty()) return {};
  for (const Precision precision : {Precision::float32, Precision::float64}) {
    const Hessian hessian(sub, step.support, precision);
    step.direction = solve(sub, step.support, hessian, accuracy, execution);
    if (step.direction.D.allFinite()) break;  // data of 1e40 overflow in float32
  }
  if (!step.direction.D.allFinite()) return {};
  step.slope = step.support.gradient.cwiseProduct(step.direction.D).sum() +
               step.support.intercept_gradient.dot(step.direction.db);
  if (!(step.slope < 0.0)) return {};
  return step;
}

}  // namespace cvxnn::lasso
