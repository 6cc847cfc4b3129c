#include "hessian.hpp"

#include "tiled_algebra.hpp"

namespace cvxnn {

Vector Hessian::apply(const Vector& e) const {
  Vector product = diagonal.cwiseProduct(e);
  if (between_samples.size() > 0) product -= between_samples * (between_samples.transpose() * e);
  if (between_targets.size() > 0) {
    const Vector& q = between_targets;
    const Vector moved = q.cwiseProduct(e);
    const Vector sums = moved.reshaped(e.size() / n_targets, n_targets).rowwise().sum();
    product += q.cwiseProduct(moved - sums.replicate(n_targets, 1));
  }
  return product;
}

namespace {

// Of a sample, H = R (I - p p') R, and I - p p' = (I - c p p')^2.
void scale_samples_by_root(const Hessian& H, Eigen::Ref<Matrix> columns) {
  const Vector& q = H.between_targets;
  const Index n = q.size() / H.n_targets;
  const Vector root = (H.diagonal + q.cwiseAbs2()).cwiseMax(0.0).cwiseSqrt();
  const Vector p = (root.array() > 0.0).select(q.cwiseQuotient(root), 0.0);
  const Vector squares = p.cwiseAbs2().reshaped(n, H.n_targets).rowwise().sum().cwiseMin(1.0);
  const Vector c = 1.0 / (1.0 + (1.0 - squares.array()).sqrt());  // (1 - sqrt(1 - s)) / s
  const Vector towards = c.replicate(H.n_targets, 1).cwiseProduct(p);
  for (auto column : columns.colwise()) {
    column.array() *= root.array();
    const Vector moved = p.cwiseProduct(column);
    const Vector shared = moved.reshaped(n, H.n_targets).rowwise().sum();
    column -= towards.cwiseProduct(shared.replicate(H.n_targets, 1));
  }
}

}  // namespace

void scale_by_root(const Hessian& H, Eigen::Ref<Matrix> columns) {
  if (H.between_targets.size() > 0) return scale_samples_by_root(H, columns);
  const Vector root = H.diagonal.cwiseSqrt();
  columns.array().colwise() *= root.array();
  if (H.between_samples.size() == 0) return;
  // H = R (I - q q') R with a unit vector q
  const Vector q = (root.array() > 0.0).select(H.between_samples.col(0).cwiseQuotient(root), 0.0);
  columns -= q * (q.transpose() * columns).eval();
}

Matrix rooted_columns(OutputColumns A, const Hessian& H) {
  if (A.n_targets() == 1) {
    scale_by_root(H, A.values);
    return std::move(A.values);
  }
  const Index n = A.values.rows();
  Matrix all = Matrix::Zero(n * A.n_targets(), A.values.cols());
  for (Index t = 0; t < A.n_targets(); ++t) {
    all.block(t * n, A.starts[t], n, A.of(t).cols()) = A.of(t);
  }
  scale_by_root(H, all);
  return all;
}

Vector apply_transposed(const OutputColumns& A, const Vector& v) {
  const Index n = A.values.rows();
  Vector product(A.values.cols());
  for (Index t = 0; t < A.n_targets(); ++t) {
    product.segment(A.starts[t], A.of(t).cols()) = A.of(t).transpose() * v.segment(t * n, n);
  }
  return product;
}

Matrix lower_gram(OutputColumns A, const Hessian& H, const Execution& execution) {
  if (A.n_targets() == 1 && H.n_targets == 1) {
    scale_by_root(H, A.values);
    return lower_product(A.values, execution);
  }
  if (A.n_targets() == 1) {  // columns of every target
    Matrix sums;
    if (H.between_samples.size() > 0) sums = H.between_samples.transpose() * A.values;
    scale_by_root({H.diagonal, {}, H.between_targets, H.n_targets}, A.values);
    Matrix gram = lower_product(A.values, execution);
    if (sums.size() > 0) gram -= sums.transpose() * sums;
    return gram;
  }
  const Index n = A.values.rows();
  const Index m = A.values.cols();
  Matrix gram = Matrix::Zero(m, m);
  if (H.between_targets.size() > 0) {
    Matrix scaled = A.values;
    for (Index t = 0; t < A.n_targets(); ++t) {
      scaled.middleCols(A.starts[t], A.of(t).cols()).array().colwise() *=
          H.between_targets.segment(t * n, n).array();
    }
    gram = -lower_product(scaled, execution);
  }
  for (Index t = 0; t < A.n_targets(); ++t) {
    Matrix scaled = A.of(t);
    scaled.array().colwise() *= H.diagonal.segment(t * n, n).array().sqrt();
    const Index width = scaled.cols();
    gram.block(A.starts[t], A.starts[t], width, width) = lower_product(scaled, execution);
  }
  for (Index j = 0; j < H.between_samples.cols(); ++j) {
    const Vector sums = apply_transposed(A, H.between_samples.col(j));
    gram -= sums * sums.transpose();
  }
  return gram;
}

}  // namespace cvxnn
