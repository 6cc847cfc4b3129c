// Convex losses L(f) = sum_k w_k l(f_k, y_k) of the predictions f, with what a certificate needs of
// their conjugates. A new loss is one subclass.
#pragma once

#include <memory>
#include <string>

#include "cvxnn/types.hpp"

namespace cvxnn {

class Loss {
 public:
  Loss(Vector y, Vector weights) : y_(std::move(y)), weights_(std::move(weights)) {}
  virtual ~Loss() = default;

  Index size() const { return y_.size(); }
  const Vector& weights() const { return weights_; }

  virtual double value(const Vector& f) const = 0;
  virtual Vector gradient(const Vector& f) const = 0;
  // Diagonal of the Hessian.
  virtual Vector curvature(const Vector& f) const = 0;
  // sup of l'' over the real line.
  virtual double max_curvature() const = 0;
  // The dual objective -L*(v), -infinity outside the domain of the conjugate.
  virtual double dual_value(const Vector& v) const = 0;
  // The s in [0, limit] that maximises dual_value(s v) (theory: certificates by scaling).
  virtual double best_scale(const Vector& v, double limit) const = 0;

 protected:
  Vector y_;
  Vector weights_;
};

// l = (f - y)^2 / 2.
class SquaredLoss final : public Loss {
 public:
  using Loss::Loss;
  double value(const Vector& f) const override;
  Vector gradient(const Vector& f) const override;
  Vector curvature(const Vector& f) const override;
  double max_curvature() const override { return 1.0; }
  double dual_value(const Vector& v) const override;
  double best_scale(const Vector& v, double limit) const override;
};

// l = log(1 + exp(-y f)), y in {-1, 1}.
class LogisticLoss final : public Loss {
 public:
  using Loss::Loss;
  double value(const Vector& f) const override;
  Vector gradient(const Vector& f) const override;
  Vector curvature(const Vector& f) const override;
  double max_curvature() const override { return 0.25; }
  double dual_value(const Vector& v) const override;
  double best_scale(const Vector& v, double limit) const override;
};

// "squared" or "logistic"; throws std::invalid_argument otherwise.
std::unique_ptr<Loss> make_loss(const std::string& name, Vector y, Vector weights);

}  // namespace cvxnn
