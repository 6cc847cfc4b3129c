// Scalar, vector and matrix types shared by the whole core.
#pragma once

#include <Eigen/Core>

namespace cvxnn {

using Index = Eigen::Index;
using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;  // column-major: d is small and n long, so columns are streamed
using ConstMatrixRef = Eigen::Ref<const Matrix>;
using ConstVectorRef = Eigen::Ref<const Vector>;

// Of a product's arithmetic; inputs and results are float64 all the same. float32 takes half the
// time and serves where its rounding is bounded or does no harm.
enum class Precision { float32, float64 };

}  // namespace cvxnn
