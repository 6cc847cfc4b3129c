// Products of the columns s_b A_b X of some blocks with each other, weighted by sample.
#pragma once

#include <map>
#include <vector>

#include "cvxnn/pricing.hpp"

namespace cvxnn {

class BlockGram {
 public:
  // If `constant`, weights are the same in every call: what is known is kept.
  BlockGram(const Program& program, bool constant, const Execution& execution)
      : program_(program), constant_(constant), execution_(execution) {}

  // sum_k h_k a_k a_k', where a_k has the rows k of the columns of the blocks `ids`, side by side.
  Matrix of(const std::vector<Index>& ids, const Vector& h);

 private:
  Matrix product(const std::vector<Index>& left, const std::vector<Index>& right,
                 const Vector& h) const;
  Matrix columns(const std::vector<Index>& ids, Index row, Index rows) const;
  void extend(const std::vector<Index>& ids, const Vector& h);

  const Program& program_;
  bool constant_;
  const Execution& execution_;
  Matrix gram_;  // of the blocks known_
  std::vector<Index> known_;
  std::map<Index, Index> place_;
};

}  // namespace cvxnn
