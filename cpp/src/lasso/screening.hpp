// Correlations of all groups with a dual vector, from as few passes over the data as possible.
#pragma once

#include "lasso/subproblem.hpp"

namespace cvxnn::lasso {

// Keeps X' Q for an orthonormal basis Q of dual vectors seen. For a new v = Q c + e the
// correlations X_g' v lie within ||(I - Q Q') X_g|| ||e|| of (X_g' Q) c; only groups for which that
// leaves open whether they exceed their strength are multiplied. With several targets, or where
// products are cheap, every call is one pass over all groups, in float32 if its error is known and
// few groups are left open.
class Screening {
 public:
  Screening(const Problem& problem, const Execution& execution);

  // -X_g' v of all groups, columns not centred: v sums to zero where an intercept is fitted.
  Correlations correlate(const Vector& v, const Penalty& penalty, const Vector& strengths);

 private:
  Correlations sweep(const Vector& v) const;
  Correlations sweep_in_float32(const Vector& v, double error, const Penalty& penalty,
                                const Vector& strengths);
  std::vector<Index> open_groups(const Correlations& correlations, const Penalty& penalty,
                                 const Vector& strengths) const;
  Index columns_of(const std::vector<Index>& groups) const;
  void prepare_norms();
  // Takes e / ||e|| into the basis, with products = X' e, if e is more than rounding of a vector of
  // this length.
  void extend(const Vector& e, const Matrix& products, double length);
  Vector rounding(double length) const;

  const Problem& problem_;
  const Design& design_;
  const Execution& execution_;
  Vector frobenius_;           // of X_g
  Vector residual_norms_;      // bounds on the spectral norms of (I - Q Q') X_g
  std::vector<Matrix> grams_;  // X_g' (I - Q Q') X_g
  Index deflated_ = 0;         // how many columns of Q these account for
  Matrix Q_;
  Matrix XQ_;
  int n_sweeps_ = 0;
  bool caching_;
  Index n_open_columns_ = 0;  // when last looked at
};

}  // namespace cvxnn::lasso
