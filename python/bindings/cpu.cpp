// The module _cpu: tells which level of the core this machine can run. Built for the baseline.
#include <pybind11/pybind11.h>

#include "cpu_level.hpp"

PYBIND11_MODULE(_cpu, m, pybind11::mod_gil_not_used()) {
  m.doc() = "The instruction-set level of this machine.";
  m.def("level", &cvxnn::cpu_level,
        "Return 'x86-64', 'x86-64-v3', 'x86-64-v4', or 'generic' on other processors.");
}
