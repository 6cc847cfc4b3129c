// Projection onto cells: the optimality conditions, warm starts, early stops and support bounds.
#include "cvxnn/cone.hpp"

#include <doctest/doctest.h>

#include <Eigen/QR>
#include <cmath>

#include "cvxnn/sample.hpp"
#include "data.hpp"

namespace cvxnn {
namespace {

struct Case {
  Matrix rows;
  std::vector<Word> pattern;
  Vector z;

  Cone cone() const { return {&rows, pattern.data()}; }
  double side(Index k) const { return get_bit(pattern.data(), k) ? 1.0 : -1.0; }

  // The constraints of the cone, {u : signed_rows() u >= 0}.
  Matrix signed_rows() const {
    return Vector::NullaryExpr(rows.rows(), [this](Index k) { return side(k); }).asDiagonal() *
           rows;
  }
};

// A cell of a random arrangement that contains some point.
Case cell_case(Index n, Index d, std::uint64_t seed) {
  Matrix X = test::gaussian(n, d, seed);
  const Matrix inside = test::gaussian(1, d, seed + 1);
  Case c{unit_rows(X), locate_cells(X, inside, {}).cells.bits, test::gaussian(d, 1, seed + 2)};
  return c;
}

// Any pattern: most often the cone is {0} or has no interior.
Case arbitrary_case(Index n, Index d, std::uint64_t seed) {
  Case c = cell_case(n, d, seed);
  for (Index k = 0; k < n; k += 2) flip_bit(c.pattern.data(), k);
  return c;
}

// u is the projection of z exactly if u is in K, and z - u is a non-positive combination of normals
// of K that vanish at u.
void check_projection(const Case& c, const Vector& u, const std::vector<Index>& tight) {
  const double tolerance = 1e-12 * c.z.norm();
  const Matrix M = c.signed_rows();
  CHECK((M * u).minCoeff() >= -tolerance);
  CHECK(std::abs(u.dot(c.z - u)) <= tolerance * c.z.norm());
  REQUIRE(static_cast<Index>(tight.size()) <= c.z.size());
  if (tight.empty()) {
    CHECK(u == c.z);
    return;
  }
  const Matrix normals = M(tight, Eigen::all).transpose();
  CHECK((normals.transpose() * u).cwiseAbs().maxCoeff() <= tolerance);
  const Eigen::ColPivHouseholderQR<Matrix> qr(normals);
  CHECK(qr.rank() == normals.cols());
  const Vector multipliers = qr.solve(u - c.z);
  CHECK(multipliers.minCoeff() >= 0.0);
  CHECK((normals * multipliers + c.z - u).norm() <= 10 * tolerance);
}

const std::vector<std::pair<Index, Index>> kShapes{{1, 1},  {3, 2},  {10, 2}, {6, 5},
                                                   {20, 5}, {5, 20}, {80, 10}};

template <class Check>
void for_each_case(const Check& check) {
  for (const auto& [n, d] : kShapes) {
    for (std::uint64_t seed = 0; seed < 30; seed += 3) {
      CAPTURE(n);
      CAPTURE(d);
      CAPTURE(seed);
      check(cell_case(n, d, 1000 * n + seed));
      check(arbitrary_case(n, d, 2000 * n + seed));
    }
  }
}

TEST_CASE("cone: projections satisfy the optimality conditions") {
  ConeProjector projector;  // reused across dimensions
  for_each_case([&](const Case& c) {
    std::vector<Index> tight;
    REQUIRE(projector.project(c.cone(), c.z, tight));
    check_projection(c, projector.point(), tight);
  });
}

TEST_CASE("cone: repeated, opposite and zero rows") {
  ConeProjector projector;
  for_each_case([&](Case c) {
    const Index n = c.rows.rows();
    std::vector<Index> tight;
    REQUIRE(projector.project(c.cone(), c.z, tight));
    const Vector u = projector.point();

    Case larger;
    larger.z = c.z;
    larger.rows.resize(3 * n + 1, c.rows.cols());
    larger.rows << c.rows, -c.rows, c.rows, Matrix::Zero(1, c.rows.cols());
    larger.pattern.assign(static_cast<std::size_t>(words_for(3 * n + 1)), 0);
    for (Index k = 0; k < 3 * n; ++k) {
      const bool along = k / n != 1;
      if ((c.side(k % n) > 0.0) == along) set_bit(larger.pattern.data(), k);
    }
    tight.clear();
    REQUIRE(projector.project(larger.cone(), larger.z, tight));
    check_projection(larger, projector.point(), tight);
    CHECK((projector.point() - u).norm() <= 1e-12 * c.z.norm());
  });
}

TEST_CASE("cone: points of the cone stay, points of the polar cone go to zero") {
  ConeProjector projector;
  for_each_case([&](Case c) {
    std::vector<Index> tight;
    REQUIRE(projector.project(c.cone(), c.z, tight));
    const Vector u = projector.point();
    const Matrix M = c.signed_rows();

    c.z = -M.transpose() * test::gaussian(M.rows(), 1, 1).cwiseAbs();
    tight.clear();
    REQUIRE(projector.project(c.cone(), c.z, tight));
    CHECK(projector.point().norm() <= 1e-12 * c.z.norm());
    CHECK(projector.support_bound(c.cone(), c.z) <= 1e-12 * c.z.norm());

    c.z = u;
    tight.clear();
    REQUIRE(projector.project(c.cone(), c.z, tight));
    CHECK((projector.point() - u).norm() <= 1e-12 * (1.0 + u.norm()));
  });
  const Case c = cell_case(4, 3, 1);
  std::vector<Index> tight;
  REQUIRE(projector.project(c.cone(), Vector::Zero(3), tight));
  CHECK(projector.point().isZero(0));
}

TEST_CASE("cone: no pattern means no constraint") {
  const Vector z = test::gaussian(4, 1, 1);
  ConeProjector projector;
  std::vector<Index> tight;
  REQUIRE(projector.project({}, z, tight));
  CHECK(projector.point() == z);
  CHECK(projector.support_bound({}, z) == doctest::Approx(z.norm()));
}

TEST_CASE("cone: warm starts lead to the same point") {
  ConeProjector projector;
  for_each_case([&](const Case& c) {
    std::vector<Index> cold;
    REQUIRE(projector.project(c.cone(), c.z, cold));
    const Vector u = projector.point();
    std::vector<Index> tight = cold;
    REQUIRE(projector.project(c.cone(), c.z, tight));
    CHECK((projector.point() - u).norm() <= 1e-12 * c.z.norm());

    const Vector guess = test::integers(4, 1, 1000, 7).cwiseAbs();
    tight.assign(2, 0);  // wrong, and twice the same
    for (const double value : guess) tight.push_back(static_cast<Index>(value) % c.rows.rows());
    REQUIRE(projector.project(c.cone(), c.z, tight));
    check_projection(c, projector.point(), tight);
    CHECK((projector.point() - u).norm() <= 1e-11 * c.z.norm());
  });
}

TEST_CASE("cone: stops early only below the cutoff") {
  ConeProjector projector;
  for_each_case([&](const Case& c) {
    std::vector<Index> tight;
    REQUIRE(projector.project(c.cone(), c.z, tight));
    const Vector u = projector.point();
    for (const double cutoff : {0.1, 0.9, 0.999, 1.001, 1.1, 5.0}) {
      tight.clear();
      REQUIRE(projector.project(c.cone(), c.z, tight, cutoff * u.norm()));
      if (cutoff < 1.0) {
        CHECK(projector.point() == u);
      } else {
        CHECK(projector.point().norm() <= cutoff * u.norm() + 1e-13 * c.z.norm());
        CHECK(projector.support_bound(c.cone(), c.z) >= u.norm());
      }
    }
  });
}

TEST_CASE("cone: support bounds hold and are tight") {
  ConeProjector projector;
  for_each_case([&](const Case& c) {
    std::vector<Index> tight;
    REQUIRE(projector.project(c.cone(), c.z, tight));
    const double length = projector.point().norm();
    const double bound = projector.support_bound(c.cone(), c.z);
    CHECK(bound >= length * (1.0 - 1e-15));
    CHECK(bound <= length + 1e-12 * c.z.norm());
    ConeProjector other;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      tight.clear();
      const Vector direction = c.z + test::gaussian(c.z.size(), 1, seed).col(0);
      REQUIRE(other.project(c.cone(), direction, tight));
      const Vector& w = other.point();
      CHECK(c.z.dot(w) <= bound * w.norm() + 1e-12 * c.z.norm());
    }
  });
}

TEST_CASE("cone: bases of faces") {
  const Matrix rows = unit_rows(test::gaussian(9, 6, 1));
  CHECK(face_basis(rows, {}) == Matrix::Identity(6, 6));
  std::vector<Index> tight;
  for (const Index row : {4, 0, 8, 2, 7, 1}) {
    tight.push_back(row);
    const Matrix basis = face_basis(rows, tight);
    REQUIRE(basis.rows() == 6);
    REQUIRE(basis.cols() == 6 - static_cast<Index>(tight.size()));
    if (basis.cols() == 0) continue;
    CHECK((basis.transpose() * basis).isIdentity(1e-14));
    CHECK((rows(tight, Eigen::all) * basis).isZero(1e-14));
  }
}

TEST_CASE("cone: unit rows") {
  Matrix X = test::gaussian(4, 3, 1);
  X.row(1).setZero();
  const Matrix expected = unit_rows(X);
  CHECK(expected.rowwise().norm().isApprox(Vector{{1.0, 0.0, 1.0, 1.0}}));
  X.row(2) *= 0x1p-1000;
  X.row(3) *= 0x1p1000;
  CHECK(unit_rows(X).isApprox(expected, 1e-15));
}

}  // namespace
}  // namespace cvxnn
