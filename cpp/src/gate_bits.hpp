// On which side of some rows of X gates lie: the one place where rounded products decide bits.
#pragma once

#include <vector>

#include "cvxnn/bits.hpp"

namespace cvxnn {

// Where bits go: those of 64 rows w and gate i into words[w * word_stride + i * gate_stride].
struct GateBits {
  Word* words;
  Index word_stride;
  Index gate_stride;
};

// Consecutive rows of X, which must outlive this.
class GateRows {
 public:
  GateRows(const ConstMatrixRef& X, Index first, Index count);

  // Bit k is 1 where x_k . u > 0, for the rows u of `gates`. A rounded product that could have the
  // wrong sign is computed again in integers, so that no bit depends on how products are rounded.
  // `interior[i]`, if asked for, becomes 0 where gate i lies on one of the rows; zero rows do not
  // count.
  void bits(const ConstMatrixRef& gates, const GateBits& out, char* interior) const;

 private:
  Index count_;
  const double* originals_;
  Index stride_;
  Matrix scaled_;  // times powers of two, largest entries in [1/2, 1); zero rows up to a whole word
  std::vector<Word> nonzero_;  // a bit per row
};

}  // namespace cvxnn
