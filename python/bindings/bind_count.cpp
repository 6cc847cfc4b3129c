// Counts of cells and characteristic polynomials.
#include "convert.hpp"
#include "cvxnn/count.hpp"

namespace cvxnn::python {

void bind_count(py::module_& m) {
  m.def(
      "count_cells",
      [](const Arrangement& arrangement, double max_seconds, int n_threads) {
        return without_gil(
            [&] { return count_cells(arrangement, max_seconds, execution(n_threads)); });
      },
      py::arg("arrangement"), py::arg("max_seconds"), py::arg("n_threads") = 1,
      "The exact number of cells in decimal, or None if it takes longer.");
  m.def(
      "characteristic_polynomial",
      [](const Arrangement& arrangement, double max_seconds, int n_threads) {
        return without_gil([&] {
          return characteristic_polynomial(arrangement, max_seconds, execution(n_threads));
        });
      },
      py::arg("arrangement"), py::arg("max_seconds"), py::arg("n_threads") = 1,
      "Its coefficients in decimal, highest degree first, or None if it takes longer.");
}

}  // namespace cvxnn::python
