// The groups under consideration: their coefficients, and products with their columns.
#pragma once

#include <unordered_map>
#include <vector>

#include "cvxnn/lasso/group_lasso.hpp"
#include "lasso/penalty.hpp"

namespace cvxnn::lasso {

// Columns are centred at their weighted means if an intercept is fitted, which only shifts it.
// Groups are called members here and numbered from 0 in the order in which they came.
class ActiveSet {
 public:
  ActiveSet(const Problem& problem, const Execution& execution);

  Index count() const { return static_cast<Index>(groups_.size()); }
  Index group(Index member) const { return groups_[member]; }
  const std::vector<Index>& groups() const { return groups_; }
  bool contains(Index group) const { return member_of_.count(group) != 0; }
  Index start(Index member) const { return starts_[member]; }
  Index width(Index member) const { return starts_[member + 1] - starts_[member]; }
  Index n_columns() const { return starts_.back(); }
  auto coefficients(Index member) { return W.middleRows(start(member), width(member)); }
  auto coefficients(Index member) const { return W.middleRows(start(member), width(member)); }
  bool is_zero(Index member) const { return coefficients(member).isZero(0); }

  void append(const std::vector<Index>& groups);
  // Only members with non-zero coefficients stay.
  void drop_zeros();

  // All products are with centred columns; U and the results are stacked in the order of `members`.
  Matrix product(const std::vector<Index>& members, const ConstMatrixRef& U,
                 Precision precision = Precision::float64) const;
  Matrix correlate(const std::vector<Index>& members, const ConstMatrixRef& V,
                   Precision precision = Precision::float64) const;
  void add_product(Index member, const ConstMatrixRef& U, Eigen::Ref<Matrix> F) const;
  Matrix correlate(Index member, const ConstMatrixRef& V) const;
  // To be called before products in float32, which are for directions only and for numbers of
  // ordinary size.
  void prepare_float32();
  // Dense columns, one after the other.
  Matrix columns(const std::vector<Index>& members) const;

  // Of X_g' diag(w) X_g.
  const Spectrum& spectrum(Index member);
  // X' diag(w) X of all members, for a quadratic loss where that is cheap; empty otherwise.
  Eigen::Block<const Matrix> gram() const {
    return gram_.topLeftCorner(gram_columns_, gram_columns_);
  }
  bool lazy() const { return lazy_; }
  bool has_gram() const { return has_gram_; }
  Vector mean_part() const;  // K, what centring has moved into the intercept: mean' W
  const Vector& sample_weights() const { return weights_; }

  Matrix W;

 private:
  void gather(Index first_member);
  void extend_gram(Index first_column);
  bool gram_pays() const;
  template <class Columns>
  Matrix gathered_product(const Columns& columns, const std::vector<Index>& members,
                          const ConstMatrixRef& U) const;
  template <class Columns>
  Matrix gathered_correlations(const Columns& columns, const std::vector<Index>& members,
                               const ConstMatrixRef& V) const;
  Matrix row_block(const std::vector<Index>& members, Index row, Index count) const;

  const Problem& problem_;
  const Design& design_;
  const Execution& execution_;
  Vector weights_;  // one a sample
  bool lazy_;
  std::vector<Index> groups_;
  std::vector<Index> starts_{0};
  std::unordered_map<Index, Index> member_of_;
  Vector means_;                    // of every column
  Matrix columns_;                  // n x capacity, centred; unused if lazy
  Eigen::MatrixXf single_columns_;  // the first of these in float32
  Index n_single_ = 0;
  Matrix gram_;  // capacity x capacity
  Index gram_columns_ = 0;
  bool has_gram_ = false;
  std::unordered_map<Index, Spectrum> spectra_;  // by group
};

}  // namespace cvxnn::lasso
