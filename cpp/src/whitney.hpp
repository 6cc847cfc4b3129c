// Whitney numbers of the vectors of an arrangement over a field, by deletion and restriction.
//
// With w_k the absolute coefficients of the characteristic polynomial, W = sum w_k s^k obeys
// W(A) = 1 + s sum_i W(A_i), where A_i are the hyperplanes before the i-th as seen inside it. If A
// is not empty then W = (1 + s) V, and V(A) = 1 + s sum_{i >= 2} V(A_i). This V is what is computed
// here; in three dimensions it follows from the number of different points on each line.
#pragma once

#include <algorithm>
#include <vector>

#include "count_lines.hpp"
#include "direct_sum.hpp"
#include "polynomial.hpp"
#include "vectors.hpp"

namespace cvxnn::count {

template <class Field>
class Whitney {
 public:
  using Points = Vectors<Field>;

  // If `uniform`, may throw NotUniform.
  Whitney(const Field& field, int dimension, Watch& watch, bool uniform)
      : field_(field),
        watch_(watch),
        restriction_(uniform),
        lines_(field_, watch, uniform),
        levels_(static_cast<std::size_t>(dimension)) {}

  Whitney(const Whitney&) = delete;

  // V of distinct vectors.
  Polynomial reduced(const Points& points) {
    if (points.n == 1) return {1};
    if (points.n == 2) return {1, 1};
    if (points.dimension <= 4) return small(points);
    watch_.check();
    Polynomial product{1};
    bool first = true;
    for (const Points& part : connected_parts(points)) {
      product = multiply(product, connected(part));
      if (!first) product = multiply(product, {1, 1});
      first = false;
    }
    return product;
  }

  // V of vectors that are no direct sum.
  Polynomial connected(const Points& points) {
    if (points.n == points.dimension + 1) return uniform(points.n, points.dimension);
    if (points.dimension <= 4) return small(points);
    Polynomial sum{1};
    for (Index i = 1; i < points.n; ++i) add_shifted(sum, inside(points, i));
    return sum;
  }

  // V of the vectors before the i-th as seen inside it.
  Polynomial inside(const Points& points, Index i) { return reduced(restrict_to(points, i)); }

  // The sum over lines [begin, end) that the third coefficient is of.
  std::uint64_t lines(const Points& points, Index begin, Index end) {
    return lines_.sum(points, begin, end);
  }

  // The direct summands of a set of vectors, each in coordinates of its own.
  std::vector<Points> connected_parts(const Points& points) {
    return cvxnn::count::connected_parts(field_, points);
  }

 private:
  const Points& restrict_to(const Points& points, Index i) {
    const int dimension = points.dimension - 1 - points.lead[i];
    restriction_(field_, points, i, levels_[dimension]);
    return levels_[dimension];
  }

  Polynomial small(const Points& points) {
    if (points.dimension == 4) return solid(points);
    const auto n = static_cast<std::uint64_t>(points.n);
    Polynomial result{1};
    if (points.dimension >= 2) result.push_back(n - 1);
    if (points.dimension >= 3) result.push_back(n > 2 ? lines(points, 0, points.n) : 0);
    return result;
  }

  Polynomial solid(const Points& points) {
    watch_.check();
    const std::optional<SolidSums> known = lines_.solid(points);
    const SolidSums sums = known ? *known : restricted_sums(points);
    return {1, points.n - 1, sums.pairs, sums.lines};
  }

  SolidSums restricted_sums(const Points& points) {
    SolidSums sums;
    for (Index i = 1; i < points.n; ++i) {
      const Points& plane = restrict_to(points, i);
      sums.pairs += static_cast<std::uint64_t>(plane.n - 1);
      if (plane.dimension == 3 && plane.n > 2) sums.lines += lines(plane, 0, plane.n);
    }
    return sums;
  }

  Field field_;
  Watch& watch_;
  Restriction<Field> restriction_;
  LineSums<Field> lines_;
  std::vector<Points> levels_;  // by dimension, the restriction now looked at
};

}  // namespace cvxnn::count
