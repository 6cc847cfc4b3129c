#include "cvxnn/masked_operator.hpp"

namespace cvxnn {
namespace {

// out_k = pattern_k ? v_k : slope v_k, in a form that the compiler can vectorise
void masked_copy(const Word* pattern, double slope, const double* v, Index n, double* out) {
  for (Index base = 0; base < n; base += 64) {
    const Word word = pattern[base >> 6];
    const Index width = std::min<Index>(64, n - base);
    for (Index j = 0; j < width; ++j) {
      out[base + j] = ((word >> j) & 1) != 0 ? v[base + j] : slope * v[base + j];
    }
  }
}

}  // namespace

Matrix MaskedOperator::outputs(Index cell, const ConstMatrixRef& T) const {
  Matrix product = *X * T;
  for (Index j = 0; j < product.cols(); ++j) {
    masked_copy(cells->pattern(cell), slope, product.col(j).data(), product.rows(),
                product.col(j).data());
  }
  if (patches == 1) return product;
  return pooled(product, patches);
}

Matrix MaskedOperator::columns(Index cell, Index first, Index count) const {
  const Index row = first * patches;
  Matrix rows(count * patches, n_features());
  for (Index j = 0; j < n_features(); ++j) {
    masked_copy(cells->pattern(cell) + row / 64, slope, X->col(j).data() + row, rows.rows(),
                rows.col(j).data());
  }
  if (patches == 1) return rows;
  return pooled(rows, patches);
}

void MaskedOperator::apply_add(Index cell, const Vector& u, double scale,
                               Eigen::Ref<Vector> f) const {
  Vector product = *X * u;
  masked_copy(cells->pattern(cell), slope, product.data(), product.size(), product.data());
  if (patches > 1) product = pooled(product, patches);
  f += scale * product;
}

Vector MaskedOperator::apply_transposed(Index cell, const Eigen::Ref<const Vector>& v) const {
  Vector masked = spread(v, patches);
  masked_copy(cells->pattern(cell), slope, masked.data(), masked.size(), masked.data());
  return X->transpose() * masked;
}

Matrix MaskedOperator::gram(Index cell, const Eigen::Ref<const Vector>& h) const {
  if (patches > 1) {
    const Matrix sums = columns(cell, 0, n_samples());
    return sums.transpose() * (h.asDiagonal() * sums);
  }
  Vector masked = h;
  masked_copy(cells->pattern(cell), slope * slope, h.data(), h.size(), masked.data());
  return X->transpose() * (masked.asDiagonal() * *X);
}

}  // namespace cvxnn
