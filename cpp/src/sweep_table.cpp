#include "sweep_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cvxnn {
namespace {

constexpr double kRounding = std::numeric_limits<double>::epsilon();  // two roundings of a term

// What one elimination step does to the bounds. With f = e_i / pivot and rows x_i - f x_p:
// |df| <= (E + |f| E) / (|pivot| - E) + rounding, and |x_p| <= |pivot| `widest`.
struct Step {
  double factor;        // largest |f|, and its own error
  double factor_error;  // bound on its error
};

Step step_of(const SweepTable& table, double pivot, double largest_entry) {
  const double sure = std::max(std::abs(pivot) - table.error, 0.0);  // bounds may be infinite
  const double largest = 1.01 * largest_entry / std::abs(pivot);
  Step step;
  step.factor_error = (1.0 + largest) * table.error / sure + 2.0 * kRounding * largest;
  step.factor = largest + step.factor_error;
  return step;
}

double largest_of(const std::vector<double>& column, Index n) {
  double largest = 0.0;
#pragma omp simd reduction(max : largest)
  for (Index i = 0; i < n; ++i) {
    const double size = std::abs(column[i]);
    largest = largest < size ? size : largest;
  }
  return largest;
}

// In whole octets, which the compiler turns into one vector operation each.
inline void eliminate(const double* from, const double* factor, double pivot_value, Index begin,
                      Index end, double* to) {
  for (Index i = begin; i < end; i += 8) {
#pragma omp simd
    for (Index k = i; k < i + 8; ++k) to[k] = from[k] - factor[k] * pivot_value;
  }
}

// Bound on the error of x_i - f x_p where |x_p| <= `widest`.
double eliminated_error(const SweepTable& table, const Step& step, double widest) {
  const double term = step.factor * widest;
  return 1.01 * (table.error + step.factor_error * (widest + table.error) +
                 step.factor * table.error + kRounding * (table.size + 2.0 * term));
}

}  // namespace

Index pivot_column(const SweepTable& table, Index row) {
  Index best = 0;
  for (Index j = 1; j < table.n_left; ++j) {
    if (std::abs(table.left[j][row]) > std::abs(table.left[best][row])) best = j;
  }
  return std::abs(table.left[best][row]) > 4.0 * table.error ? best : -1;
}

void choose_row(SweepTable& table, Index row, Index column, Index from, SweepTable& out) {
  const double* entries = table.left[column].data();
  const double pivot = entries[row];
  const double inverse = 1.0 / pivot;
  const Index end = table.stride;
  out.n = table.n;
  out.stride = end;
  out.n_left = table.n_left - 1;
  out.n_chosen = table.n_chosen + 1;

  if (table.largest[column] < 0.0) table.largest[column] = largest_of(table.left[column], end);
  out.largest.fill(-1.0);

  double* factor = out.chosen[table.n_chosen].data();
  for (Index i = 0; i < end; i += 8) {
#pragma omp simd
    for (Index k = i; k < i + 8; ++k) factor[k] = entries[k] * inverse;
  }
  double widest = std::abs(table.alpha[row]);
  eliminate(table.alpha.data(), factor, table.alpha[row], 0, end, out.alpha.data());
  Index place = 0;
  for (Index j = 0; j < table.n_left; ++j) {
    if (j == column) continue;
    const double value = table.left[j][row];
    widest = std::max(widest, std::abs(value));
    eliminate(table.left[j].data(), factor, value, 0, end, out.left[place++].data());
  }
  double chosen_widest = 0.0;
  const Index first = from & ~Index{7};
  for (Index h = 0; h < table.n_chosen; ++h) {
    const double value = table.chosen[h][row];
    chosen_widest = std::max(chosen_widest, std::abs(value));
    eliminate(table.chosen[h].data(), factor, value, first, end, out.chosen[h].data());
  }

  const Step step = step_of(table, pivot, table.largest[column]);
  out.error = eliminated_error(table, step, widest);
  out.size = table.size + step.factor * widest;
  const double mu_error = table.chosen_error +
                          step.factor_error * (chosen_widest + table.chosen_error) +
                          step.factor * table.chosen_error +
                          kRounding * (table.chosen_size + 2.0 * step.factor * chosen_widest);
  out.chosen_error = std::max(1.01 * mu_error, step.factor_error);
  out.chosen_size = std::max(table.chosen_size + step.factor * chosen_widest, step.factor);
}

void choose_chart(const SweepTable& table, Index row, double sign, SweepTable& out) {
  Index column = 0;
  for (Index j = 1; j < table.n_left; ++j) {
    if (std::abs(table.left[j][row]) > std::abs(table.left[column][row])) column = j;
  }
  const double pivot = table.left[column][row];
  const Index end = table.stride;
  out.n = table.n;
  out.stride = end;
  out.n_left = table.n_left - 1;
  out.n_chosen = 0;
  out.largest.fill(-1.0);
  std::vector<double> factor(static_cast<std::size_t>(end));
  for (Index i = 0; i < end; ++i) {
    factor[i] = table.left[column][i] / pivot;
    out.alpha[i] = sign * factor[i];
  }
  double widest = 0.0;
  Index place = 0;
  for (Index j = 0; j < table.n_left; ++j) {
    if (j == column) continue;
    const double value = table.left[j][row];
    widest = std::max(widest, std::abs(value));
    eliminate(table.left[j].data(), factor.data(), value, 0, end, out.left[place++].data());
  }
  const Step step = step_of(table, pivot, largest_of(table.left[column], end));
  out.error = std::max(eliminated_error(table, step, widest), step.factor_error);
  out.size = std::max(table.size + step.factor * widest, step.factor);
  out.chosen_error = 0.0;
  out.chosen_size = 0.0;
}

}  // namespace cvxnn
