// The group lasso and its designs.
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "convert.hpp"
#include "cvxnn/lasso/dense_design.hpp"
#include "cvxnn/lasso/group_lasso.hpp"
#include "cvxnn/lasso/masked_design.hpp"
#include "cvxnn/lasso/sparse_design.hpp"

namespace cvxnn::python {
namespace {

using IndexView = py::array_t<std::int64_t, py::array::c_style>;
using ValuesView = py::array_t<double, py::array::c_style>;
using StartTuple = std::tuple<IndexView, Matrix, Vector>;

std::vector<Index> to_indices(const IndexView& values) {
  return {values.data(), values.data() + values.size()};
}

lasso::Groups to_groups(const IndexView& columns, const IndexView& starts) {
  return {to_indices(columns), to_indices(starts)};
}

lasso::Layout layout_of(const py::array& X) {
  if (X.ndim() != 2) throw std::invalid_argument("X must have two dimensions");
  if ((X.flags() & py::array::f_style) != 0) return lasso::Layout::column_major;
  if ((X.flags() & py::array::c_style) != 0) return lasso::Layout::row_major;
  throw std::invalid_argument("X must be contiguous, in C or Fortran order");
}

// A design for Python: any kind, with the arrays that it looks at.
struct AnyDesign {
  std::unique_ptr<lasso::Design> design;
};

struct BoundDense : AnyDesign {
  py::array X;

  BoundDense(py::array data, const IndexView& columns, const IndexView& starts)
      : X(std::move(data)) {
    const lasso::Layout layout = layout_of(X);
    const lasso::Groups groups = to_groups(columns, starts);
    if (py::isinstance<py::array_t<double>>(X)) {
      design = make<double>(layout, groups);
    } else if (py::isinstance<py::array_t<float>>(X)) {
      design = make<float>(layout, groups);
    } else {
      throw std::invalid_argument("X must hold float64 or float32");
    }
  }

  template <class Scalar>
  std::unique_ptr<lasso::Design> make(lasso::Layout layout, const lasso::Groups& groups) const {
    return std::make_unique<lasso::DenseDesign<Scalar>>(static_cast<const Scalar*>(X.data()),
                                                        X.shape(0), X.shape(1), layout, groups);
  }
};

struct BoundSparse : AnyDesign {
  ValuesView data;
  IndexView indices, indptr;

  BoundSparse(ValuesView data_, IndexView indices_, IndexView indptr_, Index n_rows,
              const IndexView& columns, const IndexView& starts)
      : data(std::move(data_)), indices(std::move(indices_)), indptr(std::move(indptr_)) {
    const lasso::Groups groups = to_groups(columns, starts);
    if (indptr.size() != columns.size() + 1 || indices.size() != data.size() ||
        indptr.at(indptr.size() - 1) != data.size()) {
      throw std::invalid_argument("data, indices, indptr and columns do not fit together");
    }
    design = std::make_unique<lasso::SparseDesign>(data.data(), indices.data(), indptr.data(),
                                                   n_rows, groups);
  }
};

using Columns = py::array_t<double, py::array::f_style>;

Eigen::Map<const Matrix> view_of(const Columns& X) { return {X.data(), X.shape(0), X.shape(1)}; }

struct BoundMasked : AnyDesign {
  Columns X;
  Cells cells;

  BoundMasked(Columns data, const PackedView& packed)
      : X(std::move(data)), cells(to_cells(packed, X.shape(0))) {
    design = std::make_unique<lasso::MaskedDesign>(view_of(X), cells);
  }
};

struct BoundGated : AnyDesign {
  Columns X;
  Columns gates;

  BoundGated(Columns data, Columns gates_) : X(std::move(data)), gates(std::move(gates_)) {
    if (gates.shape(1) != X.shape(1)) throw std::invalid_argument("gates must be as wide as X");
    design = std::make_unique<lasso::MaskedDesign>(view_of(X), view_of(gates));
  }
};

py::dict to_dict(const lasso::Progress& progress) {
  using namespace py::literals;
  return py::dict("alpha_number"_a = progress.alpha_number, "n_iter"_a = progress.n_iter,
                  "seconds"_a = progress.seconds, "objective"_a = progress.objective,
                  "relative_gap"_a = progress.relative_gap);
}

py::dict to_dict(const lasso::Solution& solution) {
  using namespace py::literals;
  IndexView columns(static_cast<py::ssize_t>(solution.columns.size()));
  std::copy(solution.columns.begin(), solution.columns.end(), columns.mutable_data());
  return py::dict("columns"_a = columns, "values"_a = solution.values,
                  "intercept"_a = solution.intercept, "objective"_a = solution.objective,
                  "null_objective"_a = solution.null_objective, "dual_gap"_a = solution.dual_gap,
                  "relative_gap"_a = solution.relative_gap, "dual"_a = solution.dual,
                  "n_iter"_a = solution.n_iter, "status"_a = name_of(solution.status));
}

// What a Problem points to.
struct BoundProblem {
  std::unique_ptr<Loss> loss;
  lasso::Problem problem;

  BoundProblem(const AnyDesign& bound, const MatrixView& y, const VectorView& group_weights,
               const std::string& loss_name, double delta, const VectorView& sample_weight,
               const std::optional<MatrixView>& offset) {
    const lasso::Design& design = *bound.design;
    const Index n = design.n_rows();
    if (y.rows() != n || sample_weight.size() != n || (offset && offset->rows() != n)) {
      throw std::invalid_argument("y, sample_weight and offset must have one row per sample");
    }
    if (group_weights.size() != design.groups().count()) {
      throw std::invalid_argument("group_weights must have one number per group");
    }
    loss = make_loss(loss_name, y, sample_weight / sample_weight.sum(), delta);
    problem.design = &design;
    problem.loss = loss.get();
    problem.group_weights = group_weights;
    if (offset) problem.offset = *offset;
  }
};

py::list solve(const AnyDesign& design, const MatrixView& y, const VectorView& group_weights,
               const std::string& loss, double delta, const VectorView& sample_weight,
               const std::optional<MatrixView>& offset, const std::vector<double>& alphas,
               double l1, double l2, bool positive, bool fit_intercept, double tol, int max_iter,
               double max_seconds, int n_threads, const std::optional<StartTuple>& start,
               const std::optional<std::function<py::object(py::dict)>>& on_progress) {
  BoundProblem bound(design, y, group_weights, loss, delta, sample_weight, offset);
  bound.problem.l1 = l1;
  bound.problem.l2 = l2;
  bound.problem.positive = positive;
  bound.problem.fit_intercept = fit_intercept;
  lasso::Options options;
  options.tol = tol;
  options.max_iter = max_iter;
  options.max_seconds = max_seconds;
  if (on_progress) {
    options.on_progress = [&](const lasso::Progress& progress) {
      const py::gil_scoped_acquire gil;
      return static_cast<bool>(py::bool_((*on_progress)(to_dict(progress))));
    };
  }
  lasso::Start given;
  if (start) {
    given = {to_indices(std::get<0>(*start)), std::get<1>(*start), std::get<2>(*start)};
  }
  const std::vector<lasso::Solution> solutions = without_gil([&] {
    return lasso::solve_group_lasso(bound.problem, alphas, options, start ? &given : nullptr,
                                    execution(n_threads));
  });
  py::list result;
  for (const lasso::Solution& solution : solutions) result.append(to_dict(solution));
  return result;
}

}  // namespace

void bind_group_lasso(py::module_& m) {
  py::class_<AnyDesign>(m, "Design", "A matrix of groups of columns.");
  py::class_<BoundDense, AnyDesign>(m, "DenseDesign", "A float64 or float32 array, not copied.")
      .def(py::init<py::array, const IndexView&, const IndexView&>(), py::arg("X"),
           py::arg("columns").noconvert(), py::arg("starts").noconvert());
  py::class_<BoundSparse, AnyDesign>(m, "SparseDesign", "Compressed sparse columns.")
      .def(py::init<ValuesView, IndexView, IndexView, Index, const IndexView&, const IndexView&>(),
           py::arg("data").noconvert(), py::arg("indices").noconvert(),
           py::arg("indptr").noconvert(), py::arg("n_rows"), py::arg("columns").noconvert(),
           py::arg("starts").noconvert());
  py::class_<BoundMasked, AnyDesign>(m, "MaskedDesign", "[D_1 X, .., D_P X], one group a cell.")
      .def(py::init<Columns, const PackedView&>(), py::arg("X").noconvert(),
           py::arg("packed").noconvert());
  py::class_<BoundGated, AnyDesign>(m, "GatedDesign", "The same, its masks made anew from gates.")
      .def(py::init<Columns, Columns>(), py::arg("X").noconvert(), py::arg("gates").noconvert());
  m.def("solve_group_lasso", &solve, py::arg("design"), py::arg("y"), py::kw_only(),
        py::arg("group_weights"), py::arg("loss"), py::arg("delta"), py::arg("sample_weight"),
        py::arg("offset") = py::none(), py::arg("alphas"), py::arg("l1"), py::arg("l2"),
        py::arg("positive"), py::arg("fit_intercept"), py::arg("tol"), py::arg("max_iter"),
        py::arg("max_seconds"), py::arg("n_threads"), py::arg("start") = py::none(),
        py::arg("on_progress") = py::none(), "The group lasso for each of the alphas.");
  m.def(
      "group_lasso_alpha_max",
      [](const AnyDesign& design, const MatrixView& y, const VectorView& group_weights,
         const std::string& loss, double delta, const VectorView& sample_weight,
         const std::optional<MatrixView>& offset, double l1, bool positive, bool fit_intercept,
         int n_threads) {
        BoundProblem bound(design, y, group_weights, loss, delta, sample_weight, offset);
        bound.problem.l1 = l1;
        bound.problem.positive = positive;
        bound.problem.fit_intercept = fit_intercept;
        return without_gil([&] { return lasso::alpha_max(bound.problem, execution(n_threads)); });
      },
      py::arg("design"), py::arg("y"), py::kw_only(), py::arg("group_weights"), py::arg("loss"),
      py::arg("delta"), py::arg("sample_weight"), py::arg("offset") = py::none(), py::arg("l1"),
      py::arg("positive"), py::arg("fit_intercept"), py::arg("n_threads"),
      "The smallest alpha at which all coefficients are zero.");
}

}  // namespace cvxnn::python
