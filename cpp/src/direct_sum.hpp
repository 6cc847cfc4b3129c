// Splits a set of vectors into direct summands: characteristic polynomials multiply.
#pragma once

#include <numeric>
#include <vector>

#include "vectors.hpp"

namespace cvxnn::count {

// The vectors in a basis chosen among themselves, by elimination of columns.
template <class Field>
struct Coordinates {
  int rank = 0;
  std::vector<int> pivots;  // columns that count, one for each vector of the basis
  Vectors<Field> vectors;   // the other columns hold zeros
};

template <class Field>
Coordinates<Field> coordinates(Field& field, const Vectors<Field>& given) {
  using Element = typename Field::Element;
  Coordinates<Field> result;
  result.vectors = given;
  Vectors<Field>& x = result.vectors;
  const int width = field.width();
  std::vector<char> is_pivot(static_cast<std::size_t>(x.dimension), 0);
  std::vector<Element> factor(static_cast<std::size_t>(width)), product(factor);
  for (Index i = 0; i < x.n && result.rank < x.dimension; ++i) {
    int column = 0;
    while (column < x.dimension && (is_pivot[column] || field.is_zero(x.row(i) + column * width))) {
      ++column;
    }
    if (column == x.dimension) continue;
    is_pivot[column] = 1;
    result.pivots.push_back(column);
    ++result.rank;
    // earlier vectors are zero in this column, so only those from i on change
    std::copy_n(x.row(i) + column * width, width, factor.data());
    field.invert(factor.data(), 1);
    const std::vector<Element> base(x.row(i), x.row(i) + x.stride());
    for (Index j = i; j < x.n; ++j) {
      Element* pivot = x.row(j) + column * width;
      if (field.is_zero(pivot)) continue;
      field.multiply(pivot, pivot, factor.data());
      for (int k = 0; k < x.dimension; ++k) {
        if (k == column || field.is_zero(base.data() + k * width)) continue;
        field.multiply(product.data(), pivot, base.data() + k * width);
        field.subtract(x.row(j) + k * width, x.row(j) + k * width, product.data());
      }
    }
  }
  return result;
}

// For each vector of the basis, the number of its summand: vectors tie together the members of the
// basis that they are combinations of.
template <class Field>
std::vector<int> summands(const Field& field, const Coordinates<Field>& x) {
  std::vector<int> parent(static_cast<std::size_t>(x.rank));
  std::iota(parent.begin(), parent.end(), 0);
  const auto root = [&](int b) {
    while (parent[b] != b) b = parent[b] = parent[parent[b]];
    return b;
  };
  for (Index j = 0; j < x.vectors.n; ++j) {
    int first = -1;
    for (int b = 0; b < x.rank; ++b) {
      if (field.is_zero(x.vectors.row(j) + x.pivots[b] * field.width())) continue;
      if (first < 0) first = root(b);
      parent[root(b)] = first;
    }
  }
  std::vector<int> number(parent.size(), -1);
  int n_summands = 0;
  for (int b = 0; b < x.rank; ++b) {
    int& of_root = number[root(b)];
    if (of_root < 0) of_root = n_summands++;
    number[b] = of_root;
  }
  return number;
}

template <class Field>
std::vector<Index> zeros_by_column(const Field& field, const Vectors<Field>& x) {
  std::vector<Index> zeros(static_cast<std::size_t>(x.dimension), 0);
  for (Index j = 0; j < x.n; ++j) {
    for (int k = 0; k < x.dimension; ++k) zeros[k] += field.is_zero(x.row(j) + k * x.width);
  }
  return zeros;
}

// The summands, each in coordinates of its own. They have full rank. Coordinates that are often
// zero come first: the more vectors share a subspace, the less there is to do.
template <class Field>
std::vector<Vectors<Field>> connected_parts(Field& field, const Vectors<Field>& points) {
  const Coordinates<Field> x = coordinates(field, points);
  const std::vector<int> number = summands(field, x);
  const int width = field.width();
  const int n_parts = number.empty() ? 0 : *std::max_element(number.begin(), number.end()) + 1;
  std::vector<Vectors<Field>> parts(static_cast<std::size_t>(n_parts));
  std::vector<typename Field::Element> values, scratch;
  std::vector<int> lead;
  SortByLead<Field> sort;
  const std::vector<Index> zeros = zeros_by_column(field, x.vectors);
  for (int part = 0; part < n_parts; ++part) {
    std::vector<int> columns;
    for (int b = 0; b < x.rank; ++b) {
      if (number[b] == part) columns.push_back(x.pivots[b]);
    }
    std::stable_sort(columns.begin(), columns.end(),
                     [&](int a, int b) { return zeros[a] > zeros[b]; });
    const int dimension = static_cast<int>(columns.size());
    values.clear();
    lead.clear();
    for (Index j = 0; j < points.n; ++j) {
      const std::size_t start = values.size();
      for (const int column : columns) {
        const auto* entry = x.vectors.row(j) + column * width;
        values.insert(values.end(), entry, entry + width);
      }
      const int found = find_lead(field, values.data() + start, dimension);
      if (found < 0) {
        values.resize(start);
      } else {
        lead.push_back(found);
      }
    }
    const Index n = static_cast<Index>(lead.size());
    normalise(field, values.data(), lead, n, dimension, scratch);
    sort(values.data(), lead, n, dimension, width, parts[part]);
  }
  return parts;
}

}  // namespace cvxnn::count
