// The losses that are made by name only, and what several of them need.
#pragma once

#include <cmath>
#include <memory>

#include "cvxnn/loss.hpp"

namespace cvxnn {

inline double entropy_term(double p) { return p > 0.0 ? p * std::log(p) : 0.0; }

std::unique_ptr<Loss> make_multinomial(const Matrix& y, const Vector& weights);
std::unique_ptr<Loss> make_poisson(const Matrix& y, const Vector& weights);
std::unique_ptr<Loss> make_huber(const Matrix& y, const Vector& weights, double delta);
std::unique_ptr<Loss> make_absolute(const Matrix& y, const Vector& weights);
std::unique_ptr<Loss> make_hinge(const Matrix& y, const Vector& weights);
std::unique_ptr<Loss> make_squared_hinge(const Matrix& y, const Vector& weights);
std::unique_ptr<Loss> make_interpolation(const Matrix& y, const Vector& weights);

}  // namespace cvxnn
