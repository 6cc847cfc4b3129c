#include "cvxnn/cone.hpp"

#include <Eigen/QR>
#include <cmath>
#include <limits>

namespace cvxnn {
namespace {

constexpr double kFeasible = 1e-13;   // a row counts as violated beyond this, relative to ||u||
constexpr double kDependent = 1e-11;  // shorter remainders after orthogonalisation are noise
constexpr double kVanishing = 1e-14;  // a projection this short, relative to ||z||, is zero

double sign_of(const Cone& cone, Index row) { return get_bit(cone.pattern, row) ? 1.0 : -1.0; }

}  // namespace

void ConeProjector::reset(Index dimension) {
  active_.clear();
  if (Q_.rows() != dimension) {
    Q_.resize(dimension, dimension);
    R_.setZero(dimension, dimension);
    multipliers_.resize(dimension + 1);
    trial_.resize(dimension + 1);
  }
}

// Adds a normal to the factorisation unless it depends on those present.
bool ConeProjector::append(const Cone& cone, Index row) {
  const Index p = static_cast<Index>(active_.size());
  if (p == Q_.cols()) return false;
  auto basis = Q_.leftCols(p);
  auto column = Q_.col(p);
  column = sign_of(cone, row) * cone.rows->row(row).transpose();
  R_.col(p).head(p).noalias() = basis.transpose() * column;
  column.noalias() -= basis * R_.col(p).head(p);
  const Vector correction = basis.transpose() * column;  // orthogonalise twice: once is not enough
  column.noalias() -= basis * correction;
  R_.col(p).head(p) += correction;
  const double length = column.norm();
  if (!(length > kDependent)) return false;
  column /= length;
  R_(p, p) = length;
  active_.push_back(row);
  return true;
}

// Drops one normal and restores the triangle with plane rotations.
void ConeProjector::remove(Index position) {
  const Index p = static_cast<Index>(active_.size());
  for (Index j = position; j + 1 < p; ++j) R_.col(j).head(j + 2) = R_.col(j + 1).head(j + 2);
  for (Index j = position; j + 1 < p; ++j) {
    const double a = R_(j, j);
    const double b = R_(j + 1, j);
    const double length = std::hypot(a, b);
    const double c = a / length;
    const double s = b / length;
    R_(j, j) = length;
    R_(j + 1, j) = 0.0;
    for (Index k = j + 1; k + 1 < p; ++k) {
      const double upper = R_(j, k);
      const double lower = R_(j + 1, k);
      R_(j, k) = c * upper + s * lower;
      R_(j + 1, k) = c * lower - s * upper;
    }
    for (Index i = 0; i < Q_.rows(); ++i) {
      const double left = Q_(i, j);
      const double right = Q_(i, j + 1);
      Q_(i, j) = c * left + s * right;
      Q_(i, j + 1) = c * right - s * left;
    }
  }
  active_.erase(active_.begin() + position);
}

void ConeProjector::solve_multipliers(const Vector& z, Vector& multipliers) const {
  const Index p = static_cast<Index>(active_.size());
  auto head = multipliers.head(p);
  head.noalias() = -(Q_.leftCols(p).transpose() * z);
  R_.topLeftCorner(p, p).triangularView<Eigen::Upper>().solveInPlace(head);
}

// From a guess of the active set to a valid start: multipliers that are all positive.
void ConeProjector::drop_negative(const Vector& z) {
  while (!active_.empty()) {
    solve_multipliers(z, multipliers_);
    const Index p = static_cast<Index>(active_.size());
    bool dropped = false;
    for (Index j = p - 1; j >= 0; --j) {
      if (multipliers_(j) > 0.0) continue;
      remove(j);
      dropped = true;
    }
    if (!dropped) return;
  }
}

// After a row was appended: moves the multipliers towards the new solution, dropping each that
// reaches zero on the way. Returns false if the new row itself gained nothing (rounding).
bool ConeProjector::exchange(const Vector& z) {
  const Index entered = active_.back();
  multipliers_(static_cast<Index>(active_.size()) - 1) = 0.0;
  while (!active_.empty()) {
    const Index p = static_cast<Index>(active_.size());
    solve_multipliers(z, trial_);
    if (active_.back() == entered && !(trial_(p - 1) > 0.0)) {
      remove(p - 1);
      return false;
    }
    double step = 1.0;
    Index blocking = -1;
    for (Index j = 0; j < p; ++j) {
      if (trial_(j) > 0.0) continue;
      const double ratio = multipliers_(j) / (multipliers_(j) - trial_(j));
      if (blocking < 0 || ratio < step) {
        step = ratio;
        blocking = j;
      }
    }
    if (blocking < 0) {
      multipliers_.head(p) = trial_.head(p);
      return true;
    }
    multipliers_.head(p) += step * (trial_.head(p) - multipliers_.head(p));
    for (Index j = blocking; j + 1 < p; ++j) multipliers_(j) = multipliers_(j + 1);
    remove(blocking);
  }
  return true;
}

// The row whose constraint is violated most, beyond `tolerance`, or -1.
Index ConeProjector::most_violated(const Cone& cone, double tolerance) {
  values_.noalias() = *cone.rows * point_;
  for (const Index row : refused_) values_(row) = 0.0;
  Index worst = -1;
  double lowest = -tolerance;
  for (Index k = 0; k < values_.size(); ++k) {
    const double value = get_bit(cone.pattern, k) ? values_(k) : -values_(k);
    if (value < lowest) {
      lowest = value;
      worst = k;
    }
  }
  return worst;
}

bool ConeProjector::project(const Cone& cone, const Vector& z, std::vector<Index>& tight,
                            double cutoff) {
  if (cone.pattern == nullptr) {
    active_.clear();
    point_ = z;
    return true;
  }
  const Index d = z.size();
  reset(d);
  for (const Index row : tight) append(cone, row);
  drop_negative(z);
  refused_.clear();
  const double length = z.norm();
  const Index limit = 50 + 20 * d;
  bool finished = false;
  for (Index iteration = 0; iteration < limit && !finished; ++iteration) {
    const auto basis = Q_.leftCols(static_cast<Index>(active_.size()));
    point_ = z;
    for (int pass = 0; pass < 2; ++pass) point_ -= basis * (basis.transpose() * point_);
    const double norm = point_.norm();
    if (norm <= kVanishing * length || static_cast<Index>(active_.size()) == d) point_.setZero();
    if (norm <= cutoff || point_.isZero(0)) {
      finished = true;
      break;
    }
    const Index worst = most_violated(cone, kFeasible * norm);
    if (worst < 0) {
      finished = true;
    } else if (!append(cone, worst) || !exchange(z)) {
      refused_.push_back(worst);  // noise: a row of the span of the active ones
    }
  }
  tight = active_;
  return finished;
}

double ConeProjector::support_bound(const Cone& cone, const Vector& z) const {
  Vector dual_point = z;
  double magnitude = z.norm();
  for (std::size_t j = 0; j < active_.size(); ++j) {
    const double multiplier = std::max(0.0, multipliers_(static_cast<Index>(j)));
    dual_point += multiplier * sign_of(cone, active_[j]) * cone.rows->row(active_[j]).transpose();
    magnitude += multiplier;
  }
  const double roundings = static_cast<double>(active_.size() + 2 * z.size() + 4);
  return dual_point.norm() + roundings * std::numeric_limits<double>::epsilon() * magnitude;
}

Matrix face_basis(const Matrix& rows, const std::vector<Index>& tight) {
  const Index d = rows.cols();
  const Index p = static_cast<Index>(tight.size());
  if (p == 0) return Matrix::Identity(d, d);
  Matrix normals(d, p);
  for (Index j = 0; j < p; ++j) normals.col(j) = rows.row(tight[j]).transpose();
  const Eigen::HouseholderQR<Matrix> qr(normals);
  Matrix complement = Matrix::Zero(d, d - p);
  complement.bottomRows(d - p).setIdentity();
  return qr.householderQ() * complement;
}

Matrix unit_rows(const ConstMatrixRef& X) {
  Matrix rows = X;
  for (Index k = 0; k < rows.rows(); ++k) {
    const double norm = rows.row(k).stableNorm();
    if (norm > 0.0) rows.row(k) /= norm;
  }
  return rows;
}

}  // namespace cvxnn
