// The matrix of a group lasso as an operator on groups of columns. A new kind is one subclass.
#pragma once

#include <vector>

#include "cvxnn/parallel.hpp"

namespace cvxnn::lasso {

// Which columns form which group: group g is columns[starts[g]], .., columns[starts[g + 1] - 1].
struct Groups {
  std::vector<Index> columns;
  std::vector<Index> starts;

  Index count() const { return static_cast<Index>(starts.size()) - 1; }
  Index size(Index group) const { return starts[group + 1] - starts[group]; }
  Index n_columns() const { return starts.back(); }
};

// Throws std::invalid_argument unless the groups are not empty and hold each of n_columns once.
void check_groups(const Groups& groups, Index n_columns);

class Design {
 public:
  virtual ~Design() = default;

  virtual Index n_rows() const = 0;
  const Groups& groups() const { return groups_; }

  // The rows row, .., row + out.rows() - 1 of a group's columns.
  virtual void copy_rows(Index group, Index row, Eigen::Ref<Matrix> out) const = 0;
  // out = X_g' V.
  virtual void correlate(Index group, const ConstMatrixRef& V, Eigen::Ref<Matrix> out) const = 0;
  // F += the rows row, .., row + F.rows() - 1 of X_g U; row is a multiple of 64.
  virtual void add_product(Index group, Index row, const ConstMatrixRef& U,
                           Eigen::Ref<Matrix> F) const = 0;
  // F += sum of X_g U_g, the U_g stacked. At least in this precision.
  virtual void add_products(const std::vector<Index>& groups, const ConstMatrixRef& U, Matrix& F,
                            Precision precision, const Execution& execution) const;
  // X_g' V of these groups, stacked. At least in this precision.
  virtual Matrix correlate_some(const std::vector<Index>& groups, const ConstMatrixRef& V,
                                Precision precision, const Execution& execution) const;
  // X' V for every group, the columns in the order of `groups`. At least in this precision.
  virtual Matrix correlate_all(const ConstMatrixRef& V, Precision precision,
                               const Execution& execution) const = 0;
  // A bound on the error of every group's part of it in float32; infinite if that is not faster.
  virtual double float32_error(const ConstMatrixRef& V) const;
  // The Euclidean norm of every column, or a number above it.
  virtual Vector column_norms(const Execution& execution) const = 0;
  // Whether products with X_g cost less than with a dense copy of it.
  virtual bool lazy() const { return false; }

 protected:
  Groups groups_;
};

}  // namespace cvxnn::lasso
