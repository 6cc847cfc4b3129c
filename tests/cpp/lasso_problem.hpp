// Group-lasso problems with everything that they point to, and an evaluation of solutions that
// uses only the columns and the loss.
#pragma once

#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "cvxnn/lasso/dense_design.hpp"
#include "cvxnn/lasso/group_lasso.hpp"
#include "data.hpp"

namespace cvxnn::test {

// Groups of 1, 2, 3, 4, 1, 2, .. columns; column numbers count down.
inline lasso::Groups mixed_groups(Index n_columns) {
  lasso::Groups groups;
  groups.columns.resize(static_cast<std::size_t>(n_columns));
  std::iota(groups.columns.rbegin(), groups.columns.rend(), Index{0});
  groups.starts = {0};
  for (Index size = 1; groups.starts.back() < n_columns; size = size % 4 + 1) {
    groups.starts.push_back(std::min(groups.starts.back() + size, n_columns));
  }
  return groups;
}

inline Vector lasso_weights(Index n, std::uint64_t seed) {
  const Vector w = gaussian(n, 1, seed).array().abs() + 0.2;
  return w / w.sum();
}

struct LassoProblem {
  Matrix X;
  std::unique_ptr<Loss> loss;
  std::unique_ptr<lasso::Design> design;
  lasso::Problem problem;

  LassoProblem(Matrix data, lasso::Groups groups, std::unique_ptr<Loss> data_loss)
      : X(std::move(data)), loss(std::move(data_loss)) {
    design = std::make_unique<lasso::DenseDesign<double>>(
        X.data(), X.rows(), X.cols(), lasso::Layout::column_major, std::move(groups));
    problem.design = design.get();
    problem.loss = loss.get();
    problem.group_weights = Vector::LinSpaced(design->groups().count(), 0.5, 1.5);
  }
  LassoProblem(const LassoProblem&) = delete;

  Matrix coefficients(const lasso::Solution& solution) const {
    Matrix W = Matrix::Zero(X.cols(), loss->n_targets());
    for (std::size_t j = 0; j < solution.columns.size(); ++j) {
      W.row(solution.columns[j]) = solution.values.row(static_cast<Index>(j));
    }
    return W;
  }

  Matrix block(const Matrix& stacked, Index group) const {
    const lasso::Groups& groups = design->groups();
    Matrix out(groups.size(group), stacked.cols());
    for (Index j = 0; j < out.rows(); ++j) {
      out.row(j) = stacked.row(groups.columns[groups.starts[group] + j]);
    }
    return out;
  }

  double objective(const Matrix& W, const Vector& b, double alpha) const {
    Matrix F = X * W;
    F.rowwise() += b.transpose();
    if (problem.offset.size() > 0) F += problem.offset;
    double value =
        loss->value(F.reshaped()) + problem.l1 * W.lpNorm<1>() + 0.5 * problem.l2 * W.squaredNorm();
    for (Index g = 0; g < design->groups().count(); ++g) {
      value += alpha * problem.group_weights(g) * block(W, g).norm();
    }
    return value;
  }

  // The dual objective at V, and by how much V breaks the constraints.
  std::pair<double, double> dual(const Matrix& V, double alpha) const {
    double value = loss->dual_value(V.reshaped());
    if (problem.offset.size() > 0) value += problem.offset.cwiseProduct(V).sum();
    double excess = problem.fit_intercept ? V.colwise().sum().cwiseAbs().maxCoeff() : 0.0;
    const Matrix Z = -X.transpose() * V;
    for (Index g = 0; g < design->groups().count(); ++g) {
      Matrix S = block(Z, g);
      if (problem.positive) {
        S = (S.array() - problem.l1).max(0.0);
      } else {
        S = S.array().sign() * (S.array().abs() - problem.l1).max(0.0);
      }
      const double over = std::max(0.0, S.norm() - alpha * problem.group_weights(g));
      if (problem.l2 > 0.0) {
        value -= 0.5 * over * over / problem.l2;
      } else {
        excess = std::max(excess, over);
      }
    }
    return {value, excess};
  }

  std::vector<lasso::Solution> solve(const std::vector<double>& alphas, double tol,
                                     int n_threads = 1) const {
    lasso::Options options;
    options.tol = tol;
    return lasso::solve_group_lasso(problem, alphas, options, nullptr, {n_threads, {}});
  }
};

inline LassoProblem lasso_problem(const std::string& loss, Index n, Index p, std::uint64_t seed) {
  const Matrix X = (gaussian(n, p, seed).array() + 0.3).matrix();
  return {X, mixed_groups(p),
          make_loss(loss, targets_for(loss, n, seed + 1), lasso_weights(n, seed + 2), 0.7)};
}

}  // namespace cvxnn::test
