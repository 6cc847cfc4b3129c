// Products of the columns s_b A_b X of some blocks with each other, in the metric of the loss.
#pragma once

#include <map>
#include <vector>

#include "cvxnn/pricing.hpp"

namespace cvxnn {

class BlockGram {
 public:
  // If `constant`, Hessians are the same in every call: what is known is kept.
  BlockGram(const Program& program, bool constant, const Execution& execution)
      : program_(program), constant_(constant), execution_(execution) {}

  // A' H A, where A has the columns of the blocks `ids` side by side.
  Matrix of(const std::vector<Index>& ids, const Hessian& H);

 private:
  Matrix product(const std::vector<Index>& left, const std::vector<Index>& right,
                 const Hessian& H) const;
  Matrix product_of_targets(const std::vector<Index>& left, const std::vector<Index>& right,
                            const Hessian& H, Index row, const Matrix& B, const Matrix& C) const;
  Matrix columns(const std::vector<Index>& ids, Index row, Index rows) const;
  void extend(const std::vector<Index>& ids, const Hessian& H);

  const Program& program_;
  bool constant_;
  const Execution& execution_;
  Matrix gram_;  // of the blocks known_, without what samples have to do with each other
  std::vector<Index> known_;
  std::map<Index, Index> place_;
};

}  // namespace cvxnn
