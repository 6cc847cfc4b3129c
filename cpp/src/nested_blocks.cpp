#include "nested_blocks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cvxnn {

Masks::Masks(const NestedCells& cells, Index cell, Index n) {
  gates.resize(n, cells.parts);
  sides.resize(n, cells.parts);
  for (Index j = 0; j < cells.parts; ++j) {
    const Word* pattern = cells.first.pattern(cells.members[cell * cells.parts + j]);
    const double sign = cells.signs[cell * cells.parts + j];
    for (Index k = 0; k < n; ++k) {
      const bool active = get_bit(pattern, k);
      gates(k, j) = active ? sign : 0.0;
      sides(k, j) = active ? 1.0 : -1.0;
    }
  }
  on.resize(n);
  coupled.resize(n);
  for (Index k = 0; k < n; ++k) {
    on(k) = get_bit(cells.second.pattern(cell), k) ? 1.0 : 0.0;
    const double side = 2.0 * on(k) - 1.0;
    // sums of terms of one sign are on its side; no terms are zero
    const bool decided = (side * gates.row(k).array() >= 0.0).all();
    coupled(k) = decided ? 0.0 : side;
  }
}

NestedBlocks::NestedBlocks(const NestedProgram& program, const Matrix& interiors)
    : program_(program), rows_(unit_rows(*program.X)), interiors_(interiors) {}

double NestedBlocks::cost() const {
  return static_cast<double>(program_.X->size() * program_.cells->parts);
}

Vector NestedBlocks::interior(Index b) const { return interiors_.row(cell(b)).transpose(); }

Vector NestedBlocks::constrains(Index b) const {
  const Masks masks = masks_of(b);
  const Vector used = (rows_.rowwise().squaredNorm().array() > 0.0).cast<double>();
  const Index n = n_samples();
  Vector all(n * (program_.cells->parts + 1));
  all.head(n * program_.cells->parts) = used.replicate(program_.cells->parts, 1);
  all.tail(n) = used.cwiseProduct(masks.coupled.cwiseAbs());
  return all;
}

Vector NestedBlocks::slacks(Index b, const Vector& u) const {
  const Masks masks = masks_of(b);
  const Matrix products = rows_ * by_part(u);
  Vector all(products.size() + n_samples());
  all.head(products.size()) = masks.sides.cwiseProduct(products).reshaped();
  all.tail(n_samples()) =
      masks.coupled.cwiseProduct(masks.gates.cwiseProduct(products).rowwise().sum());
  return all;
}

Vector NestedBlocks::pull(Index b, const Vector& z) const {
  const Masks masks = masks_of(b);
  const Index n = n_samples();
  const Vector coupled = masks.coupled.cwiseProduct(z.tail(n));
  const Matrix own =
      masks.sides.cwiseProduct(z.head(masks.sides.size()).reshaped(n, masks.sides.cols()));
  const Matrix pulled = rows_.transpose() * (own + coupled.asDiagonal() * masks.gates);
  return pulled.reshaped();
}

Matrix NestedBlocks::curvature(Index b, const Vector& weights) const {
  const Masks masks = masks_of(b);
  const Index n = n_samples();
  const Index d = rows_.cols();
  const Index parts = masks.gates.cols();
  const Vector shared = weights.tail(n).cwiseProduct(masks.coupled.cwiseAbs());
  Matrix sum(width(), width());
  for (Index i = 0; i < parts; ++i) {
    for (Index j = 0; j <= i; ++j) {
      Vector h = shared.cwiseProduct(masks.gates.col(i)).cwiseProduct(masks.gates.col(j));
      if (i == j) h += weights.segment(i * n, n);
      sum.block(i * d, j * d, d, d) = rows_.transpose() * (h.asDiagonal() * rows_);
      if (i != j) sum.block(j * d, i * d, d, d) = sum.block(i * d, j * d, d, d).transpose();
    }
  }
  return sum;
}

void NestedBlocks::add_outputs(Index b, const Vector& u, Vector& f) const {
  const Masks masks = masks_of(b);
  const Vector g = masks.gates.cwiseProduct(*program_.X * by_part(u)).rowwise().sum();
  f.segment(target_of(b) * n_samples(), n_samples()) += sign(b) * masks.on.cwiseProduct(g);
}

Vector NestedBlocks::gradient(Index b, const Vector& v) const {
  const Masks masks = masks_of(b);
  const auto part = v.segment(target_of(b) * n_samples(), n_samples());
  const Vector seen = sign(b) * masks.on.cwiseProduct(part);
  const Matrix pulled = program_.X->transpose() * (seen.asDiagonal() * masks.gates);
  return pulled.reshaped();
}

Matrix NestedBlocks::columns(Index b) const {
  const Masks masks = masks_of(b);
  const Index d = rows_.cols();
  Matrix all(n_samples(), width());
  for (Index j = 0; j < masks.gates.cols(); ++j) {
    const Vector gate = sign(b) * masks.on.cwiseProduct(masks.gates.col(j));
    all.middleCols(j * d, d) = gate.asDiagonal() * *program_.X;
  }
  return all;
}

Matrix NestedBlocks::cone_of_cell(Index cell) const {
  const Masks masks(*program_.cells, cell, n_samples());
  const Index d = rows_.cols();
  const Index n = rows_.rows();
  const Index parts = masks.gates.cols();
  std::vector<Index> coupled;
  for (Index k = 0; k < n; ++k) {
    if (masks.coupled(k) != 0.0) coupled.push_back(k);
  }
  Matrix all = Matrix::Zero(n * parts + static_cast<Index>(coupled.size()), d * parts);
  for (Index j = 0; j < parts; ++j) {
    all.block(j * n, j * d, n, d) = masks.sides.col(j).asDiagonal() * rows_;
  }
  for (std::size_t i = 0; i < coupled.size(); ++i) {
    const Index k = coupled[i];
    for (Index j = 0; j < parts; ++j) {
      all.block(n * parts + static_cast<Index>(i), j * d, 1, d) =
          masks.coupled(k) * masks.gates(k, j) * rows_.row(k);
    }
  }
  return unit_rows(all);
}

double NestedBlocks::gradient_error(const Vector& v) const {
  const double terms = static_cast<double>(program_.X->rows() + 8);
  const Vector lengths = program_.X->rowwise().norm();
  double largest = 0.0;
  for (Index t = 0; t < program_.n_targets; ++t) {
    const auto part = v.segment(t * program_.X->rows(), program_.X->rows());
    largest = std::max(largest, part.cwiseAbs().dot(lengths));
  }
  return terms * std::numeric_limits<double>::epsilon() * largest *
         std::sqrt(static_cast<double>(program_.cells->parts));
}

}  // namespace cvxnn
