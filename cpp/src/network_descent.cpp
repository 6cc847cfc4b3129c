#include "network_descent.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lbfgs.hpp"

namespace cvxnn {
namespace {

constexpr Index kRows = 256;         // of X at a time, or one sample, so that they stay in cache
constexpr double kThinnest = 1e-12;  // direction of X to be made as long as others, squared
constexpr Index kParts = 128;        // most partial gradients, to be added up in order

// L + weight decay as a function of the weights of both layers, one after the other.
class TwoLayers {
 public:
  TwoLayers(const HiddenLayer& layer, const Loss& loss, double beta,
            const std::vector<Index>& targets, const Execution& execution)
      : layer_(layer),
        X_(layer.X),
        loss_(loss),
        beta_(beta),
        targets_(targets),
        width_(static_cast<Index>(targets.size())),
        execution_(execution),
        active_(layer.X.rows(), width_) {
    step_ = layer.patches * std::max<Index>(1, kRows / layer.patches);
    const Index blocks = (X_.rows() + step_ - 1) / step_;
    rows_ = step_ * ((blocks + kParts - 1) / kParts);
  }

  DescentPoint evaluate(const Vector& x) {
    DescentPoint point{x, 0.0, beta_ * x};
    const Eigen::Map<const Matrix> hidden(x.data(), X_.cols(), width_);
    const auto output = x.tail(width_);
    const Vector f = outputs(hidden, output);
    point.value = loss_.value(f) + 0.5 * beta_ * x.squaredNorm();
    // The loss is the same for (c w, a / c): its gradients satisfy a dL/da = w . dL/dw.
    const Matrix slopes = slopes_of(loss_.gradient(f));
    point.gradient.tail(width_) += hidden.cwiseProduct(slopes).colwise().sum().transpose();
    Eigen::Map<Matrix>(point.gradient.data(), X_.cols(), width_) += slopes * output.asDiagonal();
    return point;
  }

 private:
  template <class Body>
  void for_rows(const Body& body) const {
    const double cost = 2.0 * static_cast<double>(rows_ * X_.cols() * width_);
    parallel_for((X_.rows() + rows_ - 1) / rows_, cost, execution_,
                 [&](Index part, int, const auto&) {
                   const Index end = std::min(X_.rows(), (part + 1) * rows_);
                   for (Index first = part * rows_; first < end; first += step_) {
                     body(part, first, std::min(step_, end - first));
                   }
                 });
  }

  template <class Hidden, class Output>
  Vector outputs(const Hidden& hidden, const Output& output) {
    const Index patches = layer_.patches;
    Matrix f(layer_.n_samples(), loss_.n_targets());
    Matrix weights = Matrix::Zero(width_, loss_.n_targets());
    for (Index j = 0; j < width_; ++j) weights(j, targets_[j]) = output(j);
    for_rows([&](Index, Index first, Index count) {
      Matrix z(count, width_);
      z.noalias() = X_.middleRows(first, count) * hidden;
      active_.middleRows(first, count) = (z.array() > 0.0).cast<unsigned char>();
      Matrix hidden = layer_.activated(z);
      if (patches > 1) hidden = pooled(hidden, patches);
      f.middleRows(first / patches, count / patches).noalias() = hidden * weights;
    });
    return f.reshaped();
  }

  // Column j: sum of v_k x_k over the samples on which neuron j is active, v of its target.
  Matrix slopes_of(const Vector& v) const {
    const Index patches = layer_.patches;
    const auto V = v.reshaped(layer_.n_samples(), loss_.n_targets());
    const Index n_parts = (X_.rows() + rows_ - 1) / rows_;
    std::vector<Matrix> parts(static_cast<std::size_t>(n_parts), Matrix::Zero(X_.cols(), width_));
    for_rows([&](Index part, Index first, Index count) {
      const Matrix rows = spread(V.middleRows(first / patches, count / patches).reshaped(), patches)
                              .reshaped(count, loss_.n_targets());
      Matrix masked(count, width_);
      for (Index j = 0; j < width_; ++j) {
        const auto on = active_.col(j).segment(first, count).cast<double>();
        masked.col(j) = (layer_.slope + (1.0 - layer_.slope) * on) * rows.col(targets_[j]).array();
      }
      parts[part].noalias() += X_.middleRows(first, count).transpose() * masked;
    });
    for (Index part = 1; part < n_parts; ++part) parts[0] += parts[part];
    return std::move(parts[0]);
  }

  const HiddenLayer& layer_;
  const Matrix& X_;
  const Loss& loss_;
  const double beta_;
  const std::vector<Index>& targets_;
  const Index width_;
  const Execution& execution_;
  Index step_;  // rows at a time: whole samples
  Index rows_;  // of a part of the gradient
  Eigen::Array<unsigned char, Eigen::Dynamic, Eigen::Dynamic> active_;
};

// A change of coordinates w = T w' in which no direction of X is much longer than the rest.
Matrix conditioner(const Matrix& X) {
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(X.transpose() * X);
  const Vector& values = eigen.eigenvalues();
  const double floor = std::max(values(values.size() / 2), kThinnest * values.maxCoeff());
  if (!(floor > 0.0)) return Matrix::Identity(X.cols(), X.cols());
  const Vector scale = (1.0 + values.cwiseMax(0.0).array() / floor).rsqrt();
  return eigen.eigenvectors() * scale.asDiagonal() * eigen.eigenvectors().transpose();
}

}  // namespace

Neurons descend(const HiddenLayer& layer, const Loss& loss, double beta, const Neurons& start,
                int max_steps, double tol, const Deadline& deadline, const Execution& execution) {
  const Matrix& X = layer.X;
  const Index width = start.size();
  const Index d = X.cols();
  TwoLayers network(layer, loss, beta, start.targets, execution);
  const Matrix T = conditioner(X);
  Matrix hidden = Matrix::Zero(d, width);
  Vector x(width * (d + 1));
  for (Index j = 0; j < width; ++j) {
    const double root = std::sqrt(start.u.col(j).norm());
    if (root > 0.0) hidden.col(j) = start.u.col(j) / root;
    x(width * d + j) = start.signs(j) * root;
  }
  x.head(width * d) = T.ldlt().solve(hidden).reshaped();
  const auto evaluate = [&](const Vector& at) {
    Vector weights = at;
    weights.head(width * d) = (T * at.head(width * d).reshaped(d, width)).reshaped();
    DescentPoint point = network.evaluate(weights);
    point.gradient.head(width * d) =
        (T * point.gradient.head(width * d).reshaped(d, width)).reshaped().eval();
    point.x = at;
    return point;
  };
  Poller poller(execution);
  const auto stop = [&] {
    poller.check();
    return deadline.passed();
  };
  DescentPoint end = minimise(evaluate(x), max_steps, tol, evaluate, stop);
  end.x.head(width * d) = (T * end.x.head(width * d).reshaped(d, width)).reshaped().eval();
  Neurons neurons(d, width);
  neurons.targets = start.targets;
  for (Index j = 0; j < width; ++j) {
    const double a = end.x(width * d + j);
    neurons.u.col(j) = std::abs(a) * end.x.segment(j * d, d);
    neurons.signs(j) = a < 0.0 ? -1.0 : 1.0;
  }
  return neurons;
}

}  // namespace cvxnn
