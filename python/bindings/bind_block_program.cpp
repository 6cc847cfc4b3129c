// A program of blocks in cones that are given as matrices, and its pricing.
#include "cvxnn/block_program.hpp"

#include "solving.hpp"

namespace cvxnn::python {
namespace {

using Blocks = py::array_t<double, py::array::c_style>;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const RowMatrix> block_of(const Blocks& blocks, Index b) {
  return {blocks.data(b), blocks.shape(1), blocks.shape(2)};
}

BlockProgram to_program(const Blocks& outputs, const Blocks& cones, Index parts, Index n_free,
                        double beta, Index n_targets) {
  if (outputs.ndim() != 3 || cones.ndim() != 3 || outputs.shape(0) != cones.shape(0) ||
      outputs.shape(2) != cones.shape(2) || outputs.shape(0) == 0) {
    throw std::invalid_argument("outputs and cones must be of as many blocks, one at least");
  }
  const Index counted = outputs.shape(2) - n_free;
  if (parts < 1 || n_free < 0 || counted < parts || counted % parts != 0) {
    throw std::invalid_argument("parts must cut the entries that are not free");
  }
  BlockProgram program;
  for (Index b = 0; b < outputs.shape(0); ++b) {
    program.blocks.push_back({block_of(outputs, b), block_of(cones, b)});
  }
  program.norm = {parts, n_free};
  program.beta = beta;
  program.n_targets = n_targets;
  return program;
}

}  // namespace

void bind_block_program(py::module_& m) {
  using namespace py::literals;
  m.def(
      "solve_block_program",
      [](const Blocks& outputs, const Blocks& cones, const MatrixView& interiors,
         const MatrixView& y, const VectorView& sample_weight, const std::string& loss_name,
         double delta, bool free_offset, double beta, Index parts, Index n_free, double tol,
         int max_rounds, double max_seconds, int n_threads, const OnRound& on_round) {
        const BlockProgram program = to_program(outputs, cones, parts, n_free, beta, y.cols());
        if (outputs.shape(1) != y.size()) {
          throw std::invalid_argument("outputs must have a row for each entry of y");
        }
        if (interiors.rows() != outputs.shape(0) || interiors.cols() != outputs.shape(2)) {
          throw std::invalid_argument("interiors must have a row for each block");
        }
        const auto loss = to_loss(loss_name, y, sample_weight, delta, free_offset);
        const Matrix inside = interiors;
        const SolverOptions options = to_options(tol, max_rounds, max_seconds, on_round);
        const Solution solution = without_gil([&] {
          return solve_block_program(program, *loss, inside, options, execution(n_threads));
        });
        Matrix vectors = Matrix::Zero(outputs.shape(0), outputs.shape(2));
        for (const Block& block : solution.blocks) vectors.row(block.id) = block.u.transpose();
        const Matrix dual = solution.dual.reshaped(y.rows(), y.cols());
        py::list history;
        for (const Progress& progress : solution.history) history.append(to_dict(progress));
        return py::dict("status"_a = name_of(solution.status), "vectors"_a = vectors,
                        "objective"_a = solution.objective, "lower_bound"_a = solution.lower_bound,
                        "dual"_a = dual, "history"_a = history);
      },
      py::arg("outputs").noconvert(), py::arg("cones").noconvert(),
      py::arg("interiors").noconvert(), py::arg("y").noconvert(),
      py::arg("sample_weight").noconvert(), py::kw_only(), py::arg("loss"), py::arg("delta") = 1.0,
      py::arg("free_offset") = false, py::arg("beta"), py::arg("parts") = 1, py::arg("n_free") = 0,
      py::arg("tol"), py::arg("max_rounds"), py::arg("max_seconds"), py::arg("n_threads"),
      py::arg("on_round") = py::none(),
      "Minimise loss(sum_b outputs[b] u_b) + beta sum_b N(u_b) over cones[b] u_b >= 0, with the "
      "targets of outputs one below the other. N is the sum of the norms of that many parts of "
      "u_b; the last entries may be free of it, where the cone keeps them at most N in modulus.");
  m.def(
      "price_blocks",
      [](const Blocks& outputs, const Blocks& cones, const VectorView& v, double threshold,
         Index parts, Index n_free, int n_threads) {
        const BlockProgram program = to_program(outputs, cones, parts, n_free, threshold, 1);
        if (outputs.shape(1) != v.size()) {
          throw std::invalid_argument("outputs must have a row for each entry of v");
        }
        const std::vector<double> supports =
            without_gil([&] { return price_blocks(program, v, execution(n_threads)); });
        return Eigen::Map<const Vector>(supports.data(), static_cast<Index>(supports.size()))
            .eval();
      },
      py::arg("outputs").noconvert(), py::arg("cones").noconvert(), py::arg("v").noconvert(),
      py::kw_only(), py::arg("threshold"), py::arg("parts") = 1, py::arg("n_free") = 0,
      py::arg("n_threads"),
      "Upper bounds on max -v . outputs[b] u over N(u) <= 1 in each cone; not resolved below the "
      "threshold.");
  m.def(
      "block_interiors",
      [](const Blocks& cones, int n_threads) {
        const BlockProgram program = to_program(cones, cones, 1, 0, 1.0, 1);
        return without_gil([&] { return block_interiors(program, execution(n_threads)); });
      },
      py::arg("cones").noconvert(), py::kw_only(), py::arg("n_threads"),
      "Unit vectors strictly inside cones[b] u >= 0, one a row; zeros where rounding leaves "
      "nothing.");
}

}  // namespace cvxnn::python
