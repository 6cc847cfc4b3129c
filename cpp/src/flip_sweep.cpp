#include "flip_sweep.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cvxnn {
namespace {

constexpr Index kChunk = 64;  // cells handed out together, while they are in the first cache

// Summing up anew costs as much as n / 2 flips, so this many keep it a small part.
Index cells_per_start(Index n_rows) { return std::max<Index>(4 * n_rows, 16 * kChunk); }

constexpr Index kPiece = 8;  // entries of a gradient that stay in a register along a chunk
using Piece = Eigen::Array<double, kPiece, 1>;

// Row k of the design for every target: a column holds r_kc x_k for c = 0, 1, .., then zeros up to
// a whole piece.
Matrix row_terms(const ConstMatrixRef& X, const ConstMatrixRef& R) {
  const Index d = X.cols();
  const Index n_pieces = (d * R.cols() + kPiece - 1) / kPiece;
  Matrix terms = Matrix::Zero(n_pieces * kPiece, X.rows());
  for (Index c = 0; c < R.cols(); ++c) {
    terms.middleRows(c * d, d) = X.transpose() * R.col(c).asDiagonal();
  }
  return terms;
}

Vector sum_of_terms(const Matrix& terms, const Word* pattern) {
  Vector sum = Vector::Zero(terms.rows());
  for (Index k = 0; k < terms.cols(); ++k) {
    if (get_bit(pattern, k)) sum += terms.col(k);
  }
  return sum;
}

struct Flip {
  Index row;
  double side;  // 1 where the row becomes active, -1 where it ceases to be
};

// Writes the gradient before every flip to a column, and leaves the one after the last.
void walk(const Matrix& terms, const std::vector<Flip>& flips, Vector& gradient,
          Matrix& gradients) {
  for (Index at = 0; at < terms.rows(); at += kPiece) {
    Piece piece = gradient.segment<kPiece>(at);
    double* out = gradients.data() + at;
    for (const Flip& flip : flips) {
      Piece::Map(out) = piece;
      out += gradients.rows();
      piece += flip.side * Piece::Map(terms.data() + flip.row * terms.rows() + at);
    }
    gradient.segment<kPiece>(at) = piece;
  }
}

}  // namespace

void sweep_flips(const ConstMatrixRef& X, const ConstMatrixRef& R, const Word* start,
                 const std::vector<Index>& flips, const Execution& execution,
                 const GradientSink& sink) {
  const Index n_words = words_for(X.rows());
  const Index n_cells = static_cast<Index>(flips.size()) + 1;
  const Index stretch = cells_per_start(X.rows());
  const Index n_stretches = (n_cells + stretch - 1) / stretch;
  std::vector<Word> starts(static_cast<std::size_t>(n_stretches * n_words));
  std::copy(start, start + n_words, starts.begin());
  for (Index s = 1; s < n_stretches; ++s) {
    Word* pattern = starts.data() + s * n_words;
    std::copy(pattern - n_words, pattern, pattern);
    for (Index i = (s - 1) * stretch; i < s * stretch; ++i) flip_bit(pattern, flips[i]);
  }

  const Matrix terms = row_terms(X, R);
  const double cost = static_cast<double>(stretch) * static_cast<double>(terms.rows());
  parallel_for(n_stretches, cost, execution, [&](Index s, int, const auto& poll) {
    const Execution polled{1, poll};
    Poller poller(polled);
    Word* pattern = starts.data() + s * n_words;
    std::vector<Flip> steps;
    Vector gradient = sum_of_terms(terms, pattern);
    Matrix gradients(terms.rows(), kChunk);
    const Index last = std::min(n_cells, (s + 1) * stretch);
    for (Index begin = s * stretch; begin < last; begin += kChunk) {
      poller.check();
      const Index count = std::min(kChunk, last - begin);
      steps.clear();
      for (Index i = begin; i < std::min(begin + count, n_cells - 1); ++i) {
        flip_bit(pattern, flips[i]);
        steps.push_back({flips[i], get_bit(pattern, flips[i]) ? 1.0 : -1.0});
      }
      walk(terms, steps, gradient, gradients);
      if (begin + count == n_cells) gradients.col(count - 1) = gradient;  // no flip comes after it
      sink(begin, gradients.topLeftCorner(X.cols() * R.cols(), count));
    }
  });
}

// A term is rounded once. Summing up anew adds at most n terms, every flip one more, and each
// addition errs by at most v times its result, which S_j = sum_k |r_k x_kj| bounds up to rounding;
// v is the unit roundoff. One per cent on top covers terms of higher order.
double flip_error(const ConstMatrixRef& X, const ConstMatrixRef& R) {
  using Float64 = std::numeric_limits<double>;
  const Matrix sums = sums_of_magnitudes(X, R);
  const double n = static_cast<double>(X.rows());
  const double operations = 1.0 + n + static_cast<double>(cells_per_start(X.rows()));
  const double underflow = n * std::sqrt(static_cast<double>(sums.size())) * Float64::denorm_min();
  return 1.01 * (operations * 0.5 * Float64::epsilon() * sums.norm() + underflow);
}

}  // namespace cvxnn
