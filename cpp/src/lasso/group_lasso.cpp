#include "cvxnn/lasso/group_lasso.hpp"

#include <stdexcept>

namespace cvxnn::lasso {

std::vector<Solution> solve_group_lasso(const Problem&, const std::vector<double>&, const Options&,
                                        const Start*, const Execution&) {
  throw std::logic_error("not yet");
}

double alpha_max(const Problem&, const Execution&) { throw std::logic_error("not yet"); }

}  // namespace cvxnn::lasso
