// Samples of several rows each: the patches of a signal or an image that a filter sees. What a
// neuron puts out for a sample is the sum over its rows, which stand one below the other.
#pragma once

#include "cvxnn/types.hpp"

namespace cvxnn {

// Sums over the rows of each sample, column by column.
template <class Values>
Matrix pooled(const Eigen::MatrixBase<Values>& values, Index patches) {
  if (patches == 1) return values;
  const Matrix rows = values;
  const Eigen::Map<const Matrix> samples(rows.data(), patches, rows.size() / patches);
  return samples.colwise().sum().reshaped(rows.rows() / patches, rows.cols());
}

// One number for each sample, given to each of its rows: the transpose of `pooled`.
template <class Values>
Vector spread(const Eigen::MatrixBase<Values>& values, Index patches) {
  if (patches == 1) return values;
  return values.transpose().replicate(patches, 1).reshaped();
}

}  // namespace cvxnn
