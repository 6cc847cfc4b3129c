// Inputs shared by the tests: seeded random numbers, arrangements with known counts, random
// losses, patterns as strings.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cvxnn/cells.hpp"
#include "cvxnn/loss.hpp"

namespace cvxnn::test {

inline Matrix gaussian(Index rows, Index cols, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  return Matrix::NullaryExpr(rows, cols, [&] { return normal(engine); });
}

inline Matrix integers(Index rows, Index cols, int bound, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_int_distribution<int> entry(-bound, bound);
  return Matrix::NullaryExpr(rows, cols, [&] { return static_cast<double>(entry(engine)); });
}

// Row i holds the binary digits of first + i.
inline Matrix binary_rows(Index first, Index last, Index d) {
  return Matrix::NullaryExpr(last - first, d, [=](Index i, Index j) {
    return static_cast<double>(((first + i) >> j) & 1);
  });
}

// All non-zero 0/1 normals.
inline Matrix resonance(Index d) { return binary_rows(1, Index{1} << d, d); }

// Normals (1, c) for every 0/1 vector c: the cells are the Boolean threshold functions.
inline Matrix threshold(Index d) {
  Matrix X(Index{1} << d, d + 1);
  X << Vector::Ones(X.rows()), binary_rows(0, X.rows(), d);
  return X;
}

// Normals (1, c) for the 0/1 vectors c with an odd number of ones.
inline Matrix demicube(Index d) {
  const Matrix all = threshold(d);
  Matrix X(all.rows() / 2, d + 1);
  Index row = 0;
  for (Index k = 0; k < all.rows(); ++k) {
    if (static_cast<Index>(all.row(k).sum()) % 2 == 0) X.row(row++) = all.row(k);
  }
  return X;
}

// Normals (1, e_i) and (1, -e_i).
inline Matrix cross_polytope(Index d) {
  Matrix X(2 * d, d + 1);
  X << Vector::Ones(2 * d),
      (Matrix(2 * d, d) << Matrix::Identity(d, d), -Matrix::Identity(d, d)).finished();
  return X;
}

// Normals e_i and e_i - e_j: the cells are the orders of d + 1 numbers.
inline Matrix braid(Index d) {
  Matrix X = Matrix::Zero(d * (d + 1) / 2, d);
  X.topRows(d).setIdentity();
  Index row = d;
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < i; ++j, ++row) {
      X(row, i) = 1.0;
      X(row, j) = -1.0;
    }
  }
  return X;
}

inline Matrix direct_sum(const Matrix& A, const Matrix& B) {
  Matrix X = Matrix::Zero(A.rows() + B.rows(), A.cols() + B.cols());
  X.topLeftCorner(A.rows(), A.cols()) = A;
  X.bottomRightCorner(B.rows(), B.cols()) = B;
  return X;
}

// "0110..", hyperplane 0 first, so that strings compare in the canonical order.
inline std::string to_string(const Cells& cells, Index i) {
  std::string text;
  for (Index k = 0; k < cells.n_hyperplanes; ++k) text += get_bit(cells.pattern(i), k) ? '1' : '0';
  return text;
}

inline std::vector<std::string> to_strings(const Cells& cells) {
  std::vector<std::string> patterns;
  for (Index i = 0; i < cells.size(); ++i) patterns.push_back(to_string(cells, i));
  return patterns;
}

// Random targets and weights.
inline Matrix targets_for(const std::string& loss, Index n, std::uint64_t seed) {
  const Matrix y = gaussian(n, 1, seed);
  if (loss == "logistic" || loss == "squared_hinge") {
    return y.unaryExpr([](double t) { return t > 0.0 ? 1.0 : -1.0; });
  }
  if (loss == "poisson") return y.unaryExpr([](double t) { return std::floor(std::exp(t)); });
  if (loss != "multinomial") return y;
  Matrix one_hot = Matrix::Zero(n, 3);
  for (Index i = 0; i < n; ++i) one_hot(i, y(i) < -0.3 ? 0 : y(i) < 0.5 ? 1 : 2) = 1.0;
  return one_hot;
}

inline std::unique_ptr<Loss> random_loss(const std::string& name, Index n, std::uint64_t seed) {
  const Vector weights = gaussian(n, 1, seed + 1).array().abs() + 0.2;
  return make_loss(name, targets_for(name, n, seed), weights);
}

}  // namespace cvxnn::test
