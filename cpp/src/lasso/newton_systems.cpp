#include <Eigen/Cholesky>

#include "lasso/subproblem.hpp"

namespace cvxnn::lasso {

namespace {

constexpr double kRidge = 1e-13;  // of the largest diagonal entry, against singular systems

}  // namespace

Vector solve_in_feature_space(const Matrix& normal, const std::vector<GroupCurvature>& groups,
                              const Vector& gradient) {
  Matrix H = normal;
  for (const GroupCurvature& g : groups) {
    auto block = H.block(g.start, g.start, g.width, g.width);
    block.diagonal().array() += g.tangential;
    block.noalias() -= (g.tangential - g.radial) * g.direction * g.direction.transpose();
  }
  H.diagonal().array() += kRidge * H.diagonal().maxCoeff();
  Eigen::LLT<Eigen::Ref<Matrix>> factor(H);
  return factor.solve(-gradient);
}

// d splits into parts along each group's direction, tau, and perpendicular to it, where P is
// invertible. With C the columns of B made perpendicular and divided by the roots of the tangential
// curvatures, M = I + C C' and Z = [B_g direction_g], eliminating the perpendicular part leaves
// (Z' M^-1 Z + radial) tau = Z' M^-1 q - r.
Vector solve_in_sample_space(const Matrix& B, const std::vector<GroupCurvature>& groups,
                             const Vector& gradient) {
  const Index n = B.rows();
  const Index a = static_cast<Index>(groups.size());
  Matrix C = B;
  Matrix Z(n, a);
  Vector tangential_gradient = gradient;  // its perpendicular parts over the roots
  Vector radial_gradient(a);
  Vector radial(a);
  for (Index i = 0; i < a; ++i) {
    const GroupCurvature& g = groups[i];
    auto block = C.middleCols(g.start, g.width);
    auto part = tangential_gradient.segment(g.start, g.width);
    Z.col(i).noalias() = block * g.direction;
    block.noalias() -= Z.col(i) * g.direction.transpose();
    radial_gradient(i) = g.direction.dot(part);
    radial(i) = g.radial;
    part -= radial_gradient(i) * g.direction;
    const double root = std::sqrt(g.tangential);
    block /= root;
    part /= root;
  }
  const Vector q = C * tangential_gradient;
  Matrix M = Matrix::Identity(n, n);
  M.selfadjointView<Eigen::Lower>().rankUpdate(C);
  Eigen::LLT<Eigen::Ref<Matrix>> factor(M);
  const Matrix MZ = factor.solve(Z);
  Matrix S = Z.transpose() * MZ;
  S.diagonal() += radial;
  S.diagonal().array() += kRidge * S.diagonal().maxCoeff();
  const Vector tau = S.llt().solve(MZ.transpose() * q - radial_gradient);
  const Vector E = factor.solve(Z * tau - q);
  Vector d = -tangential_gradient - C.transpose() * E;
  for (Index i = 0; i < a; ++i) {
    const GroupCurvature& g = groups[i];
    auto part = d.segment(g.start, g.width);
    part /= std::sqrt(g.tangential);
    part -= g.direction.dot(part) * g.direction;
    part += tau(i) * g.direction;
  }
  return d;
}

}  // namespace cvxnn::lasso
