// Euclidean projection onto the closure of a cell, K = {u : (2 D - I) X u >= 0}.
#pragma once

#include <vector>

#include "cvxnn/bits.hpp"

namespace cvxnn {

// The cone of one pattern. Rows must have unit or zero norm: the cone does not change with their
// length, tolerances do. A null pattern means no constraint at all.
struct Cone {
  const Matrix* rows = nullptr;
  const Word* pattern = nullptr;
};

// Solves min_{u in K} ||u - z|| through its dual, the non-negative least squares problem
// min_{lambda >= 0} ||z + M' lambda||, M = (2 D - I) X, with the active-set method of Lawson and
// Hanson on an updated QR factorisation. Holds the workspace, so that repeated use is cheap.
class ConeProjector {
 public:
  // Projects z. `tight` names rows expected to hold with equality; on return those that do (with
  // linearly independent normals and positive multipliers). Stops early once the projection is
  // known to be shorter than `cutoff`. Returns false only if the iteration limit was reached.
  bool project(const Cone& cone, const Vector& z, std::vector<Index>& tight, double cutoff = 0.0);

  const Vector& point() const { return point_; }

  // Of the rows that `tight` named on return, in its order; rounding may leave one below zero.
  Eigen::Ref<const Vector> multipliers() const {
    return multipliers_.head(static_cast<Index>(active_.size()));
  }

  // An upper bound on max {c . u : u in K, ||u|| <= 1} for c = z, valid whatever the rounding in
  // the active-set iterations: the norm of z + M' lambda evaluated for the final lambda >= 0.
  double support_bound(const Cone& cone, const Vector& z) const;

 private:
  void reset(Index dimension);
  bool append(const Cone& cone, Index row);
  void remove(Index position);
  void solve_multipliers(const Vector& z, Vector& multipliers) const;
  void drop_negative(const Vector& z);
  bool exchange(const Vector& z);
  Index most_violated(const Cone& cone, double tolerance);

  std::vector<Index> active_;
  Matrix Q_;  // orthonormal basis of the active normals
  Matrix R_;  // upper triangular, active normals = Q R
  Vector multipliers_;
  Vector trial_;
  Vector point_;
  Vector values_;
  std::vector<Index> refused_;  // rows that rounding keeps out of the active set
};

// z_face spanning the face on which the rows `tight` vanish: an orthonormal basis as columns.
Matrix face_basis(const Matrix& rows, const std::vector<Index>& tight);

// Rows scaled to unit Euclidean norm; zero rows stay.
Matrix unit_rows(const ConstMatrixRef& X);

}  // namespace cvxnn
