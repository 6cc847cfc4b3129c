// The convex program of parallel three-layer networks, and its pricing.
#include "cvxnn/nested_program.hpp"

#include "solving.hpp"

namespace cvxnn::python {
namespace {

// Owns what a NestedProgram points to.
struct NestedProblem {
  Matrix X;
  NestedCells cells;
  NestedProgram program;

  NestedProblem(const MatrixView& X_view, const PackedView& first,
                const py::array_t<Index, py::array::c_style>& members,
                const py::array_t<double, py::array::c_style>& signs, const PackedView& second,
                double beta = 1.0, bool separate_norms = false, Index n_targets = 1)
      : X(X_view) {
    cells.first = to_cells(first, X.rows());
    cells.second = to_cells(second, X.rows());
    if (members.ndim() != 2 || members.shape(0) != cells.size() || members.shape(1) < 1 ||
        signs.ndim() != 2 || signs.shape(0) != cells.size() || signs.shape(1) != members.shape(1)) {
      throw std::invalid_argument("members and signs must have a row for each row of second");
    }
    cells.parts = members.shape(1);
    cells.members.assign(members.data(), members.data() + members.size());
    cells.signs.assign(signs.data(), signs.data() + signs.size());
    for (const Index member : cells.members) {
      if (member < 0 || member >= cells.first.size()) {
        throw std::invalid_argument("members must number rows of first");
      }
    }
    program = {&X, &cells, beta, separate_norms, n_targets};
  }
  NestedProblem(const NestedProblem&) = delete;
};

using Members = py::array_t<Index, py::array::c_style>;
using Signs = py::array_t<double, py::array::c_style>;

}  // namespace

void bind_nested_program(py::module_& m) {
  m.def(
      "solve_nested_program",
      [](const MatrixView& X, const PackedView& first, const Members& members, const Signs& signs,
         const PackedView& second, const MatrixView& interiors, const MatrixView& y,
         const VectorView& sample_weight, const std::string& loss_name, double delta, double beta,
         bool separate_norms, double tol, int max_rounds, double max_seconds, int n_threads,
         const OnRound& on_round) {
        const NestedProblem problem(X, first, members, signs, second, beta, separate_norms,
                                    y.cols());
        const NestedProgram& program = problem.program;
        if (interiors.rows() != problem.cells.size() || interiors.cols() != program.width()) {
          throw std::invalid_argument("interiors must have a row for each nested cell");
        }
        const auto loss = to_loss(loss_name, y, sample_weight, delta, false);
        const Matrix inside = interiors;
        const SolverOptions options = to_options(tol, max_rounds, max_seconds, on_round);
        const Solution solution = without_gil([&] {
          return solve_nested_program(program, *loss, inside, options, execution(n_threads));
        });
        return solution_dict(program, solution);
      },
      py::arg("X").noconvert(), py::arg("first").noconvert(), py::arg("members").noconvert(),
      py::arg("signs").noconvert(), py::arg("second").noconvert(), py::arg("interiors").noconvert(),
      py::arg("y").noconvert(), py::arg("sample_weight").noconvert(), py::kw_only(),
      py::arg("loss"), py::arg("delta") = 1.0, py::arg("beta"), py::arg("separate_norms"),
      py::arg("tol"), py::arg("max_rounds"), py::arg("max_seconds"), py::arg("n_threads"),
      py::arg("on_round") = py::none(),
      "Minimise loss(sum_b s_b D_b F_b u_b) + beta sum_b N(u_b) over nested cells: row i of "
      "members "
      "are the patterns of first that branch i adds up with signs, row i of second is its own. N "
      "is the norm, or with separate_norms the sum of the norms of the parts of u_b. Each block "
      "adds to one target, a column of y.");
  m.def(
      "price_nested",
      [](const MatrixView& X, const PackedView& first, const Members& members, const Signs& signs,
         const PackedView& second, const VectorView& v, double threshold, bool separate_norms,
         int n_threads) {
        const NestedProblem problem(X, first, members, signs, second, threshold, separate_norms);
        if (v.size() != X.rows()) throw std::invalid_argument("v must have an entry a sample");
        const std::vector<double> supports =
            without_gil([&] { return price_nested(problem.program, v, execution(n_threads)); });
        return Eigen::Map<const Vector>(supports.data(), static_cast<Index>(supports.size()))
            .eval();
      },
      py::arg("X").noconvert(), py::arg("first").noconvert(), py::arg("members").noconvert(),
      py::arg("signs").noconvert(), py::arg("second").noconvert(), py::arg("v").noconvert(),
      py::kw_only(), py::arg("threshold"), py::arg("separate_norms"), py::arg("n_threads"),
      "Upper bounds on max -s v . D_l F u over N(u) <= 1 in each nested cell, for s = 1 and -1 one "
      "after the other; not resolved below the threshold.");
  m.def(
      "nested_interiors",
      [](const MatrixView& X, const PackedView& first, const Members& members, const Signs& signs,
         const PackedView& second, int n_threads) {
        const NestedProblem problem(X, first, members, signs, second);
        return without_gil(
            [&] { return nested_interiors(problem.X, problem.cells, execution(n_threads)); });
      },
      py::arg("X").noconvert(), py::arg("first").noconvert(), py::arg("members").noconvert(),
      py::arg("signs").noconvert(), py::arg("second").noconvert(), py::kw_only(),
      py::arg("n_threads"),
      "Unit vectors strictly inside nested cells, one a row; zeros where rounding leaves nothing.");
}

}  // namespace cvxnn::python
