#include "line_sweep.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "row_compare.hpp"

namespace cvxnn {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRounding = std::numeric_limits<double>::epsilon();

}  // namespace

LineSweep::LineSweep(Index n, Index infinity, bool exact)
    : n_(n),
      n_padded_((n + kOctet - 1) / kOctet * kOctet),
      n_words_(words_for(n)),
      infinity_(infinity),
      exact_(exact),
      lo_(static_cast<std::size_t>(n_padded_)),
      hi_(lo_.size()),
      zeros_(lo_.size(), 0.0),
      nowhere_(lo_.size(), kInfinity),
      falling_(static_cast<std::size_t>(n_words_)),
      unused_(falling_.size(), 0),
      fixed_(falling_.size()),
      signs_(falling_.size(), std::vector<Word>(lo_.size(), 0)),
      no_bits_(lo_.size(), 0),
      added_(falling_.size(), no_bits_.data()) {
  if (n % 64 != 0) unused_.back() = ~Word{0} << (n % 64);
  set_bit(unused_.data(), infinity);
  nowhere_[infinity] = -kInfinity;
}

// Field by field: a whole coefficient would wait for the stores of its parts.
void LineSweep::add_coefficient(const double* mu, double at, double nu, Index row) {
  Coefficient& next = coefficients_[n_coefficients_++];
  next.mu = mu;
  next.at = at;
  next.nu = nu;
  next.word = row >> 6;
  next.bit = Word{1} << (row & 63);
}

bool LineSweep::prepare(const SweepTable& plane, const std::vector<Index>& chosen, Step& step) {
  const Index c = n_;  // where a table has the sweep direction
  n_coefficients_ = 0;
  step.alpha = plane.alpha;
  if (chosen.empty()) {
    step.column = zeros_.data();
    step.inverse_pivot = step.alpha_at = step.beta_at = 0.0;
    step.beta = plane.left[0];
    step.slope = step.beta[c];
    step.bounds = {plane.bounds, {0.0, 0.0, 0.0, 0.0}};
    step.direction_bounds = plane.bounds;
    return true;
  }
  const Index row = chosen.back();
  // chosen without a branch, which nobody could predict
  const Index column = std::abs(plane.left[1][row]) > std::abs(plane.left[0][row]) ? 1 : 0;
  if (!(std::abs(plane.left[column][row]) > 4.0 * plane.bounds.error)) return false;
  step.column = plane.left[column];
  step.beta = plane.left[1 - column];
  step.inverse_pivot = 1.0 / step.column[row];
  step.alpha_at = step.alpha[row];
  step.beta_at = step.beta[row];
  const double factor = step.column[c] * step.inverse_pivot;
  step.slope = step.beta[c] - factor * step.beta_at;
  if (exact_) {
    step.bounds = bounds_after(plane, row, column);
    step.direction_bounds = at(step.bounds, factor);
  }
  for (Index h = 0; h < plane.n_chosen; ++h) {
    const double* mu = plane.chosen[h];
    add_coefficient(mu, mu[row], mu[c] - factor * mu[row], chosen[h]);
  }
  add_coefficient(zeros_.data(), -1.0, factor, row);
  return true;
}

bool LineSweep::move(const SweepTable& plane, const std::vector<Index>& chosen, Index first) {
  Step step;
  if (!prepare(plane, chosen, step)) return false;
  if (!(std::abs(step.slope) > (exact_ ? step.direction_bounds.error : 0.0))) return false;
  rising_ = step.slope > 0.0;
  first_ = first;
  fix(chosen);
  touch_words();
  return exact_ ? measure<true>(step) : measure<false>(step);
}

void LineSweep::fix(const std::vector<Index>& chosen) {
  if (n_words_ == 1) {  // in a register: each store would wait for the last
    Word fixed = unused_[0];
    for (const Index row : chosen) fixed |= Word{1} << row;
    fixed_[0] = fixed;
    return;
  }
  std::copy(unused_.begin(), unused_.end(), fixed_.begin());
  for (const Index row : chosen) set_bit(fixed_.data(), row);
}

void LineSweep::touch_words() {
  if (n_words_ == 1) {
    touched_.resize(n_coefficients_ > 0 ? 1 : 0);
    added_[0] = n_coefficients_ > 0 ? signs_[0].data() : no_bits_.data();
    return;
  }
  const auto by_word = [](const Coefficient& a, const Coefficient& b) { return a.word < b.word; };
  const auto end = coefficients_.begin() + n_coefficients_;
  if (!std::is_sorted(coefficients_.begin(), end, by_word)) {
    std::sort(coefficients_.begin(), end, by_word);
  }
  for (const Index word : touched_) added_[word] = no_bits_.data();
  touched_.clear();
  for (Index h = 0; h < n_coefficients_; ++h) {
    const Index word = coefficients_[h].word;
    if (!touched_.empty() && touched_.back() == word) continue;
    touched_.push_back(word);
    added_[word] = signs_[word].data();
  }
}

// Row i is alpha + beta t on the line, with beta and alpha off by at most E, so it crosses at
// t = -alpha / beta up to E (1 + |t|) / (|beta| - E) and rounding. Above its crossing the sweep
// direction is c = sum of lambda_h x_h over the rows of the vertex, and x_h has the sign of
// lambda_h: lambda_i = slope / beta, and lambda_h = nu_h - lambda_i mu_h(i).
template <bool kExact>
bool LineSweep::measure(const Step& step) {
  const SweepBounds& own = step.direction_bounds;
  const Octet zero(0.0), one(1.0), roundings(4.0 * kRounding);
  const Octet inverse_pivot(step.inverse_pivot);
  const Octet alpha_at(step.alpha_at);
  const Octet beta_at(step.beta_at);
  const Octet slope(step.slope);
  const Octet slack_at(own.chosen_error + 4.0 * kRounding * own.chosen_size);
  const Coefficient* end = coefficients_.data() + n_coefficients_;
  bool sure = true;
  for (Index i = 0; i < n_padded_; i += kOctet) {
    const Octet f = Octet(step.column + i) * inverse_pivot;
    const Octet alpha = Octet(step.alpha + i) - f * alpha_at;
    const Octet beta = Octet(step.beta + i) - f * beta_at;
    const Octet inverse = one / beta;
    const auto fixed = static_cast<unsigned>(fixed_[i >> 6] >> (i & 63) & 255);
    // whole octets at once: single stores would delay the loads of `compare`
    const Octet t = blend(zero - alpha * inverse, Octet(nowhere_.data() + i), fixed);
    const auto bound = [&](double SweepBounds::* what) {
      return Octet(step.bounds.at.*what) + abs(f) * Octet(step.bounds.by.*what);
    };
    Octet relative;  // bound on |d beta / beta|
    if constexpr (kExact) {
      relative =
          Octet(1.01) * bound(&SweepBounds::error) * abs(inverse);  // below 1 / 1000, or else
      const Octet width = blend(relative * (one + abs(t)) + roundings * abs(t), zero, fixed);
      (t - width).store(lo_.data() + i);
      (t + width).store(hi_.data() + i);
      sure &= ((relative < Octet(1e-3)) | fixed) == 255;
    } else {
      t.store(lo_.data() + i);
      t.store(hi_.data() + i);
    }
    put_octet(falling_.data(), i, (beta < zero) & ~fixed);
    if (i + kOctet <= first_) continue;

    const Octet lambda = slope * inverse;
    Octet slack, margin(1.0);
    if constexpr (kExact) {
      const Octet lambda_error =
          Octet(1.01 * own.error) * abs(inverse) + (relative + roundings) * abs(lambda);
      const Octet mu_error = bound(&SweepBounds::chosen_error);
      const Octet mu_size = bound(&SweepBounds::chosen_size) + mu_error;
      slack = slack_at + abs(lambda) * (mu_error + roundings * mu_size) + lambda_error * mu_size;
    }
    const Coefficient* next = coefficients_.data();
    for (const Index word : touched_) {
      WordOctet signs;
      for (; next != end && next->word == word; ++next) {
        const Octet mu = Octet(next->mu + i) - f * Octet(next->at);
        const Octet value = Octet(next->nu) - lambda * mu;
        signs.set_bits(zero < value, next->bit);
        if constexpr (kExact) margin = min(abs(value) - slack, margin);
      }
      signs.store(signs_[word].data() + i);
    }
    if constexpr (kExact) {
      const unsigned early = i < first_ ? (1U << (first_ - i)) - 1 : 0;
      sure &= ((zero < margin) | fixed | early) == 255;
    }
  }
  return sure;
}

bool LineSweep::compare(Word* patterns) const {
  const Crossings line{lo_.data(), hi_.data(),      n_padded_,     first_,
                       n_,         falling_.data(), added_.data(), rising_};
  return exact_ ? compare_crossings<true>(line, patterns, n_words_)
                : compare_crossings<false>(line, patterns, n_words_);
}

bool LineSweep::sort(std::vector<Index>& order) const {
  order.clear();
  for (Index i = 0; i < n_; ++i) {
    if (!get_bit(fixed_.data(), i) && std::isfinite(lo_[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return lo_[a] < lo_[b]; });
  for (std::size_t s = 1; s < order.size() && exact_; ++s) {
    if (!(hi_[order[s - 1]] < lo_[order[s]])) return false;
  }
  return true;
}

void LineSweep::below_all(Word* pattern) const {
  std::copy(falling_.begin(), falling_.end(), pattern);
  set_bit(pattern, infinity_);
}

void LineSweep::add_signs(Index j, Word* pattern) const {
  for (const Index word : touched_) pattern[word] |= signs_[word][j];
  if (rising_) flip_bit(pattern, j);
}

}  // namespace cvxnn
