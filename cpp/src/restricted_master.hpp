// The program over a few cells, which come and go in rounds of column generation.
#pragma once

#include <vector>

#include "cvxnn/branch_and_bound.hpp"
#include "cvxnn/column_generation.hpp"
#include "working_set.hpp"

namespace cvxnn {

// A program over a few cells, and a point of it.
class RestrictedMaster {
 public:
  RestrictedMaster(const HiddenLayer& layer, const Loss& loss, double beta,
                   const Execution& execution);
  RestrictedMaster(const RestrictedMaster&) = delete;

  double objective() const { return loss_.value(set.predictions) + penalty(program, set); }
  Index n_active() const;

  // Keeps the blocks in use and adds those in which the peaks lie: a block lowers the objective
  // where -s v . (A X u) is large, so it has the sign opposite to the peak's. Returns whether any
  // block is new.
  bool exchange(const std::vector<Peak>& peaks);

  // Makes these neurons the point: one block for all neurons of a cell, sign and target.
  void replace(const Neurons& neurons);

  // Makes the blocks of a solution the point.
  void adopt(const GlobalSolution& solution);

  // To within `gap` of the optimum over these cells.
  void solve(double gap, const Deadline& deadline);

  Cells cells;
  Program program;
  WorkingSet set;

 private:
  class Exchange;
  void update_predictions();

  const Loss& loss_;
  const Execution& execution_;
};

}  // namespace cvxnn
