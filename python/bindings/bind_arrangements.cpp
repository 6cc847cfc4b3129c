// Cells of hyperplane arrangements.
#include "convert.hpp"
#include "cvxnn/enumerate.hpp"
#include "cvxnn/sample.hpp"
#include "cvxnn/witness.hpp"

namespace cvxnn::python {

void bind_arrangements(py::module_& m) {
  m.def(
      "arrangement_shape",
      [](const MatrixView& X, Index rank_cap) {
        const ArrangementShape shape = without_gil([&] { return arrangement_shape(X, rank_cap); });
        return std::make_pair(shape.rank, shape.n_distinct);
      },
      py::arg("X").noconvert(), py::arg("rank_cap"),
      "(min(rank, rank_cap), number of distinct hyperplanes), both exact.");
  m.def(
      "count_cells",
      [](const MatrixView& X, double max_seconds) {
        return without_gil([&] { return count_cells(X, max_seconds, execution(1)); });
      },
      py::arg("X").noconvert(), py::arg("max_seconds"),
      "The exact number of cells in decimal, or None if it takes longer.");
  m.def(
      "enumerate_cells",
      [](const MatrixView& X, int n_threads) {
        return from_cells(without_gil([&] { return enumerate_cells(X, execution(n_threads)); }));
      },
      py::arg("X").noconvert(), py::arg("n_threads"), "All cells, packed, in canonical order.");
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
