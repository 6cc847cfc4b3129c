// Cones spanned by as many unit vectors as the space has dimensions, and bounds over them on
// h(u) = sum_k v_k (x_k . u)_+ and on -h.
#pragma once

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "cvxnn/types.hpp"

namespace cvxnn::simplicial {

constexpr int kMostRank = 16;

// Of fixed size where kRank is not Eigen::Dynamic; without allocation in any case.
template <int kRank>
constexpr int kCapacity = kRank == Eigen::Dynamic ? kMostRank : kRank;
template <int kRank>
using SmallMatrix = Eigen::Matrix<double, kRank, kRank, 0, kCapacity<kRank>, kCapacity<kRank>>;
template <int kRank>
using SmallVector = Eigen::Matrix<double, kRank, 1, 0, kCapacity<kRank>, 1>;

// h(u) = linear . u + sum_k v_k (x_k . u)_+.
struct WeightedRows {
  Matrix x;  // one a column
  Vector v;
  Vector linear;
};

// Values that are noise are zero, so that a cut through a row leaves nothing of it.
inline double snapped(double value) { return std::abs(value) < 2e-15 ? 0.0 : value; }

template <int kRank>
struct Cone {
  SmallMatrix<kRank> rays;         // unit vectors, one a column
  SmallVector<kRank> sum;          // of v_k x_k over the rows that are positive inside
  std::vector<std::int32_t> rows;  // those that change sign inside
  double upper = 0.0;
  std::int32_t region = -1;  // of the space; what lies in it is compared before the rest
  std::array<bool, 2> open{true, true};  // whether h and -h may be above what is asked
};

// Values of the rows of a cone at its rays, and what else a thread needs to bound it.
template <int kRank>
struct Workspace {
  using Values = Eigen::Matrix<double, kRank, Eigen::Dynamic, 0, kCapacity<kRank>>;
  Values values;
  std::vector<Index> concave;     // positions in the cone's rows
  std::vector<double> multiples;  // t of each, in [0, 1]
};

template <int kRank>
struct ConeBound {
  double upper = 0.0;
  SmallVector<kRank> at;  // a unit vector of the cone, where the bound is near h, or zero
};

// Bounds sign * h over the unit vectors of a cone by those of a linear function w . u.
//
// A row that changes sign and has sign * v_k > 0 is convex: it lies below the linear function with
// its values at the rays. One with sign * v_k < 0 is concave: it lies below t v_k x_k . u for every
// t in [0, 1]. With facets b_i . u >= 0 of the cone, w . u <= (w + sum_i mu_i b_i) . u for mu >= 0.
// Coordinate descent on t and mu makes the norm small; every iterate is a bound, and at the optimum
// it is exact but for the convex rows.
template <int kRank>
class Bounder {
 public:
  Bounder(const WeightedRows& data, const Cone<kRank>& cone, Workspace<kRank>& work)
      : data_(data), cone_(cone), work_(work), rank_(cone.rays.rows()) {
    const Index m = static_cast<Index>(cone.rows.size());
    work.values.resize(rank_, m);
    for (Index i = 0; i < m; ++i) {
      work.values.col(i).noalias() = cone.rays.transpose() * row(i);
      for (Index j = 0; j < rank_; ++j) work.values(j, i) = snapped(work.values(j, i));
    }
    const SmallMatrix<kRank> products = cone.rays.transpose() * cone.rays;
    double least = rank_ > 1 ? 1.0 : 0.0;
    for (Index j = 1; j < rank_; ++j) {
      for (Index i = 0; i < j; ++i) least = std::min(least, products(i, j));
    }
    const double share = 1.0 / static_cast<double>(rank_);
    // no convex combination of the rays is shorter than the root of this
    shortest_ = std::sqrt(std::max(least + (1.0 - least) * share, 1e-300));
  }

  // No convex combination of the rays is shorter.
  double shortest() const { return shortest_; }

  // Stops as soon as the bound is at most `target`.
  ConeBound<kRank> bound(int sign, double target) {
    SmallVector<kRank> w = sign * cone_.sum;
    SmallVector<kRank> interpolated = SmallVector<kRank>::Zero(rank_);
    work_.concave.clear();
    work_.multiples.clear();
    for (Index i = 0; i < work_.values.cols(); ++i) {
      const double weight = sign * data_.v(cone_.rows[i]);
      if (weight > 0.0) {
        interpolated += weight * work_.values.col(i).cwiseMax(0.0);
        continue;
      }
      const bool positive = work_.values.col(i).sum() > 0.0;
      work_.concave.push_back(i);
      work_.multiples.push_back(positive ? 1.0 : 0.0);
      if (positive) w += weight * row(i);
    }
    ConeBound<kRank> result;
    const SmallVector<kRank> at_rays = cone_.rays.transpose() * w + interpolated;
    result.upper = std::max(0.0, at_rays.maxCoeff()) / shortest_;
    result.at = SmallVector<kRank>::Zero(rank_);
    if (result.upper <= target) return result;
    descend(sign, target, w, interpolated, result);
    return result;
  }

  // sign * h at a point of the cone.
  double value(int sign, const SmallVector<kRank>& u) const {
    double sum = sign * cone_.sum.dot(u);
    for (const std::int32_t k : cone_.rows) {
      sum += sign * data_.v(k) * std::max(0.0, head(k).dot(u));
    }
    return sum;
  }

 private:
  auto head(Index k) const {
    return Eigen::Map<const SmallVector<kRank>>(data_.x.col(k).data(), rank_);
  }
  auto row(Index i) const { return head(cone_.rows[i]); }

  void descend(int sign, double target, const SmallVector<kRank>& w,
               const SmallVector<kRank>& interpolated, ConeBound<kRank>& result) {
    SmallMatrix<kRank> facets = cone_.rays.inverse();  // one a row
    const SmallVector<kRank> convex = facets.transpose() * interpolated;
    // what rounding of the inverse took away
    const double lost =
        (interpolated - cone_.rays.transpose() * convex).cwiseMax(0.0).maxCoeff() / shortest_;
    facets = facets.rowwise().normalized().eval();
    const SmallMatrix<kRank> inside = facets * cone_.rays;
    const double outside = std::max(0.0, -inside.minCoeff()) / shortest_;
    SmallVector<kRank> mu = SmallVector<kRank>::Zero(rank_);
    SmallVector<kRank> z = w + convex;
    const auto bound_at_multipliers = [&] {  // anew, for z has gathered rounding
      z = sign * cone_.sum + convex + facets.transpose() * mu;
      for (std::size_t c = 0; c < work_.concave.size(); ++c) {
        const Index i = work_.concave[c];
        if (work_.multiples[c] > 0.0) {
          z += work_.multiples[c] * sign * data_.v(cone_.rows[i]) * row(i);
        }
      }
      return z.norm() + lost + outside * mu.sum();
    };
    const Index n_concave = static_cast<Index>(work_.concave.size());
    // while many rows cross the cone, it will be cut anyway
    const int passes = n_concave <= 8 * rank_ ? 60 : 2;
    double before = result.upper;
    for (int pass = 0; pass < passes; ++pass) {
      descend_facets(facets, z, mu);
      for (int k = 0; pass > 0 && k < 2 * rank_ && jump(sign, facets, z, mu);) ++k;
      const double upper = z.norm() + lost + outside * mu.sum();
      const bool hopeless = (before - upper) * static_cast<double>(passes - pass) < upper - target;
      if (upper <= target || (pass > 2 && hopeless) || n_concave == 0) break;
      before = upper;
      descend_concave(sign, z);
    }
    result.upper = std::min(result.upper, bound_at_multipliers());
    if (result.upper <= target) return;
    const SmallVector<kRank> shares = (inside.inverse() * (facets * z)).cwiseMax(0.0);
    result.at = cone_.rays * shares;
    const double length = result.at.norm();
    if (length > 0.0) result.at /= length;
  }

  void descend_facets(const SmallMatrix<kRank>& facets, SmallVector<kRank>& z,
                      SmallVector<kRank>& mu) const {
    for (int round = 0; round < 3; ++round) {
      for (Index j = 0; j < rank_; ++j) {
        const double next = std::max(0.0, mu(j) - facets.row(j).dot(z));
        z += (next - mu(j)) * facets.row(j).transpose();
        mu(j) = next;
      }
    }
  }

  void descend_concave(int sign, SmallVector<kRank>& z) {
    for (std::size_t c = 0; c < work_.concave.size(); ++c) {
      const Index i = work_.concave[c];
      const double weight = sign * data_.v(cone_.rows[i]);
      const auto x = row(i);
      const double now = work_.multiples[c];
      const double next = std::clamp(now - x.dot(z) / (weight * x.squaredNorm()), 0.0, 1.0);
      if (next == now) continue;
      z += ((next - now) * weight) * x;
      work_.multiples[c] = next;
    }
  }

  // Solves for all multipliers that are not at a bound, and goes there as far as the bounds allow.
  // Returns whether one of them stopped it.
  bool jump(int sign, const SmallMatrix<kRank>& facets, SmallVector<kRank>& z,
            SmallVector<kRank>& mu) {
    constexpr Index kMost = 2 * kCapacity<kRank>;
    Eigen::Matrix<double, kRank, Eigen::Dynamic, 0, kCapacity<kRank>, kMost> columns(rank_, kMost);
    std::array<double*, kMost> values;
    std::array<double, kMost> upper;
    Index count = 0;
    for (Index j = 0; j < rank_; ++j) {
      if (!(mu(j) > 0.0)) continue;
      columns.col(count) = facets.row(j).transpose();
      values[count] = &mu(j);
      upper[count++] = std::numeric_limits<double>::infinity();
    }
    for (std::size_t c = 0; c < work_.concave.size() && count < kMost; ++c) {
      double& t = work_.multiples[c];
      if (!(t > 0.0 && t < 1.0)) continue;
      const Index i = work_.concave[c];
      columns.col(count) = sign * data_.v(cone_.rows[i]) * row(i);
      values[count] = &t;
      upper[count++] = 1.0;
    }
    if (count == 0) return false;
    columns.conservativeResize(Eigen::NoChange, count);
    const Eigen::ColPivHouseholderQR<decltype(columns)> qr(columns);
    const Eigen::Matrix<double, Eigen::Dynamic, 1, 0, kMost, 1> change = qr.solve(-z);
    double step = 1.0;
    for (Index c = 0; c < count; ++c) {
      if (change(c) < 0.0) step = std::min(step, *values[c] / -change(c));
      if (change(c) > 0.0) step = std::min(step, (upper[c] - *values[c]) / change(c));
    }
    for (Index c = 0; c < count; ++c) {
      const double next = *values[c] + step * change(c);
      const double at = step * std::abs(change(c)) < 1e-15 ? *values[c] : next;
      const double clamped = at < 1e-14 ? 0.0 : at > upper[c] - 1e-14 ? upper[c] : at;
      z += (clamped - *values[c]) * columns.col(c);
      *values[c] = clamped;
    }
    return step < 1.0;
  }

  const WeightedRows& data_;
  const Cone<kRank>& cone_;
  Workspace<kRank>& work_;
  Index rank_;
  double shortest_;
};

// Where to cut a cone in two: on the edge between two of its rays.
template <int kRank>
struct Cut {
  std::array<Index, 2> edge{0, 0};
  SmallVector<kRank> point;
};

// Cuts the edge on which interpolation loses most, or the longest one if nothing is interpolated;
// where a row changes sign if few do or one does near the middle, so that these rows are done with.
template <int kRank, class Values>
Cut<kRank> cut_of(const WeightedRows& data, const Cone<kRank>& cone, const Values& values) {
  constexpr Index kFew = 4;
  constexpr double kMiddle = 0.25;
  const Index rank = cone.rays.rows();
  const auto convex = [&](std::size_t k) { return cone.open[data.v(cone.rows[k]) > 0.0 ? 0 : 1]; };
  const auto loss = [&](std::size_t k, Index i, Index j) {
    const auto value = values.col(static_cast<Index>(k));
    const double product = value(i) * value(j);
    if (!(product < 0.0)) return 0.0;
    return std::abs(data.v(cone.rows[k])) * product / std::abs(value(i) - value(j));
  };
  SmallMatrix<kRank> lost = SmallMatrix<kRank>::Zero(rank, rank);
  for (std::size_t k = 0; k < cone.rows.size(); ++k) {
    if (!convex(k)) continue;
    for (Index j = 1; j < rank; ++j) {
      for (Index i = 0; i < j; ++i) lost(i, j) += loss(k, i, j);
    }
  }
  if (!(lost.minCoeff() < 0.0)) lost = cone.rays.transpose() * cone.rays;
  Cut<kRank> cut;
  double least = std::numeric_limits<double>::infinity();
  for (Index j = 1; j < rank; ++j) {
    for (Index i = 0; i < j; ++i) {
      if (!(lost(i, j) < least)) continue;
      least = lost(i, j);
      cut.edge = {i, j};
    }
  }
  const auto [i, j] = cut.edge;
  Index n_kinks = 0;
  double worst = 0.0;
  double share = 0.5;  // of ray j
  for (std::size_t k = 0; k < cone.rows.size(); ++k) {
    if (!convex(k)) continue;
    const double lost_here = loss(k, i, j);
    n_kinks += lost_here < 0.0;
    if (!(lost_here < worst)) continue;
    worst = lost_here;
    const auto value = values.col(static_cast<Index>(k));
    share = value(i) / (value(i) - value(j));
  }
  if (n_kinks > kFew && std::abs(share - 0.5) > kMiddle) share = 0.5;
  cut.point = ((1.0 - share) * cone.rays.col(i) + share * cone.rays.col(j)).normalized();
  return cut;
}

// The half of a cone in which `middle` takes the place of a ray. `values` are those of its rows at
// the rays, `at_middle` those at the middle.
template <int kRank, class Values>
Cone<kRank> half(const WeightedRows& data, const Cone<kRank>& cone, const Values& values,
                 const Vector& at_middle, const SmallVector<kRank>& middle, Index replaced) {
  Cone<kRank> child;
  child.rays = cone.rays;
  child.rays.col(replaced) = middle;
  child.sum = cone.sum;
  child.upper = cone.upper;
  child.region = cone.region;
  child.open = cone.open;
  const Index rank = cone.rays.rows();
  for (std::size_t i = 0; i < cone.rows.size(); ++i) {
    double lowest = at_middle(static_cast<Index>(i));
    double highest = lowest;
    for (Index j = 0; j < rank; ++j) {
      if (j == replaced) continue;
      const double value = values(j, static_cast<Index>(i));
      lowest = std::min(lowest, value);
      highest = std::max(highest, value);
    }
    const std::int32_t k = cone.rows[i];
    if (lowest < 0.0 && highest > 0.0) {
      child.rows.push_back(k);
    } else if (highest > 0.0) {
      child.sum += data.v(k) * Eigen::Map<const SmallVector<kRank>>(data.x.col(k).data(), rank);
    }
  }
  return child;
}

}  // namespace cvxnn::simplicial
