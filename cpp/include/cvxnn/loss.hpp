// Convex losses L(f) = sum_k w_k l(f_k, y_k) of the predictions f, with what a certificate needs of
// their conjugates. Several targets stand one below the other: f has n_samples * n_targets entries.
// A new loss is one subclass in a file of its own in src/losses, and a line in `make_loss`.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "cvxnn/types.hpp"

namespace cvxnn {

// Second derivatives at a point: those of targets t and s are diag(h_t) for t = s and else
// -diag(q_t q_s), to which -B B' is added.
struct Hessian {
  Vector diagonal;         // h
  Matrix between_samples;  // B, may be empty; one column if there is one target
  Vector between_targets;  // q, may be empty
  Index n_targets = 1;

  Vector apply(const Vector& direction) const;
};

class Loss {
 public:
  // One column of y per target, one weight per sample.
  Loss(const Matrix& y, const Vector& weights)
      : y_(y.reshaped()), weights_(weights.replicate(y.cols(), 1)), n_targets_(y.cols()) {}
  // As many targets as another loss, with other values.
  Loss(const Loss& like, Vector y)
      : y_(std::move(y)), weights_(like.weights_), n_targets_(like.n_targets_) {}
  virtual ~Loss() = default;

  Index size() const { return y_.size(); }
  Index n_targets() const { return n_targets_; }
  Index n_samples() const { return size() / n_targets_; }
  const Vector& weights() const { return weights_; }

  virtual double value(const Vector& f) const = 0;
  virtual Vector gradient(const Vector& f) const = 0;
  // Diagonal of the Hessian, without what samples have to do with each other.
  virtual Vector curvature(const Vector& f) const = 0;
  virtual Hessian hessian(const Vector& f) const { return {curvature(f), {}, {}, n_targets_}; }
  // Diagonal h for which L(f) + gradient . e + e' diag(h) e / 2 is a model with its minimum not too
  // far: above L(f + e) everywhere if `bounded_curvature`.
  virtual Vector majorant(const Vector& f) const;
  bool bounded_curvature() const { return max_curvature() < 1e300; }
  // Without kinks. A loss with kinks has smooth ones beside it: `smoothed` subtracts the sum of
  // width (p - p_0)^2 w_k / 2 from its conjugate, where p = v_k / w_k, and v_0 is near v's domain.
  virtual bool smooth() const { return true; }
  virtual std::unique_ptr<Loss> smoothed(const Vector& v, double width) const;
  // What predictions lack where the loss demands them to meet targets; otherwise empty.
  virtual Vector missing(const Vector&) const { return {}; }
  // The width to begin with, where networks pay beta for their norms.
  virtual double first_width(double beta) const;
  // L is a sum over samples and targets.
  virtual bool separable() const { return true; }
  // L is its own second-order expansion.
  virtual bool quadratic() const { return false; }
  // sup of l'' over the real line.
  virtual double max_curvature() const = 0;
  // inf of L over all predictions.
  virtual double infimum() const { return 0.0; }
  // The dual objective -L*(v), -infinity outside the domain of the conjugate.
  virtual double dual_value(const Vector& v) const = 0;
  // The s in [0, limit] that maximises dual_value(s v) (theory: certificates by scaling).
  virtual double best_scale(const Vector& v, double limit) const;

 protected:
  Vector y_;
  Vector weights_;
  Index n_targets_;
};

// l = (f - y)^2 / 2.
class SquaredLoss final : public Loss {
 public:
  using Loss::Loss;
  double value(const Vector& f) const override;
  Vector gradient(const Vector& f) const override;
  Vector curvature(const Vector& f) const override;
  bool quadratic() const override { return true; }
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
  Vector majorant(const Vector& f) const override;
  double max_curvature() const override { return 0.25; }
  double dual_value(const Vector& v) const override;
  double best_scale(const Vector& v, double limit) const override;
};

// By name: "squared", "logistic", "multinomial" (y one-hot), "poisson" (exp(f) - y f), "huber"
// (f - y beyond `delta` counts linearly), "absolute" (|f - y|), "hinge" (max(0, 1 - y f), y in
// {-1, 1}), "squared_hinge" (half its square), "interpolation" (0 where f = y but for 1e-9 of
// the largest y of a target, otherwise infinity).
// Throws std::invalid_argument otherwise.
std::unique_ptr<Loss> make_loss(const std::string& name, const Matrix& y, const Vector& weights,
                                double delta = 1.0);

// The least of a loss over constants added to the predictions, one for each target: that of a
// network with free output biases. Dual vectors must then sum to zero, target by target.
std::unique_ptr<Loss> profiled(std::unique_ptr<Loss> loss);

}  // namespace cvxnn
