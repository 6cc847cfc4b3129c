#include "cvxnn/lasso/sparse_design.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cvxnn::lasso {

SparseDesign::SparseDesign(const double* data, const std::int64_t* indices,
                           const std::int64_t* indptr, Index n_rows, Groups groups)
    : data_(data), indices_(indices), indptr_(indptr), n_rows_(n_rows) {
  check_groups(groups, static_cast<Index>(groups.columns.size()));
  groups_ = std::move(groups);
}

namespace {

// The entries of a column in rows begin, .., end - 1.
struct Range {
  std::int64_t begin, end;
};

Range rows_between(const std::int64_t* indices, Range column, Index begin, Index end) {
  const auto first = std::lower_bound(indices + column.begin, indices + column.end, begin);
  const auto last = std::lower_bound(first, indices + column.end, end);
  return {first - indices, last - indices};
}

}  // namespace

void SparseDesign::copy_rows(Index group, Index row, Eigen::Ref<Matrix> out) const {
  out.setZero();
  for (Index j = 0; j < out.cols(); ++j) {
    const Index c = groups_.columns[groups_.starts[group] + j];
    const Range range = rows_between(indices_, {indptr_[c], indptr_[c + 1]}, row, row + out.rows());
    for (auto k = range.begin; k < range.end; ++k) out(indices_[k] - row, j) = data_[k];
  }
}

void SparseDesign::correlate(Index group, const ConstMatrixRef& V, Eigen::Ref<Matrix> out) const {
  for (Index j = 0; j < out.rows(); ++j) {
    const Index c = groups_.columns[groups_.starts[group] + j];
    for (Index target = 0; target < V.cols(); ++target) {
      double sum = 0.0;
      for (auto k = indptr_[c]; k < indptr_[c + 1]; ++k) sum += data_[k] * V(indices_[k], target);
      out(j, target) = sum;
    }
  }
}

void SparseDesign::add_product(Index group, Index row, const ConstMatrixRef& U,
                               Eigen::Ref<Matrix> F) const {
  for (Index j = 0; j < U.rows(); ++j) {
    if (U.row(j).isZero(0)) continue;
    const Index c = groups_.columns[groups_.starts[group] + j];
    const Range range = rows_between(indices_, {indptr_[c], indptr_[c + 1]}, row, row + F.rows());
    for (Index target = 0; target < F.cols(); ++target) {
      for (auto k = range.begin; k < range.end; ++k) {
        F(indices_[k] - row, target) += data_[k] * U(j, target);
      }
    }
  }
}

Matrix SparseDesign::correlate_all(const ConstMatrixRef& V, Precision,
                                   const Execution& execution) const {
  Matrix out(groups_.n_columns(), V.cols());
  const double entries =
      static_cast<double>(indptr_[groups_.n_columns()]) / static_cast<double>(groups_.count());
  parallel_for(groups_.count(), 4.0 * entries, execution, [&](Index g, int, const auto&) {
    correlate(g, V, out.middleRows(groups_.starts[g], groups_.size(g)));
  });
  return out;
}

Vector SparseDesign::column_norms(const Execution&) const {
  Vector norms(groups_.n_columns());
  for (Index j = 0; j < norms.size(); ++j) {
    const Index c = groups_.columns[j];
    double squares = 0.0;
    for (auto k = indptr_[c]; k < indptr_[c + 1]; ++k) squares += data_[k] * data_[k];
    norms(j) = std::sqrt(squares);
  }
  return norms;
}

bool SparseDesign::lazy() const {
  const auto full = static_cast<double>(n_rows_) * static_cast<double>(groups_.n_columns());
  return static_cast<double>(indptr_[groups_.n_columns()]) < 0.05 * full;
}

}  // namespace cvxnn::lasso
