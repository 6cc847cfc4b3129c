#include <algorithm>
#include <cmath>
#include <limits>

#include "losses/losses.hpp"

namespace cvxnn {
namespace {

// l = max of p (s f - t) over p in [low, high].
struct Pieces {
  Vector s;  // 1 or -1
  Vector t;
  double low = 0.0;
  double high = 1.0;
};

// The same less width (p - center)^2 / 2, under the maximum.
class SmoothedPieces final : public Loss {
 public:
  SmoothedPieces(const Loss& loss, const Pieces& pieces, Vector center, double width)
      : Loss(loss, pieces.t), pieces_(pieces), center_(std::move(center)), width_(width) {}

  double value(const Vector& f) const override {
    const Vector p = maximiser(f);
    const auto moved = (p - center_).array();
    return (weights_.array() * (p.array() * slack(f).array() - 0.5 * width_ * moved.square()))
        .sum();
  }
  Vector gradient(const Vector& f) const override {
    return weights_.cwiseProduct(pieces_.s).cwiseProduct(maximiser(f));
  }
  Vector curvature(const Vector& f) const override {
    const Eigen::ArrayXd p = center_ + slack(f) / width_;
    return weights_.array() / width_ * (p >= pieces_.low && p <= pieces_.high).cast<double>();
  }
  double max_curvature() const override { return 1.0 / width_; }
  double infimum() const override { return -0.5 * width_ * reach().cwiseAbs2().dot(weights_); }

  double dual_value(const Vector& v) const override {
    constexpr double kRounding = 1e-14;
    const Vector p = v.cwiseProduct(pieces_.s).cwiseQuotient(weights_);
    const double slip = kRounding * std::max(std::abs(pieces_.low), std::abs(pieces_.high));
    if (p.minCoeff() < pieces_.low - slip || p.maxCoeff() > pieces_.high + slip) {
      return -std::numeric_limits<double>::infinity();
    }
    const auto moved = (p - center_).array();
    return -(weights_.array() * (p.array() * pieces_.t.array() + 0.5 * width_ * moved.square()))
                .sum();
  }

 private:
  Vector slack(const Vector& f) const { return pieces_.s.cwiseProduct(f) - pieces_.t; }
  Vector maximiser(const Vector& f) const {
    return (center_ + slack(f) / width_).cwiseMax(pieces_.low).cwiseMin(pieces_.high);
  }
  // The farthest that p can be from the center.
  Vector reach() const {
    return (center_.array() - pieces_.low).max(pieces_.high - center_.array()).matrix();
  }

  const Pieces& pieces_;
  Vector center_;
  double width_;
};

class PiecewiseLinearLoss final : public Loss {
 public:
  PiecewiseLinearLoss(const Matrix& y, const Vector& weights, Pieces pieces)
      : Loss(y, weights), pieces_(std::move(pieces)) {}

  double value(const Vector& f) const override {
    const Vector z = pieces_.s.cwiseProduct(f) - pieces_.t;
    return weights_.dot((pieces_.low * z).cwiseMax(pieces_.high * z));
  }
  // A subgradient: at a kink the middle one.
  Vector gradient(const Vector& f) const override {
    const Vector z = pieces_.s.cwiseProduct(f) - pieces_.t;
    const Vector p = z.unaryExpr([&](double at) {
      return at > 0.0 ? pieces_.high : at < 0.0 ? pieces_.low : 0.5 * (pieces_.low + pieces_.high);
    });
    return weights_.cwiseProduct(pieces_.s).cwiseProduct(p);
  }
  Vector curvature(const Vector& f) const override { return Vector::Zero(f.size()); }
  double max_curvature() const override { return std::numeric_limits<double>::infinity(); }
  bool smooth() const override { return false; }
  double dual_value(const Vector& v) const override {
    return SmoothedPieces(*this, pieces_, Vector::Zero(v.size()), 0.0).dual_value(v);
  }
  std::unique_ptr<Loss> smoothed(const Vector& v, double width) const override {
    const Vector center = v.cwiseProduct(pieces_.s).cwiseQuotient(weights_);
    return std::make_unique<SmoothedPieces>(
        *this, pieces_, center.cwiseMax(pieces_.low).cwiseMin(pieces_.high), width);
  }

 private:
  Pieces pieces_;
};

}  // namespace

std::unique_ptr<Loss> make_absolute(const Matrix& y, const Vector& weights) {
  Pieces pieces{Vector::Ones(y.size()), y.reshaped(), -1.0, 1.0};
  return std::make_unique<PiecewiseLinearLoss>(y, weights, std::move(pieces));
}

std::unique_ptr<Loss> make_hinge(const Matrix& y, const Vector& weights) {
  Pieces pieces{-y.reshaped(), Vector::Constant(y.size(), -1.0), 0.0, 1.0};
  return std::make_unique<PiecewiseLinearLoss>(y, weights, std::move(pieces));
}

}  // namespace cvxnn
