#include "block_gram.hpp"

namespace cvxnn {
namespace {

constexpr Index kRows = 2048;  // of the columns made at a time

}  // namespace

Matrix BlockGram::of(const std::vector<Index>& ids, const Vector& h) {
  if (!constant_) return product(ids, ids, h);
  extend(ids, h);
  const Index d = program_.design.n_features();
  const Index count = static_cast<Index>(ids.size());
  Matrix chosen(count * d, count * d);
  for (Index a = 0; a < count; ++a) {
    for (Index c = 0; c < count; ++c) {
      chosen.block(a * d, c * d, d, d) = gram_.block(place_[ids[a]] * d, place_[ids[c]] * d, d, d);
    }
  }
  return chosen;
}

void BlockGram::extend(const std::vector<Index>& ids, const Vector& h) {
  std::vector<Index> fresh;
  for (const Index id : ids) {
    if (place_.count(id) == 0) fresh.push_back(id);
  }
  if (fresh.empty()) return;
  for (const Index id : fresh) {
    place_[id] = static_cast<Index>(known_.size());
    known_.push_back(id);
  }
  const Matrix part = product(known_, fresh, h);
  gram_.conservativeResize(part.rows(), part.rows());
  gram_.rightCols(part.cols()) = part;
  gram_.bottomRows(part.cols()) = part.transpose();
}

// Parts of fixed size, added in order, so that threads do not change a rounding.
Matrix BlockGram::product(const std::vector<Index>& left, const std::vector<Index>& right,
                          const Vector& h) const {
  const Index n = program_.design.n_rows();
  const Index d = program_.design.n_features();
  const Index n_parts = (n + kRows - 1) / kRows;
  std::vector<Matrix> parts(static_cast<std::size_t>(n_parts));
  const double cost =
      2.0 * static_cast<double>(kRows * d * d) * static_cast<double>(left.size() * right.size());
  parallel_for(n_parts, cost, execution_, [&](Index part, int, const auto&) {
    const Index row = part * kRows;
    const Index rows = std::min(kRows, n - row);
    const Matrix B = columns(left, row, rows);
    const Matrix C = h.segment(row, rows).asDiagonal() * columns(right, row, rows);
    parts[part].noalias() = B.transpose() * C;
  });
  Matrix sum =
      Matrix::Zero(static_cast<Index>(left.size()) * d, static_cast<Index>(right.size()) * d);
  for (const Matrix& part : parts) sum += part;
  return sum;
}

Matrix BlockGram::columns(const std::vector<Index>& ids, Index row, Index rows) const {
  const Matrix& X = *program_.design.X;
  Matrix out(rows, static_cast<Index>(ids.size()) * X.cols());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Word* pattern = program_.design.cells->pattern(program_.cell_of(ids[i]));
    const double sign = program_.sign_of(ids[i]);
    auto block = out.middleCols(static_cast<Index>(i) * X.cols(), X.cols());
    for (Index k = 0; k < rows; ++k) {
      const double active = get_bit(pattern, row + k) ? 1.0 : program_.design.slope;
      block.row(k) = sign * active * X.row(row + k);
    }
  }
  return out;
}

}  // namespace cvxnn
