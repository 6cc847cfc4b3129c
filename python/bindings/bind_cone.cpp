// Projection onto the closure of a cell.
#include "convert.hpp"
#include "cvxnn/cone.hpp"

namespace cvxnn::python {

void bind_cone(py::module_& m) {
  m.def(
      "project_onto_cell",
      [](const MatrixView& X, const PackedView& packed, const VectorView& z) {
        const Cells cells = to_cells(packed, X.rows());
        const Matrix rows = unit_rows(X);
        ConeProjector projector;
        std::vector<Index> tight;
        const bool finished = projector.project({&rows, cells.pattern(0)}, z, tight);
        return std::make_tuple(projector.point(), tight, finished);
      },
      py::arg("X").noconvert(), py::arg("packed").noconvert(), py::arg("z").noconvert(),
      "(projection of z onto the closure of the first cell, rows that hold with equality, done).");
}

}  // namespace cvxnn::python
