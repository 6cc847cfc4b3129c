// Splits off a factor 1 + m s of the Whitney polynomial where a subspace allows it.
#pragma once

#include <optional>
#include <vector>

#include "vectors.hpp"

namespace cvxnn::count {

// The vectors with first coordinate zero, if they span that subspace and it is modular: the line
// through any two of the m others meets it in one of them. Then W(A) = (1 + m s) W(subspace)
// (Stanley 1971). Braid arrangements fall apart so.
template <class Field>
std::optional<Vectors<Field>> modular_subspace(Field& field, const Vectors<Field>& points) {
  using Element = typename Field::Element;
  const int width = field.width();
  const int dimension = points.dimension - 1;
  Index n_inside = 0;
  while (n_inside < points.n && points.lead[n_inside] > 0) ++n_inside;
  if (n_inside == 0) return std::nullopt;
  Vectors<Field> inside;
  inside.reset(dimension, width, n_inside);
  KeySet<Element> known;
  known.clear(n_inside, inside.stride());
  for (Index j = 0; j < n_inside; ++j) {
    std::copy_n(points.row(j) + width, inside.stride(), inside.row(j));
    inside.lead[j] = points.lead[j] - 1;
    known.insert(inside.row(j));
  }
  std::vector<Element> difference(static_cast<std::size_t>(inside.stride())), scratch;
  std::vector<int> lead(1);
  for (Index i = n_inside; i < points.n; ++i) {
    for (Index j = n_inside; j < i; ++j) {
      for (int k = 0; k < dimension; ++k) {
        field.subtract(difference.data() + k * width, points.row(i) + (k + 1) * width,
                       points.row(j) + (k + 1) * width);
      }
      lead[0] = find_lead(field, difference.data(), dimension);
      normalise(field, difference.data(), lead, 1, dimension, scratch);
      if (known.insert(difference.data())) return std::nullopt;
    }
  }
  return inside;
}

}  // namespace cvxnn::count
