#include "gate_bits.hpp"

#include <cmath>
#include <limits>

#include "exact.hpp"
#include "octet.hpp"

namespace cvxnn {
namespace {

constexpr Index kGates = 64;  // gates handled together by one matrix product

}  // namespace

GateRows::GateRows(const ConstMatrixRef& X, Index first, Index count)
    : count_(count),
      originals_(X.data() + first),
      stride_(X.outerStride()),
      scaled_(Matrix::Zero(64 * words_for(count), X.cols())),
      nonzero_(static_cast<std::size_t>(words_for(count)), 0) {
  const auto rows = X.middleRows(first, count);
  const Vector largest = rows.cwiseAbs().rowwise().maxCoeff();
  Vector half(count);  // in two steps, because 1 / largest may overflow
  Vector rest(count);
  for (Index k = 0; k < count; ++k) {
    if (largest(k) > 0.0) set_bit(nonzero_.data(), k);
    int exponent = 0;
    std::frexp(largest(k), &exponent);
    half(k) = std::ldexp(1.0, -exponent / 2);
    rest(k) = std::ldexp(1.0, exponent / 2 - exponent);
  }
  scaled_.topRows(count) = rest.asDiagonal() * (half.asDiagonal() * rows);
}

// |computed - true| <= slope * sum_j |u_j| + floor, twice the usual bounds for d roundings and
// underflows: the entries of a scaled row are at most 1. Digits that scaling lost are far below.
void GateRows::bits(const ConstMatrixRef& gates, const GateBits& out, char* interior) const {
  const Index d = scaled_.cols();
  const double slope = static_cast<double>(2 * d + 4) * std::numeric_limits<double>::epsilon();
  const double floor = static_cast<double>(4 * d) * std::numeric_limits<double>::denorm_min();
  const Index n_words = words_for(count_);
  std::vector<Word> above(nonzero_.size());
  std::vector<Word> below(nonzero_.size());
  Matrix products;
  for (Index begin = 0; begin < gates.rows(); begin += kGates) {
    const Index width = std::min(kGates, gates.rows() - begin);
    const Matrix U = gates.middleRows(begin, width).transpose();
    products.noalias() = scaled_ * U;
    for (Index i = 0; i < width; ++i) {
      const double bound = slope * U.col(i).lpNorm<1>() + floor;
      const double* product = products.col(i).data();
      bits_above(product, products.rows(), bound, above.data());
      bits_below(product, products.rows(), -bound, below.data());
      for (Index w = 0; w < n_words; ++w) {
        Word doubtful = nonzero_[w] & ~(above[w] | below[w]);
        for (; doubtful != 0; doubtful &= doubtful - 1) {
          const Index bit = lowest_bit(doubtful);
          const Index k = 64 * w + bit;
          const int sign = exact::sign_dot(originals_ + k, stride_, U.col(i).data(), 1, d);
          if (sign > 0) above[w] |= Word{1} << bit;
          if (sign == 0 && interior != nullptr) interior[begin + i] = 0;
        }
        out.words[w * out.word_stride + (begin + i) * out.gate_stride] = above[w];
      }
    }
  }
}

}  // namespace cvxnn
