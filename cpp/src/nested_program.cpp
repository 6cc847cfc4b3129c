#include "cvxnn/nested_program.hpp"

#include "nested_blocks.hpp"

namespace cvxnn {

std::vector<double> price_nested(const NestedProgram& program, const Vector& v,
                                 const Execution& execution) {
  const Matrix none;
  return supports_of(NestedBlocks(program, none), v, execution);
}

Matrix nested_interiors(const Matrix& X, const NestedCells& cells, const Execution& execution) {
  const NestedProgram program{&X, &cells};
  const Matrix none;
  const NestedBlocks blocks(program, none);
  Matrix interiors(cells.size(), program.width());
  const double cost = 20.0 * blocks.cost() * static_cast<double>(program.width());
  parallel_for(cells.size(), cost, execution, [&](Index i, int, const auto&) {
    interiors.row(i) = interior_of(blocks.cone_of_cell(i)).transpose();
  });
  return interiors;
}

Solution solve_nested_program(const NestedProgram& program, const Loss& loss,
                              const Matrix& interiors, const SolverOptions& options,
                              const Execution& execution) {
  return solve_by_barrier(NestedBlocks(program, interiors), loss, options, execution);
}

}  // namespace cvxnn
