#include "sweep_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "octet.hpp"

namespace cvxnn {
namespace {

constexpr double kRounding = std::numeric_limits<double>::epsilon();  // two roundings of a term

inline void eliminate(const double* from, const double* factor, double pivot_value, Index begin,
                      Index end, double* to) {
  const Octet value(pivot_value);
  for (Index i = begin; i < end; i += kOctet) {
    (Octet(from + i) - Octet(factor + i) * value).store(to + i);
  }
}

}  // namespace

void SweepTable::allocate(Index rows, Index left_columns, Index chosen_columns) {
  stride = rows;
  values.assign(static_cast<std::size_t>(rows * (1 + left_columns + chosen_columns)), 0.0);
  alpha = values.data();
  for (Index j = 0; j < left_columns; ++j) left[j] = alpha + rows * (1 + j);
  for (Index h = 0; h < chosen_columns; ++h) chosen[h] = alpha + rows * (1 + left_columns + h);
}

Index pivot_column(const SweepTable& table, Index row) {
  Index best = 0;
  double most = std::abs(table.left[0][row]);
  for (Index j = 1; j < table.n_left; ++j) {  // without branches, which nobody could predict
    const double size = std::abs(table.left[j][row]);
    best = size > most ? j : best;
    most = std::max(size, most);
  }
  return most > 4.0 * table.bounds.error ? best : -1;
}

double largest_left(const SweepTable& table, Index row) {
  double largest = 0.0;
  for (Index j = 0; j < table.n_left; ++j) {
    largest = std::max(largest, std::abs(table.left[j][row]));
  }
  return largest;
}

// With f = e_i / pivot, |df| <= (E + |f| E) / (|pivot| - E) + rounding; with |x_p| <= `widest`,
// x_i - f x_p is off by E + |df| (widest + E) + |f| E and two roundings of a term.
LinearBounds bounds_after(const SweepTable& table, Index row, Index column) {
  double widest = std::abs(table.alpha[row]);
  for (Index j = 0; j < table.n_left; ++j) {
    if (j != column) widest = std::max(widest, std::abs(table.left[j][row]));
  }
  double chosen_widest = 0.0;
  for (Index h = 0; h < table.n_chosen; ++h) {
    chosen_widest = std::max(chosen_widest, std::abs(table.chosen[h][row]));
  }
  const SweepBounds& now = table.bounds;
  const double pivot = std::abs(table.left[column][row]);
  const double factor_error =
      1.01 * now.error / std::max(pivot - now.error, 0.0);  // may be infinite
  const double factor_error_by = factor_error + 2.1 * kRounding;
  LinearBounds next;
  next.at.error = 1.01 * (now.error + factor_error * (widest + now.error) + kRounding * now.size);
  next.by.error =
      1.01 * (factor_error_by * (widest + now.error) + now.error + 2.0 * kRounding * widest);
  next.at.size = now.size;
  next.by.size = 1.01 * widest;
  const double mu_at = now.chosen_error + factor_error * (chosen_widest + now.chosen_error) +
                       kRounding * now.chosen_size;
  const double mu_by = factor_error_by * (chosen_widest + now.chosen_error) + now.chosen_error +
                       2.0 * kRounding * chosen_widest;
  next.at.chosen_error = 1.01 * std::max(mu_at, factor_error);  // the coefficient f is new
  next.by.chosen_error = 1.01 * std::max(mu_by, factor_error_by);
  next.at.chosen_size = now.chosen_size;
  next.by.chosen_size = 1.01 * std::max(chosen_widest, 1.0);
  return next;
}

SweepBounds at(const LinearBounds& bounds, double factor) {
  const double f = std::abs(factor);
  return {bounds.at.error + f * bounds.by.error, bounds.at.size + f * bounds.by.size,
          bounds.at.chosen_error + f * bounds.by.chosen_error,
          bounds.at.chosen_size + f * bounds.by.chosen_size};
}

void choose_row(const SweepTable& table, Index row, Index column, Index from, SweepTable& out) {
  const double* entries = table.left[column];
  const double inverse = 1.0 / entries[row];
  const Index end = table.stride;
  out.n = table.n;
  out.stride = end;
  out.n_left = table.n_left - 1;
  out.n_chosen = table.n_chosen + 1;

  double* factor = out.chosen[table.n_chosen];
  Octet widest(0.0);
  for (Index i = 0; i < end; i += kOctet) {
    const Octet f = Octet(entries + i) * Octet(inverse);
    f.store(factor + i);
    widest = max(widest, abs(f));
  }
  out.bounds = at(bounds_after(table, row, column), largest(widest));
  eliminate(table.alpha, factor, table.alpha[row], 0, end, out.alpha);
  Index place = 0;
  for (Index j = 0; j < table.n_left; ++j) {
    if (j == column) continue;
    eliminate(table.left[j], factor, table.left[j][row], 0, end, out.left[place++]);
  }
  const Index first = from & ~(kOctet - 1);
  for (Index h = 0; h < table.n_chosen; ++h) {
    eliminate(table.chosen[h], factor, table.chosen[h][row], first, end, out.chosen[h]);
  }
}

void choose_chart(const SweepTable& table, Index row, double sign, SweepTable& out) {
  Index column = 0;
  for (Index j = 1; j < table.n_left; ++j) {
    if (std::abs(table.left[j][row]) > std::abs(table.left[column][row])) column = j;
  }
  choose_row(table, row, column, row, out);
  const double* factor = out.chosen[table.n_chosen];
  for (Index i = 0; i < table.stride; ++i) out.alpha[i] = sign * factor[i];
  out.n_chosen = 0;
  out.bounds.error = std::max(out.bounds.error, out.bounds.chosen_error);
  out.bounds.size = std::max(out.bounds.size, out.bounds.chosen_size);
  out.bounds.chosen_error = 0.0;
  out.bounds.chosen_size = 0.0;
}

}  // namespace cvxnn
