// The private extension module: a list of what is bound.
#include <pybind11/pybind11.h>

namespace cvxnn::python {
void bind_arrangements(pybind11::module_& m);
void bind_block_program(pybind11::module_& m);
void bind_branch_and_bound(pybind11::module_& m);
void bind_cone(pybind11::module_& m);
void bind_count(pybind11::module_& m);
void bind_group_lasso(pybind11::module_& m);
void bind_cone_program(pybind11::module_& m);
void bind_joint_peaks(pybind11::module_& m);
void bind_nested_program(pybind11::module_& m);
}  // namespace cvxnn::python

PYBIND11_MODULE(CVXNN_MODULE, m, pybind11::mod_gil_not_used()) {
  m.doc() = "Private C++ core of cvxnn; its arguments are not checked beyond types and shapes.";
  cvxnn::python::bind_arrangements(m);
  cvxnn::python::bind_block_program(m);
  cvxnn::python::bind_branch_and_bound(m);
  cvxnn::python::bind_cone(m);
  cvxnn::python::bind_count(m);
  cvxnn::python::bind_group_lasso(m);
  cvxnn::python::bind_cone_program(m);
  cvxnn::python::bind_joint_peaks(m);
  cvxnn::python::bind_nested_program(m);
}
