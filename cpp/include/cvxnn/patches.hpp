// Samples of several rows each: the patches of a signal or an image that a filter sees. What a
// neuron puts out for a sample is the sum over its rows, which stand one below the other.
#pragma once

#include "cvxnn/types.hpp"

namespace cvxnn {

// Sums over the rows of each sample, column by column.
inline Matrix pooled(const Matrix& values, Index patches) {
  if (patches == 1) return values;
  const Eigen::Map<const Matrix> samples(values.data(), patches, values.size() / patches);
  return samples.colwise().sum().reshaped(values.rows() / patches, values.cols());
}

// One number for each sample, given to each of its rows: the transpose of `pooled`.
template <class Values>
Vector spread(const Eigen::MatrixBase<Values>& values, Index patches) {
  if (patches == 1) return values;
  Vector rows(values.size() * patches);
  for (Index i = 0; i < values.size(); ++i) {
    rows.segment(i * patches, patches).setConstant(values(i));
  }
  return rows;
}

}  // namespace cvxnn
