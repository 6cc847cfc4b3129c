#include "cvxnn/lasso/masked_design.hpp"

#include <numeric>

#include "mask_sweep.hpp"

namespace cvxnn::lasso {
namespace {

constexpr Index kRows = 512;  // a multiple of 64

// out_k = bit k of the pattern ? v_k : 0, as a product so that the compiler can vectorise it
template <class In, class Out>
void masked_copy(const Word* words, const In& v, Out&& out) {
  const Index n = v.size();
  for (Index base = 0; base < n; base += 64) {
    const Word word = words[base >> 6];
    const Index width = std::min<Index>(64, n - base);
    for (Index j = 0; j < width; ++j) {
      out[base + j] = ((word >> j) & 1) != 0 ? v[base + j] : 0.0;
    }
  }
}

template <class Real>
void masked_add(const Word* words, const Real* v, Index n, Real* out) {
  for (Index base = 0; base < n; base += 64) {
    const Word word = words[base >> 6];
    const Index width = std::min<Index>(64, n - base);
    for (Index j = 0; j < width; ++j) {
      out[base + j] += ((word >> j) & 1) != 0 ? v[base + j] : Real{0};
    }
  }
}

Matrix stacked_gradients(const ConstMatrixRef& X, const ConstMatrixRef& V, const MaskSource& masks,
                         Index n_cells, Precision precision, const Execution& execution) {
  const Index d = X.cols();
  Matrix out(n_cells * d, V.cols());
  const auto stack = [&](Index begin, const ConstMatrixRef& gradients) {
    for (Index c = 0; c < gradients.cols(); ++c) {
      out.middleRows((begin + c) * d, d) = gradients.col(c).reshaped(d, V.cols());
    }
  };
  sweep_gradients(X, V, masks, n_cells, precision, execution, stack);
  return out;
}

}  // namespace

MaskedDesign::MaskedDesign(const ConstMatrixRef& X, const Cells& cells)
    : X_(X.data(), X.rows(), X.cols()), cells_(cells) {
  groups_.columns.resize(static_cast<std::size_t>(cells.size() * X.cols()));
  std::iota(groups_.columns.begin(), groups_.columns.end(), Index{0});
  for (Index g = 0; g <= cells.size(); ++g) groups_.starts.push_back(g * X.cols());
}

void MaskedDesign::copy_rows(Index group, Index row, Eigen::Ref<Matrix> out) const {
  const Word* words = cells_.pattern(group) + row / 64;
  for (Index j = 0; j < out.cols(); ++j) {
    masked_copy(words, X_.col(j).segment(row, out.rows()), out.col(j));
  }
}

void MaskedDesign::correlate(Index group, const ConstMatrixRef& V, Eigen::Ref<Matrix> out) const {
  Matrix masked(std::min(kRows, n_rows()), V.cols());
  out.setZero();
  for (Index row = 0; row < n_rows(); row += kRows) {
    const Index rows = std::min(kRows, n_rows() - row);
    for (Index k = 0; k < V.cols(); ++k) {
      masked_copy(cells_.pattern(group) + row / 64, V.col(k).segment(row, rows), masked.col(k));
    }
    out.noalias() += X_.middleRows(row, rows).transpose() * masked.topRows(rows);
  }
}

void MaskedDesign::add_product(Index group, Index row, const ConstMatrixRef& U,
                               Eigen::Ref<Matrix> F) const {
  Matrix product;
  for (Index begin = 0; begin < F.rows(); begin += kRows) {
    const Index rows = std::min(kRows, F.rows() - begin);
    product.noalias() = X_.middleRows(row + begin, rows) * U;
    for (Index k = 0; k < F.cols(); ++k) {
      masked_copy(cells_.pattern(group) + (row + begin) / 64, product.col(k), product.col(k));
    }
    F.middleRows(begin, rows) += product;
  }
}

template <class Real>
void MaskedDesign::add_products_in(const std::vector<Index>& groups, const ConstMatrixRef& U,
                                   Matrix& F, const Execution& execution) const {
  using Columns = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;
  constexpr Index kProductRows = 256;
  const Index n = n_rows();
  const Index d = X_.cols();
  const Index count = static_cast<Index>(groups.size());
  const Columns coefficients = U.cast<Real>();
  const double cost = 2.0 * static_cast<double>(kProductRows * U.size());
  parallel_for((n + kProductRows - 1) / kProductRows, cost, execution,
               [&](Index block, int, const auto&) {
                 const Index row = block * kProductRows;
                 const Index rows = std::min(kProductRows, n - row);
                 const Columns X = X_.middleRows(row, rows).template cast<Real>();
                 Columns products(rows, count);
                 Eigen::Matrix<Real, Eigen::Dynamic, 1> sum(rows);
                 for (Index k = 0; k < U.cols(); ++k) {
                   products.noalias() = X * coefficients.col(k).reshaped(d, count);
                   sum.setZero();
                   for (Index i = 0; i < count; ++i) {
                     masked_add(cells_.pattern(groups[i]) + row / 64, products.col(i).data(), rows,
                                sum.data());
                   }
                   F.col(k).segment(row, rows) += sum.template cast<double>();
                 }
               });
}

void MaskedDesign::add_products(const std::vector<Index>& groups, const ConstMatrixRef& U,
                                Matrix& F, Precision precision, const Execution& execution) const {
  if (precision == Precision::float32) {
    add_products_in<float>(groups, U, F, execution);
  } else {
    add_products_in<double>(groups, U, F, execution);
  }
}

Matrix MaskedDesign::correlate_all(const ConstMatrixRef& V, Precision precision,
                                   const Execution& execution) const {
  return stacked_gradients(X_, V, stored_masks(cells_), cells_.size(), precision, execution);
}

double MaskedDesign::float32_error(const ConstMatrixRef& V) const {
  return sweep_error(X_, V, Precision::float32);
}

Matrix MaskedDesign::correlate_some(const std::vector<Index>& groups, const ConstMatrixRef& V,
                                    Precision precision, const Execution& execution) const {
  return stacked_gradients(X_, V, selected_masks(cells_, groups), static_cast<Index>(groups.size()),
                           precision, execution);
}

Vector MaskedDesign::column_norms(const Execution&) const {
  return X_.colwise().norm().transpose().replicate(groups_.count(), 1);
}

}  // namespace cvxnn::lasso
