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

Vector MaskedOperator::mask(Index cell) const {
  Vector out(n_rows());
  const Vector ones = Vector::Ones(n_rows());
  masked_copy(cells->pattern(cell), slope, ones.data(), n_rows(), out.data());
  return out;
}

void MaskedOperator::apply_add(Index cell, const Vector& u, double scale,
                               Eigen::Ref<Vector> f) const {
  Vector product = *X * u;
  masked_copy(cells->pattern(cell), slope, product.data(), n_rows(), product.data());
  f += scale * product;
}

Vector MaskedOperator::apply_transposed(Index cell, const Eigen::Ref<const Vector>& v) const {
  Vector masked(n_rows());
  masked_copy(cells->pattern(cell), slope, v.data(), n_rows(), masked.data());
  return X->transpose() * masked;
}

Matrix MaskedOperator::gram(Index cell, const Eigen::Ref<const Vector>& h) const {
  Vector masked(n_rows());
  masked_copy(cells->pattern(cell), slope * slope, h.data(), n_rows(), masked.data());
  return X->transpose() * (masked.asDiagonal() * *X);
}

}  // namespace cvxnn
