// The losses: derivatives, conjugates and the best scale of a dual vector.
#include "cvxnn/loss.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "hessian.hpp"
#include "lasso_problem.hpp"

namespace cvxnn {
namespace {

TEST_CASE("loss: gradient and curvature are derivatives") {
  const Index n = 6;
  const double h = 1e-5;
  for (const std::string name : {"squared", "logistic"}) {
    const auto loss = test::random_loss(name, n, 3);
    const Vector f = 2.0 * test::gaussian(n, 1, 9);
    const Vector gradient = loss->gradient(f);
    const Vector curvature = loss->curvature(f);
    for (Index k = 0; k < n; ++k) {
      const Vector up = f + h * Vector::Unit(n, k);
      const Vector down = f - h * Vector::Unit(n, k);
      CHECK(gradient(k) ==
            doctest::Approx((loss->value(up) - loss->value(down)) / (2 * h)).epsilon(1e-8));
      CHECK(
          curvature(k) ==
          doctest::Approx((loss->gradient(up) - loss->gradient(down))(k) / (2 * h)).epsilon(1e-8));
      CHECK(curvature(k) <= loss->max_curvature() * loss->weights()(k));
    }
    const Vector far = 1e4 * f;
    CHECK(std::isfinite(loss->value(far)));
    CHECK(loss->gradient(far).allFinite());
    CHECK(loss->curvature(far).allFinite());
  }
  CHECK_THROWS_AS(make_loss("hing", Vector::Ones(1), Vector::Ones(1)), std::invalid_argument);
}

TEST_CASE("loss: the dual value is minus the conjugate") {
  for (const std::string name : {"squared", "logistic"}) {
    const auto loss = test::random_loss(name, 6, 4);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Vector f = 3.0 * test::gaussian(6, 1, seed);
      const Vector v = loss->gradient(f);
      const double dual = loss->dual_value(v);
      CHECK(dual == doctest::Approx(loss->value(f) - f.dot(v)).epsilon(1e-12));
      const Vector other = f + test::gaussian(6, 1, seed + 100).col(0);
      CHECK(dual <= loss->value(other) - other.dot(v));
    }
  }
  const auto loss = make_loss("logistic", Vector::Ones(2), Vector::Ones(2));
  CHECK(loss->dual_value(Vector{{-0.5, 0.1}}) == -std::numeric_limits<double>::infinity());
  CHECK(loss->dual_value(Vector{{-0.5, -1.1}}) == -std::numeric_limits<double>::infinity());
  CHECK(loss->dual_value(Vector{{0.0, -1.0}}) == 0.0);
}

TEST_CASE("loss: the least over a constant, its derivatives and its conjugate") {
  for (const std::string name : {"squared", "logistic", "huber"}) {
    const auto base = test::random_loss(name, 8, 5);
    const auto loss = profiled(test::random_loss(name, 8, 5));
    const Vector f = test::gaussian(8, 1, 6);
    const Vector ones = Vector::Ones(8);
    const double least = loss->value(f);
    CHECK(loss->value(f + 3.0 * ones) == doctest::Approx(least).epsilon(1e-12));
    for (double shift = -3.0; shift <= 3.0; shift += 0.01) {
      CHECK(base->value(f + shift * ones) >= least * (1.0 - 1e-12));
    }
    const Vector v = loss->gradient(f);
    CHECK(std::abs(v.sum()) <= 1e-12 * v.lpNorm<1>());
    CHECK(loss->dual_value(v) == doctest::Approx(least - f.dot(v)).epsilon(1e-10));
    CHECK(loss->dual_value(v + 1e-3 * ones) == -std::numeric_limits<double>::infinity());
    const Vector step = test::gaussian(8, 1, 7);
    const double h = 1e-6;
    const Vector change = (loss->gradient(f + h * step) - loss->gradient(f - h * step)) / (2 * h);
    const Hessian hessian = loss->hessian(f);
    CHECK((hessian.apply(step) - change).norm() <= 1e-5 * (1.0 + change.norm()));
    Matrix scaled = step;
    scale_by_root(hessian, scaled);
    CHECK(scaled.squaredNorm() == doctest::Approx(step.dot(hessian.apply(step))).epsilon(1e-10));
  }
}

TEST_CASE("loss: the least over a constant for each of several targets") {
  const Index n = 9;
  const Matrix y = test::targets_for("multinomial", n, 3);
  for (const std::string name : {"squared", "multinomial"}) {
    const auto loss = profiled(make_loss(name, y, test::lasso_weights(n, 4)));
    const Vector f = test::gaussian(3 * n, 1, 6);
    Vector moved = f;
    for (Index t = 0; t < 3; ++t) moved.segment(t * n, n).array() += static_cast<double>(t) - 1.7;
    const double least = loss->value(f);
    CHECK(loss->value(moved) == doctest::Approx(least).epsilon(1e-12));
    const Vector v = loss->gradient(f);
    CHECK(v.reshaped(n, 3).colwise().sum().norm() <= 1e-12 * v.lpNorm<1>());
    CHECK(loss->dual_value(v) == doctest::Approx(least - f.dot(v)).epsilon(1e-10));
    const Vector step = test::gaussian(3 * n, 1, 7);
    const double h = 1e-6;
    const Vector change = (loss->gradient(f + h * step) - loss->gradient(f - h * step)) / (2 * h);
    CHECK((loss->hessian(f).apply(step) - change).norm() <= 1e-5 * (1.0 + change.norm()));
  }
}

TEST_CASE("loss: products of columns of several targets in its metric") {
  for (const std::string name : {"squared", "multinomial", "free squared", "free multinomial"}) {
    const Index n = 9;
    const Matrix y = test::targets_for("multinomial", n, 3);
    const bool free = name.substr(0, 5) == "free ";
    auto loss = make_loss(free ? name.substr(5) : name, y, test::lasso_weights(n, 4));
    if (free) loss = profiled(std::move(loss));
    const Hessian H = loss->hessian(test::gaussian(loss->size(), 1, 5));
    const OutputColumns A{test::gaussian(n, 6, 6), {0, 3, 3, 6}};
    Matrix full = Matrix::Zero(loss->size(), 6);
    for (Index t = 0; t < 3; ++t) {
      full.block(t * n, A.starts[t], n, A.starts[t + 1] - A.starts[t]) = A.of(t);
    }
    Matrix product(6, 6);
    for (Index j = 0; j < 6; ++j) {
      const Vector moved = H.apply(full.col(j));
      product.col(j) = full.transpose() * moved;
      CHECK((apply_transposed(A, moved) - product.col(j)).norm() <= 1e-14);
    }
    const Matrix gram = lower_gram(A, H, {});
    CHECK(Matrix((gram - product).triangularView<Eigen::Lower>()).norm() <= 1e-13);
  }
}

TEST_CASE("loss: smooth losses below those with kinks") {
  for (const std::string name : {"absolute", "hinge"}) {
    Vector y = test::gaussian(8, 1, 1);
    if (name == "hinge") y = y.array().sign();
    const Vector weights = Vector::Ones(8) + test::gaussian(8, 1, 2).cwiseAbs();
    const auto loss = make_loss(name, y, weights);
    CHECK_FALSE(loss->smooth());
    const Vector f = test::gaussian(8, 1, 3);
    const Vector v = 0.5 * loss->gradient(f);
    CHECK(loss->dual_value(v) > -std::numeric_limits<double>::infinity());
    CHECK(loss->dual_value(-20.0 * v) == -std::numeric_limits<double>::infinity());
    for (const double width : {1e-1, 1e-6}) {
      const auto smooth = loss->smoothed(v, width);
      CHECK(smooth->value(f) <= loss->value(f));
      CHECK(smooth->value(f) >= loss->value(f) - 2.0 * width * weights.sum());
      const Vector gradient = smooth->gradient(f);
      CHECK(smooth->dual_value(gradient) ==
            doctest::Approx(smooth->value(f) - f.dot(gradient)).epsilon(1e-10));
      CHECK(smooth->dual_value(gradient) <= loss->dual_value(gradient) + 1e-12);
      CHECK(smooth->value(100.0 * f) >= smooth->infimum());
    }
    // the centre is where nothing is lost
    CHECK(loss->smoothed(v, 0.3)->dual_value(v) == doctest::Approx(loss->dual_value(v)));
  }
  CHECK_THROWS_AS(SquaredLoss(Vector::Ones(1), Vector::Ones(1)).smoothed(Vector::Ones(1), 1.0),
                  std::logic_error);
}

TEST_CASE("loss: no scale of the dual vector is better than the best") {
  for (const std::string name : {"squared", "logistic"}) {
    const auto loss = test::random_loss(name, 6, 5);
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const Vector v = loss->gradient(3.0 * test::gaussian(6, 1, seed));
      for (const double limit : {1e-3, 0.5, 1.0, 4.0}) {
        const double scale = loss->best_scale(v, limit);
        REQUIRE(scale >= 0.0);
        REQUIRE(scale <= limit);
        const double best = loss->dual_value(scale * v);
        for (int i = 0; i <= 200; ++i) {
          CHECK(loss->dual_value(limit * i / 200.0 * v) <= best + 1e-13 * std::abs(best));
        }
      }
    }
    CHECK(loss->best_scale(Vector::Zero(6), 1.0) == 0.0);
  }
}

TEST_CASE("loss: those of several targets and of the group lasso") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const std::string name : {"squared", "multinomial", "poisson", "huber", "squared_hinge"}) {
    CAPTURE(name);
    const Index n = 8;
    const auto loss =
        make_loss(name, test::targets_for(name, n, 3), test::lasso_weights(n, 4), 0.6);
    const Index size = loss->size();
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const Vector f = 1.5 * test::gaussian(size, 1, seed);
      const Vector v = loss->gradient(f);
      const Vector step = 1e-5 * test::gaussian(size, 1, seed + 30).col(0);
      const double slope = loss->value(f + step) - loss->value(f - step);
      CHECK(slope == doctest::Approx(2.0 * v.dot(step)).epsilon(1e-6));
      const Vector bend = loss->gradient(f + step) - loss->gradient(f - step);
      CHECK((bend - 2.0 * loss->hessian(f).apply(step)).norm() <= 1e-5 * step.norm());
      CHECK(loss->dual_value(v) == doctest::Approx(loss->value(f) - f.dot(v)).epsilon(1e-10));
      CHECK(loss->value(f) >= loss->infimum() - 1e-14);
      CHECK(loss->dual_value(Vector::Zero(size)) ==
            doctest::Approx(loss->infimum()).epsilon(1e-14));
      const Vector other = f + test::gaussian(size, 1, seed + 60).col(0);
      CHECK(loss->dual_value(v) <= loss->value(other) - other.dot(v) + 1e-14);
      if (!loss->bounded_curvature()) continue;
      const Vector e = other - f;  // the model of the majorant lies above the loss
      const double model = loss->value(f) + v.dot(e) + 0.5 * e.cwiseAbs2().dot(loss->majorant(f));
      CHECK(loss->value(other) <= model + 1e-14);
    }
    const Vector outside = Vector::Unit(size, 0) * (name == "squared_hinge" ? 0.0 : -9.0);
    if (name != "squared" && name != "squared_hinge") {
      CHECK(loss->dual_value(outside) == -kInfinity);
    }
  }
}

}  // namespace
}  // namespace cvxnn
