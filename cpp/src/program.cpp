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

Vector Program::signed_mask(Index block) const {
  return sign_of(block) * design.mask(cell_of(block));
}

}  // namespace cvxnn
