#include "cvxnn/lasso/masked_design.hpp"

#include <numeric>

namespace cvxnn::lasso {
namespace {

constexpr Index kRows = 512;   // a multiple of 64
constexpr Index kCells = 128;  // multiplied together

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

void masked_add(const Word* words, const double* v, Index n, double* out) {
  for (Index base = 0; base < n; base += 64) {
    const Word word = words[base >> 6];
    const Index width = std::min<Index>(64, n - base);
    for (Index j = 0; j < width; ++j) {
      out[base + j] += ((word >> j) & 1) != 0 ? v[base + j] : 0.0;
    }
  }
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

void MaskedDesign::add_products(const std::vector<Index>& groups, const ConstMatrixRef& U,
                                Matrix& F, const Execution& execution) const {
  constexpr Index kProductRows = 256;
  const Index n = n_rows();
  const Index count = static_cast<Index>(groups.size());
  const double cost = 2.0 * static_cast<double>(kProductRows * U.size());
  parallel_for(
      (n + kProductRows - 1) / kProductRows, cost, execution, [&](Index block, int, const auto&) {
        const Index row = block * kProductRows;
        const Index rows = std::min(kProductRows, n - row);
        Matrix products(rows, count);
        for (Index k = 0; k < U.cols(); ++k) {
          products.noalias() = X_.middleRows(row, rows) * U.col(k).reshaped(X_.cols(), count);
          for (Index i = 0; i < count; ++i) {
            masked_add(cells_.pattern(groups[i]) + row / 64, products.col(i).data(), rows,
                       F.col(k).data() + row);
          }
        }
      });
}

Matrix MaskedDesign::correlate_all(const ConstMatrixRef& V, const Execution& execution) const {
  std::vector<Index> all(static_cast<std::size_t>(groups_.count()));
  std::iota(all.begin(), all.end(), Index{0});
  return correlate_some(all, V, execution);
}

Matrix MaskedDesign::correlate_some(const std::vector<Index>& groups, const ConstMatrixRef& V,
                                    const Execution& execution) const {
  const Index d = X_.cols();
  const Index count = static_cast<Index>(groups.size());
  Matrix out(count * d, V.cols());
  const double cost = 2.0 * static_cast<double>(kCells * V.size() * d);
  parallel_for((count + kCells - 1) / kCells, cost, execution, [&](Index chunk, int, const auto&) {
    const Index begin = chunk * kCells;
    const Index cells = std::min(kCells, count - begin);
    Matrix masked(std::min(kRows, n_rows()), cells * V.cols());
    Matrix sums = Matrix::Zero(d, masked.cols());
    for (Index row = 0; row < n_rows(); row += kRows) {
      const Index rows = std::min(kRows, n_rows() - row);
      for (Index c = 0; c < masked.cols(); ++c) {
        const Word* words = cells_.pattern(groups[begin + c % cells]) + row / 64;
        masked_copy(words, V.col(c / cells).segment(row, rows), masked.col(c));
      }
      sums.noalias() += X_.middleRows(row, rows).transpose() * masked.topRows(rows);
    }
    for (Index k = 0; k < V.cols(); ++k) {
      out.col(k).segment(begin * d, cells * d) = sums.middleCols(k * cells, cells).reshaped();
    }
  });
  return out;
}

Vector MaskedDesign::column_norms(const Execution&) const {
  return X_.colwise().norm().transpose().replicate(groups_.count(), 1);
}

}  // namespace cvxnn::lasso
