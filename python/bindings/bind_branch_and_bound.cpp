// Pricing over every cell of a data set.
#include "convert.hpp"
#include "cvxnn/branch_and_bound.hpp"

namespace cvxnn::python {

void bind_branch_and_bound(py::module_& m) {
  using namespace py::literals;
  m.def(
      "bound_support",
      [](const MatrixView& X_view, const VectorView& v, double slope, double floor, double tol,
         double share, double max_seconds, int n_threads) {
        const Matrix X = X_view;
        BoundOptions options;
        options.floor = floor;
        options.tol = tol;
        options.share = share;
        options.max_seconds = max_seconds;
        const SupportBound bound = without_gil(
            [&] { return bound_support({X, slope}, v, options, execution(n_threads)); });
        const Index count = static_cast<Index>(bound.peaks.size());
        Matrix points(count, X.cols());
        Vector values(count);
        std::vector<int> signs;
        for (Index i = 0; i < count; ++i) {
          points.row(i) = bound.peaks[i].u.transpose();
          values(i) = bound.peaks[i].value;
          signs.push_back(bound.peaks[i].sign);
        }
        return py::dict("upper"_a = bound.upper, "status"_a = name_of(bound.status),
                        "n_cones"_a = bound.n_cones, "points"_a = points, "values"_a = values,
                        "signs"_a = signs);
      },
      py::arg("X").noconvert(), py::arg("v").noconvert(), py::kw_only(), py::arg("slope") = 0.0,
      py::arg("floor"), py::arg("tol"), py::arg("share") = 0.0, py::arg("max_seconds"),
      py::arg("n_threads"),
      "Upper bound on max |v . phi(X u)| over ||u|| <= 1, or floor if that is larger; phi has the "
      "given slope below zero.");
}

}  // namespace cvxnn::python
