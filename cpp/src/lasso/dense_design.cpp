#include "cvxnn/lasso/dense_design.hpp"

#include <cmath>
#include <type_traits>
#include <utility>

namespace cvxnn::lasso {
namespace {

constexpr Index kRows = 2048;  // of a block that is converted at once
constexpr Index kColumns = 32;

}  // namespace

template <class Scalar>
DenseDesign<Scalar>::DenseDesign(const Scalar* data, Index n_rows, Index n_columns, Layout layout,
                                 Groups groups)
    : data_(data), n_rows_(n_rows), n_columns_(n_columns), layout_(layout) {
  check_groups(groups, n_columns);
  groups_ = std::move(groups);
}

// One column of the data from a row on.
template <class Scalar>
void DenseDesign<Scalar>::copy_block(Index row, Index column, Eigen::Ref<Matrix> out) const {
  using Strided = Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, 1>, 0,
                             Eigen::InnerStride<Eigen::Dynamic>>;
  const bool by_rows = layout_ == Layout::row_major;
  const Index stride = by_rows ? n_columns_ : 1;
  const Scalar* first = data_ + (by_rows ? row * n_columns_ + column : column * n_rows_ + row);
  out.col(0) = Strided(first, out.rows(), Eigen::InnerStride<Eigen::Dynamic>(stride))
                   .template cast<double>();
}

template <class Scalar>
void DenseDesign<Scalar>::copy_rows(Index group, Index row, Eigen::Ref<Matrix> out) const {
  const Index* columns = groups_.columns.data() + groups_.starts[group];
  for (Index j = 0; j < out.cols(); ++j) copy_block(row, columns[j], out.col(j));
}

template <class Scalar>
void DenseDesign<Scalar>::correlate(Index group, const ConstMatrixRef& V,
                                    Eigen::Ref<Matrix> out) const {
  out.setZero();
  Matrix block;
  for (Index row = 0; row < n_rows_; row += kRows) {
    block.resize(std::min(kRows, n_rows_ - row), groups_.size(group));
    copy_rows(group, row, block);
    out.noalias() += block.transpose() * V.middleRows(row, block.rows());
  }
}

template <class Scalar>
void DenseDesign<Scalar>::add_product(Index group, Index row, const ConstMatrixRef& U,
                                      Eigen::Ref<Matrix> F) const {
  Matrix block;
  for (Index begin = 0; begin < F.rows(); begin += kRows) {
    block.resize(std::min(kRows, F.rows() - begin), groups_.size(group));
    copy_rows(group, row + begin, block);
    F.middleRows(begin, block.rows()).noalias() += block * U;
  }
}

template <class Scalar>
Matrix DenseDesign<Scalar>::correlate_all(const ConstMatrixRef& V, Precision,
                                          const Execution& execution) const {
  using ByColumns = Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>>;
  using ByRows =
      Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
  const Index width = 4 * kColumns;
  Matrix products(n_columns_, V.cols());  // in the order of the data
  const auto multiply = [&](const auto& X, Index begin, Index count) {
    auto out = products.middleRows(begin, count);
    if constexpr (std::is_same_v<Scalar, double>) {
      out.noalias() = X.middleCols(begin, count).transpose() * V;
    } else {
      out.setZero();
      Matrix block;
      for (Index row = 0; row < n_rows_; row += kRows) {
        const Index rows = std::min(kRows, n_rows_ - row);
        for (Index j = 0; j < count; j += kColumns) {
          const Index columns = std::min(kColumns, count - j);
          block = X.block(row, begin + j, rows, columns).template cast<double>();
          out.middleRows(j, columns).noalias() += block.transpose() * V.middleRows(row, rows);
        }
      }
    }
  };
  const double cost = 2.0 * static_cast<double>(width * V.size());
  parallel_for((n_columns_ + width - 1) / width, cost, execution,
               [&](Index chunk, int, const auto&) {
                 const Index begin = chunk * width;
                 const Index count = std::min(width, n_columns_ - begin);
                 if (layout_ == Layout::column_major) {
                   multiply(ByColumns(data_, n_rows_, n_columns_), begin, count);
                 } else {
                   multiply(ByRows(data_, n_rows_, n_columns_), begin, count);
                 }
               });
  Matrix out(n_columns_, V.cols());
  for (Index j = 0; j < n_columns_; ++j) out.row(j) = products.row(groups_.columns[j]);
  return out;
}

template <class Scalar>
Vector DenseDesign<Scalar>::column_norms(const Execution& execution) const {
  using ByColumns = Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>>;
  using ByRows =
      Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
  Vector squares(n_columns_);  // in the order of the data
  const Index chunks = (n_columns_ + kColumns - 1) / kColumns;
  parallel_for(chunks, static_cast<double>(2 * kColumns * n_rows_), execution,
               [&](Index chunk, int, const auto&) {
                 const Index begin = chunk * kColumns;
                 const Index count = std::min(kColumns, n_columns_ - begin);
                 auto out = squares.segment(begin, count).transpose();
                 out.setZero();
                 if (layout_ == Layout::column_major) {
                   const ByColumns X(data_, n_rows_, n_columns_);
                   out = X.middleCols(begin, count).template cast<double>().colwise().squaredNorm();
                   return;
                 }
                 const ByRows X(data_, n_rows_, n_columns_);
                 for (Index i = 0; i < n_rows_; ++i) {
                   out += X.row(i).segment(begin, count).template cast<double>().cwiseAbs2();
                 }
               });
  Vector norms(n_columns_);
  for (Index j = 0; j < n_columns_; ++j) norms(j) = std::sqrt(squares(groups_.columns[j]));
  return norms;
}

template class DenseDesign<double>;
template class DenseDesign<float>;

}  // namespace cvxnn::lasso
