#include "block_gram.hpp"

namespace cvxnn {
namespace {

constexpr Index kRows = 2048;  // of the columns made at a time

}  // namespace

Matrix BlockGram::of(const std::vector<Index>& ids, const Hessian& H) {
  const Index d = program_.design.n_features();
  const Index count = static_cast<Index>(ids.size());
  Matrix chosen;
  if (constant_) {
    extend(ids, H);
    std::vector<Index> places;
    for (const Index id : ids) {
      const Index first = place_[id] * d;
      for (Index j = 0; j < d; ++j) places.push_back(first + j);
    }
    chosen = gram_(places, places);
  } else {
    chosen = product(ids, ids, H);
  }
  for (Index j = 0; j < H.between_samples.cols(); ++j) {
    Vector sums(count * d);
    for (Index a = 0; a < count; ++a) {
      sums.segment(a * d, d) = program_.gradient(ids[a], H.between_samples.col(j));
    }
    chosen -= sums * sums.transpose();
  }
  return chosen;
}

void BlockGram::extend(const std::vector<Index>& ids, const Hessian& H) {
  std::vector<Index> fresh;
  for (const Index id : ids) {
    if (place_.count(id) == 0) fresh.push_back(id);
  }
  if (fresh.empty()) return;
  for (const Index id : fresh) {
    place_[id] = static_cast<Index>(known_.size());
    known_.push_back(id);
  }
  const Matrix part = product(known_, fresh, H);
  gram_.conservativeResize(part.rows(), part.rows());
  gram_.rightCols(part.cols()) = part;
  gram_.bottomRows(part.cols()) = part.transpose();
}

// Parts of fixed size, added in order, so that threads do not change a rounding.
Matrix BlockGram::product(const std::vector<Index>& left, const std::vector<Index>& right,
                          const Hessian& H) const {
  const Index n = program_.design.n_samples();
  const Index d = program_.design.n_features();
  const Index n_parts = (n + kRows - 1) / kRows;
  std::vector<Matrix> parts(static_cast<std::size_t>(n_parts));
  const double cost =
      2.0 * static_cast<double>(kRows * d * d) * static_cast<double>(left.size() * right.size());
  parallel_for(n_parts, cost, execution_, [&](Index part, int, const auto&) {
    const Index row = part * kRows;
    const Index rows = std::min(kRows, n - row);
    const Matrix B = columns(left, row, rows);
    Matrix C = columns(right, row, rows);
    if (program_.n_targets > 1) {
      parts[part] = product_of_targets(left, right, H, row, B, C);
    } else {
      C.array().colwise() *= H.diagonal.segment(row, rows).array();
      parts[part].noalias() = B.transpose() * C;
    }
  });
  Matrix sum =
      Matrix::Zero(static_cast<Index>(left.size()) * d, static_cast<Index>(right.size()) * d);
  for (const Matrix& part : parts) sum += part;
  return sum;
}

// B' H C, where the columns of blocks of different targets meet through the loss alone.
Matrix BlockGram::product_of_targets(const std::vector<Index>& left,
                                     const std::vector<Index>& right, const Hessian& H, Index row,
                                     const Matrix& B, const Matrix& C) const {
  const Index d = program_.design.n_features();
  const auto rows_of = [&](const Vector& values, Index target) {
    return program_.part(values, target).segment(row, B.rows());
  };
  Matrix out = Matrix::Zero(B.cols(), C.cols());
  std::vector<Matrix> weighted(static_cast<std::size_t>(program_.n_targets));
  for (std::size_t j = 0; j < right.size(); ++j) {
    const Index own = program_.target_of(right[j]);
    const auto column = C.middleCols(static_cast<Index>(j) * d, d);
    for (Index t = 0; t < program_.n_targets; ++t) {
      if (t == own) {
        weighted[t] = rows_of(H.diagonal, t).asDiagonal() * column;
      } else if (H.between_targets.size() > 0) {
        const auto& q = H.between_targets;
        weighted[t] = (-rows_of(q, t).cwiseProduct(rows_of(q, own))).asDiagonal() * column;
      } else {
        weighted[t] = Matrix::Zero(B.rows(), d);
      }
    }
    for (std::size_t i = 0; i < left.size(); ++i) {
      const Index from = static_cast<Index>(i) * d;
      out.block(from, static_cast<Index>(j) * d, d, d).noalias() =
          B.middleCols(from, d).transpose() * weighted[program_.target_of(left[i])];
    }
  }
  return out;
}

Matrix BlockGram::columns(const std::vector<Index>& ids, Index row, Index rows) const {
  const Index d = program_.design.n_features();
  Matrix out(rows, static_cast<Index>(ids.size()) * d);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out.middleCols(static_cast<Index>(i) * d, d) =
        program_.sign_of(ids[i]) * program_.design.columns(program_.cell_of(ids[i]), row, rows);
  }
  return out;
}

}  // namespace cvxnn
