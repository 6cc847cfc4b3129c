#include "lasso/active_set.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <numeric>

namespace cvxnn::lasso {
namespace {

constexpr Index kRows = 4096;             // of a block made at once, a multiple of 64
constexpr double kGatherEntries = 3.2e7;  // 256 MB of columns
constexpr Index kGramColumns = 3000;      // 72 MB
constexpr std::size_t kSpectraEntries = 32u << 20;

void grow(Matrix& matrix, Index rows, Index columns) {
  if (matrix.rows() >= rows && matrix.cols() >= columns) return;
  matrix.conservativeResize(std::max(rows, matrix.rows()), std::max(columns, 2 * matrix.cols()));
}

}  // namespace

ActiveSet::ActiveSet(const Problem& problem, const Execution& execution)
    : W(0, problem.loss->n_targets()),
      problem_(problem),
      design_(*problem.design),
      execution_(execution),
      weights_(problem.loss->weights().head(problem.loss->n_samples())),
      lazy_(problem.design->lazy()),
      has_gram_(problem.loss->quadratic()) {}

void ActiveSet::append(const std::vector<Index>& groups) {
  const Index first_member = count();
  const Index first_column = n_columns();
  for (const Index g : groups) {
    member_of_[g] = count();
    groups_.push_back(g);
    starts_.push_back(starts_.back() + design_.groups().size(g));
  }
  const Index m = n_columns();
  W.conservativeResize(m, Eigen::NoChange);
  W.bottomRows(m - first_column).setZero();
  means_.conservativeResize(m);
  means_.tail(m - first_column).setZero();
  if (problem_.fit_intercept) {
    means_.tail(m - first_column) =
        design_.correlate_some(groups, weights_, Precision::float64, execution_).col(0) /
        weights_.sum();
  }
  const double entries = static_cast<double>(design_.n_rows()) * static_cast<double>(m);
  if (!lazy_ && entries > kGatherEntries) {
    lazy_ = true;
    columns_.resize(0, 0);
  }
  if (!lazy_) gather(first_member);
  if (has_gram_ && !gram_pays()) {
    has_gram_ = false;
    gram_.resize(0, 0);
    gram_columns_ = 0;
  }
  if (has_gram_) extend_gram(first_column);
}

bool ActiveSet::gram_pays() const {
  const Index m = n_columns();
  return m <= kGramColumns && (lazy_ ? design_.n_rows() >= 30 * m : 2 * m <= design_.n_rows());
}

void ActiveSet::drop_zeros() {
  std::vector<Index> kept;
  for (Index i = 0; i < count(); ++i) {
    if (!is_zero(i)) kept.push_back(i);
  }
  if (static_cast<Index>(kept.size()) == count()) return;
  n_single_ = 0;
  Index column = 0;
  std::vector<Index> groups;
  std::vector<Index> starts{0};
  std::vector<Index> from;
  for (const Index i : kept) {
    for (Index j = 0; j < width(i); ++j) from.push_back(start(i) + j);
    groups.push_back(groups_[i]);
    starts.push_back(starts.back() + width(i));
  }
  const Index m = starts.back();
  for (; column < m; ++column) {  // ascending, so nothing is overwritten before it is read
    W.row(column) = W.row(from[column]).eval();
    means_(column) = means_(from[column]);
    if (!lazy_) columns_.col(column) = columns_.col(from[column]).eval();
    if (has_gram_) gram_.col(column) = gram_.col(from[column]).eval();
  }
  for (column = 0; has_gram_ && column < m; ++column) {
    gram_.row(column) = gram_.row(from[column]).eval();
  }
  if (has_gram_) gram_columns_ = m;
  W.conservativeResize(m, Eigen::NoChange);
  means_.conservativeResize(m);
  groups_ = groups;
  starts_ = starts;
  member_of_.clear();
  for (Index i = 0; i < count(); ++i) member_of_[groups_[i]] = i;
}

void ActiveSet::gather(Index first_member) {
  const Index n = design_.n_rows();
  grow(columns_, n, n_columns());
  parallel_for(count() - first_member, 4.0 * static_cast<double>(n), execution_,
               [&](Index i, int, const auto&) {
                 const Index member = first_member + i;
                 auto block = columns_.middleCols(start(member), width(member));
                 design_.copy_rows(groups_[member], 0, block);
                 block.rowwise() -= means_.segment(start(member), width(member)).transpose();
               });
}

Matrix ActiveSet::row_block(const std::vector<Index>& members, Index row, Index count) const {
  std::vector<Index> at(members.size() + 1, 0);
  for (std::size_t i = 0; i < members.size(); ++i) at[i + 1] = at[i] + width(members[i]);
  Matrix block(count, at.back());
  parallel_for(static_cast<Index>(members.size()), 4.0 * static_cast<double>(count), execution_,
               [&](Index i, int, const auto&) {
                 const Index member = members[i];
                 auto out = block.middleCols(at[i], width(member));
                 if (!lazy_) {
                   out = columns_.block(row, start(member), count, width(member));
                   return;
                 }
                 design_.copy_rows(groups_[member], row, out);
                 out.rowwise() -= means_.segment(start(member), width(member)).transpose();
               });
  return block;
}

Matrix ActiveSet::columns(const std::vector<Index>& members) const {
  return row_block(members, 0, design_.n_rows());
}

void ActiveSet::extend_gram(Index first_column) {
  constexpr Index kTile = 64;
  const Index n = design_.n_rows();
  const Index m = n_columns();
  // after a time without Gram matrix, or at first, everything is new
  first_column = std::min(first_column, gram_columns_);
  const Index added = m - first_column;
  Matrix product = Matrix::Zero(m, added);
  std::vector<Index> all(static_cast<std::size_t>(count()));
  std::iota(all.begin(), all.end(), Index{0});
  const Index rows = std::min(kRows, n);
  Matrix made;
  for (Index row = 0; row < n; row += rows) {
    const Index here = std::min(rows, n - row);
    if (lazy_) made = row_block(all, row, here);
    const auto block = lazy_ ? made.topLeftCorner(here, m) : columns_.block(row, 0, here, m);
    const Matrix weighted = weights_.segment(row, here).asDiagonal() * block.rightCols(added);
    const double cost = static_cast<double>(2 * here * m * kTile);
    parallel_for((added + kTile - 1) / kTile, cost, execution_, [&](Index t, int, const auto&) {
      const Index begin = t * kTile;
      const Index tile = std::min(kTile, added - begin);
      const Index height = first_column + begin + tile;  // the upper triangle suffices
      product.block(0, begin, height, tile).noalias() +=
          block.leftCols(height).transpose() * weighted.middleCols(begin, tile);
    });
  }
  grow(gram_, m, m);
  if (gram_.rows() < gram_.cols()) gram_.conservativeResize(gram_.cols(), gram_.cols());
  for (Index j = 0; j < added; ++j) {
    const Index column = first_column + j;
    gram_.col(column).head(column + 1) = product.col(j).head(column + 1);
    gram_.row(column).head(column) = product.col(j).head(column).transpose();
  }
  gram_columns_ = m;
}

void ActiveSet::add_product(Index member, const ConstMatrixRef& U, Eigen::Ref<Matrix> F) const {
  const auto means = means_.segment(start(member), width(member));
  if (!lazy_) {
    F.noalias() += columns_.middleCols(start(member), width(member)) * U;
    return;
  }
  design_.add_product(groups_[member], 0, U, F);
  if (!problem_.fit_intercept) return;
  const Eigen::RowVectorXd shift = means.transpose() * U;
  F.rowwise() -= shift;
}

Matrix ActiveSet::correlate(Index member, const ConstMatrixRef& V) const {
  if (!lazy_) return columns_.middleCols(start(member), width(member)).transpose() * V;
  Matrix out(width(member), V.cols());
  design_.correlate(groups_[member], V, out);
  if (problem_.fit_intercept) {
    out.noalias() -= means_.segment(start(member), width(member)) * V.colwise().sum().eval();
  }
  return out;
}

template <class Columns>
Matrix ActiveSet::gathered_product(const Columns& columns, const std::vector<Index>& members,
                                   const ConstMatrixRef& U) const {
  const Columns rounded = U.cast<typename Columns::Scalar>();
  Columns F = Columns::Zero(design_.n_rows(), U.cols());
  Index at = 0;
  for (const Index i : members) {
    F.noalias() += columns.middleCols(start(i), width(i)) * rounded.middleRows(at, width(i));
    at += width(i);
  }
  return F.template cast<double>();
}

Matrix ActiveSet::product(const std::vector<Index>& members, const ConstMatrixRef& U,
                          Precision precision) const {
  if (!lazy_) {
    return precision == Precision::float32 ? gathered_product(single_columns_, members, U)
                                           : gathered_product(columns_, members, U);
  }
  Matrix F = Matrix::Zero(design_.n_rows(), U.cols());
  std::vector<Index> chosen;
  Eigen::RowVectorXd shift = Eigen::RowVectorXd::Zero(U.cols());
  Index at = 0;
  for (const Index i : members) {
    chosen.push_back(groups_[i]);
    shift += means_.segment(start(i), width(i)).transpose() * U.middleRows(at, width(i));
    at += width(i);
  }
  design_.add_products(chosen, U, F, precision, execution_);
  if (problem_.fit_intercept) F.rowwise() -= shift;
  return F;
}

template <class Columns>
Matrix ActiveSet::gathered_correlations(const Columns& columns, const std::vector<Index>& members,
                                        const ConstMatrixRef& V) const {
  const Columns rounded = V.cast<typename Columns::Scalar>();
  std::vector<Index> at(members.size() + 1, 0);
  for (std::size_t i = 0; i < members.size(); ++i) at[i + 1] = at[i] + width(members[i]);
  Matrix out(at.back(), V.cols());
  const double cost = 20.0 * static_cast<double>(V.size());
  parallel_for(static_cast<Index>(members.size()), cost, execution_,
               [&](Index i, int, const auto&) {
                 const auto block = columns.middleCols(start(members[i]), width(members[i]));
                 const Columns part = block.transpose() * rounded;
                 out.middleRows(at[i], width(members[i])) = part.template cast<double>();
               });
  return out;
}

Matrix ActiveSet::correlate(const std::vector<Index>& members, const ConstMatrixRef& V,
                            Precision precision) const {
  if (!lazy_) {
    return precision == Precision::float32 ? gathered_correlations(single_columns_, members, V)
                                           : gathered_correlations(columns_, members, V);
  }
  std::vector<Index> chosen;
  for (const Index i : members) chosen.push_back(groups_[i]);
  Matrix out = design_.correlate_some(chosen, V, precision, execution_);
  if (!problem_.fit_intercept) return out;
  const Eigen::RowVectorXd sums = V.colwise().sum();
  Index at = 0;
  for (const Index i : members) {
    out.middleRows(at, width(i)).noalias() -= means_.segment(start(i), width(i)) * sums;
    at += width(i);
  }
  return out;
}

void ActiveSet::prepare_float32() {
  if (lazy_ || has_gram_) return;
  if (single_columns_.cols() < columns_.cols()) {
    single_columns_.resize(columns_.rows(), columns_.cols());
    n_single_ = 0;
  }
  const Index fresh = n_columns() - n_single_;
  single_columns_.middleCols(n_single_, fresh) =
      columns_.middleCols(n_single_, fresh).cast<float>();
  n_single_ = n_columns();
}

const Spectrum& ActiveSet::spectrum(Index member) {
  const auto found = spectra_.find(groups_[member]);
  if (found != spectra_.end()) return found->second;
  const Index d = width(member);
  if (spectra_.size() * static_cast<std::size_t>(d * d) > kSpectraEntries) spectra_.clear();
  Matrix gram = Matrix::Zero(d, d);  // its lower triangle
  if (has_gram_) {
    gram = gram_.block(start(member), start(member), d, d);
  } else {
    for (Index row = 0; row < design_.n_rows(); row += kRows) {
      const Index here = std::min(kRows, design_.n_rows() - row);
      Matrix block = row_block({member}, row, here);
      block.array().colwise() *= weights_.segment(row, here).array().sqrt();
      gram.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
    }
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(gram);
  return spectra_[groups_[member]] = {eigen.eigenvectors(), eigen.eigenvalues().cwiseMax(0.0)};
}

Vector ActiveSet::mean_part() const { return W.transpose() * means_; }

}  // namespace cvxnn::lasso
