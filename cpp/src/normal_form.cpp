#include "normal_form.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace cvxnn {
namespace {

using exact::Integer;
using exact::Row;
using exact::Rows;

Rows homogeneous(const ConstMatrixRef& X, const ConstVectorRef& offset) {
  if (offset.size() != X.rows()) {
    throw std::invalid_argument("offset has " + std::to_string(offset.size()) + " entries, X has " +
                                std::to_string(X.rows()) + " rows");
  }
  Matrix rows(X.rows(), X.cols() + 1);
  rows << X, offset;
  return exact::integer_rows(rows);
}

template <int kWords>
void turn_patterns(const Word* patterns, Index count, Word turn, const Word* reversed,
                   const Word* present, Word* out) {
  for (Index i = 0; i < count; ++i) {
    for (int w = 0; w < kWords; ++w) {
      out[i * kWords + w] = (patterns[i * kWords + w] ^ turn ^ reversed[w]) & present[w];
    }
  }
}

}  // namespace

NormalForm normal_form(Rows rows, bool affine) {
  NormalForm form;
  form.affine = affine;
  const Index n_columns = rows.empty() ? 0 : static_cast<Index>(rows.front().size());
  Row infinity(static_cast<std::size_t>(n_columns));
  struct Known {
    Index row;
    bool negative;  // whether the first one met points against the key
  };
  std::map<Row, Known> known;
  constexpr Index kInfinity = -2;  // its place, the last one, is known later
  if (affine) {
    infinity.back() = 1;
    known.emplace(infinity, Known{kInfinity, false});
  }
  Rows distinct;
  for (Row& row : rows) {
    if (exact::is_zero(row)) {
      form.source.push_back(-1);
      form.reversed.push_back(false);
      continue;
    }
    Row direction = row;
    const bool negative = exact::make_direction(direction);
    const Index next = static_cast<Index>(distinct.size());
    const auto [place, is_new] = known.emplace(std::move(direction), Known{next, negative});
    if (is_new) distinct.push_back(std::move(row));
    form.source.push_back(place->second.row);
    form.reversed.push_back(negative != place->second.negative);
  }
  if (affine) {
    for (Index& source : form.source) {
      if (source == kInfinity) source = static_cast<Index>(distinct.size());
    }
    distinct.push_back(std::move(infinity));
  }
  if (!distinct.empty()) {
    form.rows = exact::select_columns(distinct, exact::independent_columns(distinct));
    for (Row& row : form.rows) exact::make_primitive(row);
  }
  form.approximate = as_doubles(form.rows);
  return form;
}

Matrix as_doubles(const Rows& rows) {
  const Index n_columns = rows.empty() ? 0 : static_cast<Index>(rows.front().size());
  Matrix values(static_cast<Index>(rows.size()), n_columns);
  for (Index k = 0; k < values.rows(); ++k) {
    Index exponent = 0;
    for (const Integer& value : rows[k]) {
      exponent = std::max(exponent, exact::bit_length(value));
    }
    for (Index j = 0; j < n_columns; ++j) values(k, j) = exact::scaled_double(rows[k][j], exponent);
  }
  return values;
}

PatternMap::PatternMap(const NormalForm& form)
    : n_rows_(form.n_rows()),
      n_hyperplanes_(static_cast<Index>(form.source.size())),
      in_place_(true),
      reversed_(static_cast<std::size_t>(words_for(n_hyperplanes_)), 0),
      present_(reversed_),
      source_(form.source) {
  for (Index k = 0; k < n_hyperplanes_; ++k) {
    if (source_[k] != k) in_place_ = false;
    if (source_[k] >= 0) set_bit(present_.data(), k);
    if (form.reversed[k]) set_bit(reversed_.data(), k);
  }
  const auto is_zero = [](Word word) { return word == 0; };
  identity_ = in_place_ && n_rows_ == n_hyperplanes_ &&
              std::all_of(reversed_.begin(), reversed_.end(), is_zero);
}

void PatternMap::apply(const Word* patterns, Index count, bool opposite, Word* out) const {
  const Index n_in = n_words_in();
  const Index n_out = n_words_out();
  const Word turn = opposite ? ~Word{0} : Word{0};
  if (in_place_ && n_in == n_out && n_in <= 4) {
    constexpr decltype(&turn_patterns<1>) kTurn[] = {&turn_patterns<1>, &turn_patterns<2>,
                                                     &turn_patterns<3>, &turn_patterns<4>};
    return kTurn[n_in - 1](patterns, count, turn, reversed_.data(), present_.data(), out);
  }
  for (Index i = 0; i < count; ++i, patterns += n_in, out += n_out) {
    if (in_place_) {
      for (Index w = 0; w < n_out; ++w) out[w] = (patterns[w] ^ turn ^ reversed_[w]) & present_[w];
      continue;
    }
    std::fill_n(out, n_out, Word{0});
    for (Index k = 0; k < n_hyperplanes_; ++k) {
      if (source_[k] >= 0) out[k >> 6] |= Word{get_bit(patterns, source_[k])} << (k & 63);
    }
    for (Index w = 0; w < n_out; ++w) out[w] = (out[w] ^ turn ^ reversed_[w]) & present_[w];
  }
}

Arrangement::Arrangement(const ConstMatrixRef& X)
    : n_hyperplanes_(X.rows()),
      dimension_(X.cols()),
      form_(std::make_shared<NormalForm>(cvxnn::normal_form(exact::integer_rows(X), false))) {}

Arrangement::Arrangement(const ConstMatrixRef& X, const ConstVectorRef& offset)
    : n_hyperplanes_(X.rows()),
      dimension_(X.cols()),
      affine_(true),
      form_(std::make_shared<NormalForm>(cvxnn::normal_form(homogeneous(X, offset), true))) {}

Arrangement::Arrangement(const std::vector<std::vector<std::string>>& rows, bool affine)
    : n_hyperplanes_(static_cast<Index>(rows.size())), affine_(affine) {
  Rows integers;
  for (const auto& row : rows) {
    if (row.size() != rows.front().size()) {
      throw std::invalid_argument("rows must have equal lengths");
    }
    integers.emplace_back(row.begin(), row.end());
  }
  if (rows.empty() || rows.front().size() < (affine ? 2U : 1U)) {
    throw std::invalid_argument("rows must not be empty");
  }
  dimension_ = static_cast<Index>(rows.front().size()) - (affine ? 1 : 0);
  form_ = std::make_shared<NormalForm>(cvxnn::normal_form(std::move(integers), affine));
}

Index Arrangement::rank() const { return form_->rank(); }

Index Arrangement::n_distinct() const { return form_->n_rows(); }

const std::vector<Index>& Arrangement::sources() const { return form_->source; }

}  // namespace cvxnn
