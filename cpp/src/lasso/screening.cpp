#include "lasso/screening.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

namespace cvxnn::lasso {
namespace {

constexpr int kSweepsBeforeNorms = 8;  // a single solve is over before the norms would pay
constexpr Index kBasis = 48;
constexpr Index kDeflateEvery = 6;
constexpr double kLeastShare = 1e-6;  // of a vector that must lie outside the basis to extend it
constexpr double kMargin = 0.98;      // a dual vector may be stretched by 1 / kMargin without harm
constexpr double kOpenShare = 0.2;    // of the columns; with more, one pass over all is cheaper

}  // namespace

Screening::Screening(const Problem& problem, const Execution& execution)
    : problem_(problem),
      design_(*problem.design),
      execution_(execution),
      caching_(problem.loss->n_targets() == 1 && !problem.design->lazy()) {
  const Vector norms = design_.column_norms(execution);
  const Groups& groups = design_.groups();
  frobenius_.resize(groups.count());
  for (Index g = 0; g < groups.count(); ++g) {
    frobenius_(g) = norms.segment(groups.starts[g], groups.size(g)).norm();
  }
}

// Of a sum of n products, with the usual bound.
Vector Screening::rounding(double length) const {
  const double unit = std::numeric_limits<double>::epsilon();
  return (static_cast<double>(design_.n_rows()) + 8.0) * unit * length * frobenius_;
}

Correlations Screening::sweep(const Vector& v) const {
  Correlations result;
  result.starts = design_.groups().starts;
  result.Z = -design_.correlate_all(as_matrix(v, design_.n_rows()), Precision::float64, execution_);
  result.slack = rounding(v.norm());
  return result;
}

// Those that may exceed their strength.
std::vector<Index> Screening::open_groups(const Correlations& correlations, const Penalty& penalty,
                                          const Vector& strengths) const {
  const Groups& groups = design_.groups();
  std::vector<Index> open;
  for (Index g = 0; g < groups.count(); ++g) {
    const auto block = correlations.Z.middleRows(groups.starts[g], groups.size(g));
    if (penalty.support(block) + correlations.slack(g) <= kMargin * strengths(g)) continue;
    open.push_back(g);
  }
  return open;
}

Index Screening::columns_of(const std::vector<Index>& groups) const {
  Index columns = 0;
  for (const Index g : groups) columns += design_.groups().size(g);
  return columns;
}

Correlations Screening::sweep_in_float32(const Vector& v, double error, const Penalty& penalty,
                                         const Vector& strengths) {
  const Groups& groups = design_.groups();
  const auto V = as_matrix(v, design_.n_rows());
  Correlations result;
  result.starts = groups.starts;
  result.Z = -design_.correlate_all(V, Precision::float32, execution_);
  result.slack = Vector::Constant(groups.count(), error);
  const std::vector<Index> open = open_groups(result, penalty, strengths);
  const Matrix products = design_.correlate_some(open, V, Precision::float64, execution_);
  const Vector exact_slack = rounding(v.norm());
  Index at = 0;
  for (const Index g : open) {
    result.Z.middleRows(groups.starts[g], groups.size(g)) =
        -products.middleRows(at, groups.size(g));
    result.slack(g) = exact_slack(g);
    at += groups.size(g);
  }
  n_open_columns_ = at;
  return result;
}

void Screening::prepare_norms() {
  const Groups& groups = design_.groups();
  if (grams_.empty()) {
    grams_.resize(static_cast<std::size_t>(groups.count()));
    const Index n = design_.n_rows();
    parallel_for(groups.count(), 40.0 * static_cast<double>(n), execution_,
                 [&](Index g, int, const auto&) {
                   constexpr Index kRows = 4096;
                   Matrix block;
                   grams_[g] = Matrix::Zero(groups.size(g), groups.size(g));
                   for (Index row = 0; row < n; row += kRows) {
                     block.resize(std::min(kRows, n - row), groups.size(g));
                     design_.copy_rows(g, row, block);
                     grams_[g].noalias() += block.transpose() * block;
                   }
                 });
  }
  residual_norms_.resize(groups.count());
  const Index fresh = XQ_.cols() - deflated_;
  parallel_for(groups.count(), 1e4, execution_, [&](Index g, int, const auto&) {
    const auto part = XQ_.block(groups.starts[g], deflated_, groups.size(g), fresh);
    grams_[g].noalias() -= part * part.transpose();
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(grams_[g], Eigen::EigenvaluesOnly);
    const double largest = std::max(0.0, eigen.eigenvalues().maxCoeff());
    // rounding of the Gram matrix and of what was taken away from it
    const double error =
        1e-13 * static_cast<double>(design_.n_rows()) * frobenius_(g) * frobenius_(g);
    residual_norms_(g) = std::sqrt(largest + error);
  });
  deflated_ = XQ_.cols();
}

void Screening::extend(const Vector& e, const Matrix& products, double length) {
  const Index q = Q_.cols();
  const double left = e.norm();
  if (q >= kBasis || !(left > kLeastShare * length)) return;
  Q_.conservativeResize(e.size(), q + 1);
  Q_.col(q) = e / left;
  XQ_.conservativeResize(products.rows(), q + 1);
  XQ_.col(q) = products.col(0) / left;
}

Correlations Screening::correlate(const Vector& v, const Penalty& penalty,
                                  const Vector& strengths) {
  const double few_columns = kOpenShare * static_cast<double>(design_.groups().n_columns());
  if (!caching_) {
    const double error = design_.float32_error(as_matrix(v, design_.n_rows()));
    const bool few_open = 2.0 * static_cast<double>(n_open_columns_) < few_columns;
    if (std::isfinite(error) && few_open && strengths.maxCoeff() > 0.0) {
      return sweep_in_float32(v, error, penalty, strengths);
    }
    Correlations result = sweep(v);
    n_open_columns_ = columns_of(open_groups(result, penalty, strengths));
    return result;
  }
  ++n_sweeps_;
  Vector e = v;
  Vector c = Vector::Zero(Q_.cols());
  for (int pass = 0; pass < 2 && Q_.cols() > 0; ++pass) {
    const Vector part = Q_.transpose() * e;
    e -= Q_ * part;
    c += part;
  }
  const double left = e.norm();
  // of the products with Q and e, and of v = Q c + e itself
  const Vector error = rounding(4.0 * v.norm() + c.lpNorm<1>());
  if (n_sweeps_ <= kSweepsBeforeNorms) {
    Correlations result = sweep(e);
    extend(e, -result.Z, v.norm());
    if (c.size() > 0) result.Z -= XQ_.leftCols(c.size()) * c;
    result.slack = error;
    return result;
  }
  if (Q_.cols() == 0) return sweep(v);
  if (residual_norms_.size() == 0 || Q_.cols() >= deflated_ + kDeflateEvery) prepare_norms();
  const Groups& groups = design_.groups();
  Correlations result;
  result.starts = groups.starts;
  result.Z = -(XQ_ * c);
  result.slack = left * residual_norms_ + error;
  const std::vector<Index> open = open_groups(result, penalty, strengths);
  if (static_cast<double>(columns_of(open)) > few_columns) {
    const Matrix products = design_.correlate_all(e, Precision::float64, execution_);
    result.Z -= products;
    result.slack = error;
    extend(e, products, v.norm());
    return result;
  }
  const Matrix products = design_.correlate_some(open, e, Precision::float64, execution_);
  Index at = 0;
  for (const Index g : open) {
    result.Z.middleRows(groups.starts[g], groups.size(g)) -=
        products.middleRows(at, groups.size(g));
    result.slack(g) = error(g);
    at += groups.size(g);
  }
  return result;
}

}  // namespace cvxnn::lasso
