#include "cvxnn/lasso/masked_design.hpp"

#include <numeric>

#include "mask_sweep.hpp"

namespace cvxnn::lasso {
namespace {

constexpr Index kRows = 512;  // a multiple of 64

// out_k = bit k of the pattern ? v_k : 0, in a form that the compiler can vectorise
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

// out += the same; the words are `stride` apart.
template <class Real>
void masked_add(const Word* words, Index stride, const Real* v, Index n, Real* out) {
  for (Index base = 0; base < n; base += 64) {
    const Word word = words[(base >> 6) * stride];
    const Index width = std::min<Index>(64, n - base);
    for (Index j = 0; j < width; ++j) {
      out[base + j] += ((word >> j) & 1) != 0 ? v[base + j] : Real{0};
    }
  }
}

// The words of rows row, .., row + rows - 1 of the first `count` cells of a source, word by word.
std::vector<Word> words_of(const MaskSource& masks, Index count, Index row, Index rows) {
  const Index n_words = words_for(rows);
  std::vector<Word> words(static_cast<std::size_t>(count * n_words));
  masks(0, count, row / 64, n_words, words.data());
  return words;
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
    : MaskedDesign(X, &cells, Matrix(), cells.size()) {}

MaskedDesign::MaskedDesign(const ConstMatrixRef& X, const ConstMatrixRef& gates)
    : MaskedDesign(X, nullptr, gates, gates.rows()) {}

MaskedDesign::MaskedDesign(const ConstMatrixRef& X, const Cells* cells, const ConstMatrixRef& gates,
                           Index n_cells)
    : X_(X.data(), X.rows(), X.cols()),
      cells_(cells),
      gates_(gates.data(), gates.rows(), gates.cols()) {
  groups_.columns.resize(static_cast<std::size_t>(n_cells * X.cols()));
  std::iota(groups_.columns.begin(), groups_.columns.end(), Index{0});
  for (Index g = 0; g <= n_cells; ++g) groups_.starts.push_back(g * X.cols());
}

MaskSource MaskedDesign::masks() const {
  return cells_ != nullptr ? stored_masks(*cells_) : gate_masks(X_, gates_);
}

MaskSource MaskedDesign::masks_of(const std::vector<Index>& groups) const {
  return cells_ != nullptr ? selected_masks(*cells_, groups)
                           : selected_gate_masks(X_, gates_, groups);
}

void MaskedDesign::copy_rows(Index group, Index row, Eigen::Ref<Matrix> out) const {
  const std::vector<Word> words = words_of(masks_of({group}), 1, row, out.rows());
  for (Index j = 0; j < out.cols(); ++j) {
    masked_copy(words.data(), X_.col(j).segment(row, out.rows()), out.col(j));
  }
}

void MaskedDesign::correlate(Index group, const ConstMatrixRef& V, Eigen::Ref<Matrix> out) const {
  const std::vector<Word> words = words_of(masks_of({group}), 1, 0, n_rows());
  Matrix masked(std::min(kRows, n_rows()), V.cols());
  out.setZero();
  for (Index row = 0; row < n_rows(); row += kRows) {
    const Index rows = std::min(kRows, n_rows() - row);
    for (Index k = 0; k < V.cols(); ++k) {
      masked_copy(words.data() + row / 64, V.col(k).segment(row, rows), masked.col(k));
    }
    out.noalias() += X_.middleRows(row, rows).transpose() * masked.topRows(rows);
  }
}

void MaskedDesign::add_product(Index group, Index row, const ConstMatrixRef& U,
                               Eigen::Ref<Matrix> F) const {
  const std::vector<Word> words = words_of(masks_of({group}), 1, row, F.rows());
  Matrix product;
  for (Index begin = 0; begin < F.rows(); begin += kRows) {
    const Index rows = std::min(kRows, F.rows() - begin);
    product.noalias() = X_.middleRows(row + begin, rows) * U;
    for (Index k = 0; k < F.cols(); ++k) {
      masked_copy(words.data() + begin / 64, product.col(k), product.col(k));
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
  const MaskSource source = masks_of(groups);
  const double cost = 2.0 * static_cast<double>(kProductRows * U.size());
  parallel_for((n + kProductRows - 1) / kProductRows, cost, execution,
               [&](Index block, int, const auto&) {
                 const Index row = block * kProductRows;
                 const Index rows = std::min(kProductRows, n - row);
                 const Columns X = X_.middleRows(row, rows).template cast<Real>();
                 const std::vector<Word> words = words_of(source, count, row, rows);
                 Columns products(rows, count);
                 Eigen::Matrix<Real, Eigen::Dynamic, 1> sum(rows);
                 for (Index k = 0; k < U.cols(); ++k) {
                   products.noalias() = X * coefficients.col(k).reshaped(d, count);
                   sum.setZero();
                   for (Index i = 0; i < count; ++i) {
                     masked_add(words.data() + i, count, products.col(i).data(), rows, sum.data());
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
  return stacked_gradients(X_, V, masks(), groups_.count(), precision, execution);
}

double MaskedDesign::float32_error(const ConstMatrixRef& V) const {
  return sweep_error(X_, V, Precision::float32);
}

Matrix MaskedDesign::correlate_some(const std::vector<Index>& groups, const ConstMatrixRef& V,
                                    Precision precision, const Execution& execution) const {
  return stacked_gradients(X_, V, masks_of(groups), static_cast<Index>(groups.size()), precision,
                           execution);
}

Vector MaskedDesign::column_norms(const Execution&) const {
  return X_.colwise().norm().transpose().replicate(groups_.count(), 1);
}

}  // namespace cvxnn::lasso
