// A line of an arrangement in doubles: where the other rows cross it, and which cell lies above
// each crossing. Or else the news that doubles cannot tell.
#pragma once

#include "octet.hpp"
#include "sweep_table.hpp"

namespace cvxnn {

class LineSweep {
 public:
  // Row `infinity` crosses no line. Unless `exact`, nothing is ever in doubt.
  LineSweep(Index n, Index infinity, bool exact);

  // Moves to the line on which the rows `chosen` vanish: those chosen in `plane`, in the same
  // order, and one more (or none: then `plane` is a line itself). What is asked of the crossings of
  // rows before `first` is their place alone. Returns whether every sign is sure.
  bool move(const SweepTable& plane, const std::vector<Index>& chosen, Index first);

  // Writes the pattern above the crossing of each row first .. n - 1 (at those of `infinity` and of
  // the rows chosen: anything). Returns whether the order of the crossings is sure.
  bool compare(Word* patterns) const;

  // The same one after the other: rows by their crossings; whether that order is sure; the pattern
  // far below; and the signs to add to the pattern just below the crossing of row j.
  bool sort(std::vector<Index>& order) const;
  void below_all(Word* pattern) const;
  void add_signs(Index j, Word* pattern) const;

 private:
  // The coefficient of a chosen row in the others: mu - f at, and nu in the sweep direction.
  struct Coefficient {
    const double* mu;
    double at;
    double nu;
    Index word;
    Word bit;
  };
  // The last elimination step, which `measure` carries out as it goes: x - f x_row.
  struct Step {
    const double* column;  // f = column / pivot
    double inverse_pivot;
    const double* alpha;
    const double* beta;
    double alpha_at;
    double beta_at;
    double slope;  // of the sweep direction
    LinearBounds bounds;
    SweepBounds direction_bounds;  // of slope and nu
  };

  bool prepare(const SweepTable& plane, const std::vector<Index>& chosen, Step& step);
  void fix(const std::vector<Index>& chosen);
  void touch_words();
  void add_coefficient(const double* mu, double at, double nu, Index row);
  template <bool kExact>
  bool measure(const Step& step);

  Index n_;
  Index n_padded_;
  Index n_words_;
  Index infinity_;
  bool exact_;
  Index first_ = 0;
  bool rising_ = false;          // the sweep goes up where the line does
  std::vector<double> lo_, hi_;  // row i crosses in [lo, hi]
  std::vector<double> zeros_;
  std::vector<double> nowhere_;           // -inf for row `infinity`, inf for the others
  std::vector<Word> falling_;             // rows that are positive before their crossing
  std::vector<Word> unused_;              // infinity and padding
  std::vector<Word> fixed_;               // these and the rows chosen: they cross nowhere
  std::vector<std::vector<Word>> signs_;  // per word of the pattern: bits of the chosen rows
  std::vector<Word> no_bits_;
  std::vector<const Word*> added_;                  // signs_ or no_bits_
  std::array<Coefficient, kMaxRank> coefficients_;  // by word
  Index n_coefficients_ = 0;
  std::vector<Index> touched_;  // words with chosen rows
};

}  // namespace cvxnn
