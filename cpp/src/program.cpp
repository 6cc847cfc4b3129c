#include "cvxnn/program.hpp"

namespace cvxnn {

Cone Program::cone_of(Index block) const {
  if (!cones) return {};
  return {&cone_rows, design.cells->pattern(cell_of(block))};
}

void Program::add_outputs(Index block, const Vector& u, Vector& f) const {
  design.apply_add(cell_of(block), u, sign_of(block), part(f, target_of(block)));
}

Vector Program::gradient(Index block, const Vector& v) const {
  return sign_of(block) * design.apply_transposed(cell_of(block), part(v, target_of(block)));
}

Matrix Program::outputs(Index block, const ConstMatrixRef& T) const {
  return sign_of(block) * design.outputs(cell_of(block), T);
}

}  // namespace cvxnn
