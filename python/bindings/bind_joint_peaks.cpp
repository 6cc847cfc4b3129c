// Neurons that several outputs share.
#include "convert.hpp"
#include "cvxnn/joint_peaks.hpp"

namespace cvxnn::python {

void bind_joint_peaks(py::module_& m) {
  using namespace py::literals;
  m.def(
      "joint_peaks",
      [](const MatrixView& X_view, const PackedView& packed, const MatrixView& V_view,
         const MatrixView& starts_view, double slope, Index patches, double floor, int n_threads) {
        const Matrix X = X_view;
        const Matrix V = V_view;
        const Matrix starts = starts_view;
        if (patches < 1 || V.rows() * patches != X.rows() || starts.rows() != V.cols()) {
          throw std::invalid_argument(
              "V must have a row for each sample of X, starts one for each column of V");
        }
        const Cells cells = to_cells(packed, X.rows());
        const auto peaks = without_gil([&] {
          return joint_peaks({&X, &cells, slope, patches}, V, starts, floor, execution(n_threads));
        });
        const Index count = static_cast<Index>(peaks.size());
        Matrix points(count, X.cols());
        Matrix directions(count, V.cols());
        Vector values(count);
        std::vector<Index> of_cell;
        for (Index i = 0; i < count; ++i) {
          points.row(i) = peaks[i].u.transpose();
          directions.row(i) = peaks[i].g.transpose();
          values(i) = peaks[i].value;
          of_cell.push_back(peaks[i].cell);
        }
        return py::dict("cells"_a = of_cell, "points"_a = points, "directions"_a = directions,
                        "values"_a = values);
      },
      py::arg("X").noconvert(), py::arg("packed").noconvert(), py::arg("V").noconvert(),
      py::arg("starts").noconvert(), py::kw_only(), py::arg("slope") = 0.0, py::arg("patches") = 1,
      py::arg("floor"), py::arg("n_threads"),
      "Local maxima, above floor, of (V g) . (A_i X u) over unit g and unit u in each cell.");
}

}  // namespace cvxnn::python
