// Exact integer linear algebra on the rows of a matrix of doubles.
//
// Finite doubles are dyadic rationals, so every row times a suitable power of two is a row of
// integers with the same direction: cells, ranks and signs decided on those integers are exact for
// the numbers given.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <vector>

#include "cvxnn/types.hpp"

namespace cvxnn::exact {

using Integer = boost::multiprecision::cpp_int;
using Row = std::vector<Integer>;
using Rows = std::vector<Row>;

// `values` times a power of two that makes every entry an integer.
Row integer_row(const double* values, Index size, Index stride);

Rows integer_rows(const ConstMatrixRef& X);

bool is_zero(const Row& row);

// Divides by the greatest common divisor; the zero row stays.
void make_primitive(Row& row);

// Makes the row primitive with a positive first non-zero entry, so that parallel rows become equal.
// Returns whether the sign was turned. The row must not be zero.
bool make_direction(Row& row);

// Sign of a . b for finite doubles, decided exactly.
int sign_dot(const double* a, Index stride_a, const double* b, Index stride_b, Index size);

// Digits of |value| in base two.
Index bit_length(const Integer& value);

// value / 2^exponent with a relative error of at most 2^-52, below 2^-900 zero.
double scaled_double(const Integer& value, Index exponent);

// Indices of linearly independent columns spanning the column space; their number is the rank.
// Dropping the other columns changes no cell.
std::vector<Index> independent_columns(const Rows& rows);

// A basis of {u : row . u = 0 for every row}, as primitive integer vectors.
Rows kernel(const Rows& rows, Index n_columns);

// a / b with a relative error of at most 2^-50; infinite or zero where doubles end. b must not be
// 0.
double ratio(const Integer& a, const Integer& b);

Integer dot(const Row& a, const Row& b);

// Indices of the lexicographically first rows that are independent, at most `cap` of them.
std::vector<Index> first_basis(const Rows& rows, Index cap);

Rows select_columns(const Rows& rows, const std::vector<Index>& columns);

}  // namespace cvxnn::exact
