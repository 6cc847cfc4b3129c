// Cells of hyperplane arrangements.
#include "convert.hpp"
#include "cvxnn/enumerate.hpp"
#include "cvxnn/sample.hpp"
#include "cvxnn/witness.hpp"

namespace cvxnn::python {

void bind_arrangements(py::module_& m) {
  py::class_<Arrangement>(m, "Arrangement", "Hyperplanes as the exact numbers given.")
      .def(py::init([](const MatrixView& X, const std::optional<VectorView>& offset) {
             return without_gil([&] { return offset ? Arrangement(X, *offset) : Arrangement(X); });
           }),
           py::arg("X").noconvert(), py::arg("offset").noconvert() = py::none())
      .def_static(
          "from_integers",
          [](const std::vector<std::vector<std::string>>& rows, bool affine) {
            return without_gil([&] { return Arrangement(rows, affine); });
          },
          py::arg("rows"), py::arg("affine"),
          "Rows of decimal integers; if affine, the last column is the offset.")
      .def_property_readonly("n_hyperplanes", &Arrangement::n_hyperplanes)
      .def_property_readonly("dimension", &Arrangement::dimension)
      .def_property_readonly("affine", &Arrangement::affine)
      .def_property_readonly("rank", &Arrangement::rank)
      .def_property_readonly("n_distinct", &Arrangement::n_distinct)
      .def("sources", &Arrangement::sources,
           "For each hyperplane given, the number of the distinct one it equals; -1 for zero rows.");
  m.def(
      "count_cells",
      [](const Arrangement& arrangement, double max_seconds) {
        return without_gil([&] { return count_cells(arrangement, max_seconds, execution(1)); });
      },
      py::arg("arrangement"), py::arg("max_seconds"),
      "The exact number of cells in decimal, or None if it takes longer.");
  m.def(
      "enumerate_cells",
      [](const Arrangement& arrangement, int n_threads) {
        return from_cells(
            without_gil([&] { return enumerate_cells(arrangement, execution(n_threads)); }));
      },
      py::arg("arrangement"), py::arg("n_threads"), "All cells, packed, in canonical order.");
  m.def(
      "locate_cells",
      [](const MatrixView& X, const MatrixView& points, int n_threads) {
        const LocatedCells located =
            without_gil([&] { return locate_cells(X, points, execution(n_threads)); });
        py::array_t<bool> interior(static_cast<py::ssize_t>(located.interior.size()));
        std::copy(located.interior.begin(), located.interior.end(), interior.mutable_data());
        return std::make_pair(from_cells(located.cells), interior);
      },
      py::arg("X").noconvert(), py::arg("points").noconvert(), py::arg("n_threads"),
      "(packed patterns of the points, whether each lies strictly inside its cell), exact.");
  m.def(
      "find_witnesses",
      [](const MatrixView& X, const PackedView& packed, int n_threads) {
        const Cells cells = to_cells(packed, X.rows());
        return without_gil([&] { return find_witnesses(X, cells, execution(n_threads)); });
      },
      py::arg("X").noconvert(), py::arg("packed").noconvert(), py::arg("n_threads"),
      "(P, d) unit vectors in the widest direction of each cell, zero where there is none.");
}

}  // namespace cvxnn::python
