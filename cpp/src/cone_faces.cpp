#include "cone_faces.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

namespace cvxnn {
namespace {

constexpr double kParallel = 1e-10;  // of a face to a row
constexpr double kProbe = 1e-3;      // length of the step that finds tight rows, against u
constexpr double kNoise = 1e-13;     // change of a row, against the length of the step

double side_of(const Cone& cone, Index row) { return get_bit(cone.pattern, row) ? 1.0 : -1.0; }

bool is_tight(const Matrix& rows, Index row, const Vector& u, double tight = kTight) {
  return std::abs(rows.row(row).dot(u)) <= tight * u.norm();
}

}  // namespace

void move_to_face(const Matrix& cone_rows, Block& block) {
  const Matrix face = face_basis(cone_rows, block.tight);
  block.u = face * (face.transpose() * block.u);
}

void find_tight_rows(const Cone& cone, const Vector& slope, double beta, Block& block) {
  ConeProjector projector;
  block.tight.clear();
  projector.project(cone, block.u, block.tight);
  block.u = projector.point();
  const double length = block.u.norm();
  const Vector down = slope + beta / length * block.u;
  if (!(length > 0.0) || down.isZero(0)) return;
  projector.project(cone, block.u - kProbe * length / down.norm() * down, block.tight);
  const auto apart = [&](Index row) { return !is_tight(*cone.rows, row, block.u); };
  block.tight.erase(std::remove_if(block.tight.begin(), block.tight.end(), apart),
                    block.tight.end());
  move_to_face(*cone.rows, block);
}

void keep_tight_rows(const Matrix& cone_rows, const std::vector<Index>& rows, Block& block,
                     double tight) {
  for (const Index row : rows) {
    if (!is_tight(cone_rows, row, block.u, tight)) continue;
    if (static_cast<Index>(block.tight.size()) + 1 == cone_rows.cols()) return;
    const Matrix face = face_basis(cone_rows, block.tight);
    if ((cone_rows.row(row) * face).norm() > kParallel) block.tight.push_back(row);
  }
}

Vector tight_multipliers(const Cone& cone, const std::vector<Index>& tight, const Vector& slope) {
  Matrix normals(slope.size(), static_cast<Index>(tight.size()));
  for (Index j = 0; j < normals.cols(); ++j) {
    normals.col(j) = side_of(cone, tight[j]) * cone.rows->row(tight[j]).transpose();
  }
  return normals.colPivHouseholderQr().solve(slope);
}

RowReached first_row(const Cone& cone, const Matrix& face, const Vector& u, const Vector& step,
                     double limit) {
  RowReached first{limit, -1};
  const Vector now = *cone.rows * u;
  const Vector change = *cone.rows * step;
  const double noise = kNoise * step.norm();
  for (Index row = 0; row < now.size(); ++row) {
    const double side = side_of(cone, row);
    if (!(side * change(row) < -noise)) continue;
    const double share = std::max(0.0, side * now(row)) / (-side * change(row));
    if (share >= first.share) continue;
    if ((cone.rows->row(row) * face).norm() < kParallel) continue;
    first = {share, row};
  }
  return first;
}

}  // namespace cvxnn
