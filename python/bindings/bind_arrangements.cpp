// Cells of hyperplane arrangements.
#include "convert.hpp"
#include "cvxnn/enumerate.hpp"
#include "cvxnn/sample.hpp"
#include "cvxnn/witness.hpp"

namespace cvxnn::python {

namespace {

using Explored = std::pair<py::array_t<Word>, std::vector<std::vector<Task>>>;

// An array of rows of n_words words on memory that it takes over.
py::array_t<Word> as_array(std::vector<Word>&& words, Index n_words) {
  const auto n_rows = static_cast<Index>(words.size()) / n_words;
  auto kept = std::make_unique<std::vector<Word>>(std::move(words));
  const Word* data = kept->data();
  const py::capsule owner(kept.release(),
                          [](void* it) { delete static_cast<std::vector<Word>*>(it); });
  return py::array_t<Word>({n_rows, n_words}, data, owner);
}

Explored explore_tasks(const Arrangement& arrangement, const std::string& method, bool exact,
                       const std::vector<Task>& tasks, Index budget, int n_threads) {
  const Engine engine{choose_method(arrangement, method), exact};
  const Index n_words = words_for(arrangement.n_hyperplanes());
  const bool one_by_one = n_threads == 1;  // then all cells go where they stay
  std::vector<std::vector<Word>> found(one_by_one ? 1 : tasks.size());
  std::vector<std::vector<Task>> rest(tasks.size());
  without_gil([&] {
    const Index n_sharing = one_by_one ? static_cast<Index>(tasks.size()) : 1;
    constexpr Index kAtOnce = Index{1} << 18;
    const Index room = std::min(n_sharing * budget * n_words, kAtOnce);
    const double cost = kCellCost * static_cast<double>(budget);
    parallel_for(static_cast<Index>(tasks.size()), cost, execution(n_threads),
                 [&](Index i, int, const auto& poll) {
                   std::vector<Word>& words = found[one_by_one ? 0 : i];
                   words.reserve(static_cast<std::size_t>(room));
                   const auto keep = [&](const Word* patterns, Index count) {
                     words.insert(words.end(), patterns, patterns + count * n_words);
                   };
                   rest[i] = explore(arrangement, engine, tasks[i], budget, keep, poll);
                 });
    return 0;
  });
  if (one_by_one) return {as_array(std::move(found.front()), n_words), std::move(rest)};
  std::size_t n_found = 0;
  for (const std::vector<Word>& words : found) n_found += words.size();
  py::array_t<Word> packed({static_cast<Index>(n_found) / n_words, n_words});
  Word* out = packed.mutable_data();
  for (const std::vector<Word>& words : found) out = std::copy(words.begin(), words.end(), out);
  return {std::move(packed), std::move(rest)};
}

}  // namespace

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
      .def(
          "sources", &Arrangement::sources,
          "For each hyperplane given, the number of the distinct one it equals; -1 for zero rows.");
  m.def(
      "choose_method",
      [](const Arrangement& arrangement, const std::string& method) {
        return name_of(choose_method(arrangement, method));
      },
      py::arg("arrangement"), py::arg("method"), "The engine that a name, or 'auto', stands for.");
  m.def(
      "first_tasks",
      [](const Arrangement& arrangement, const std::string& method, bool exact) {
        return first_tasks(arrangement, {choose_method(arrangement, method), exact});
      },
      py::arg("arrangement"), py::arg("method"), py::arg("exact"),
      "Tasks that together list every cell once.");
  m.def("explore", &explore_tasks, py::arg("arrangement"), py::arg("method"), py::arg("exact"),
        py::arg("tasks"), py::arg("budget"), py::arg("n_threads"),
        "The cells of the tasks in their order, packed, about `budget` for each, and for each the "
        "tasks that are left.");
  m.def(
      "sort_cells",
      [](const PackedView& packed, Index n_hyperplanes) {
        Cells cells = to_cells(packed, n_hyperplanes);
        without_gil([&] {
          sort_unique(cells, execution(1));
          return 0;
        });
        return from_cells(cells);
      },
      py::arg("packed").noconvert(), py::arg("n_hyperplanes"),
      "In canonical order, without repetitions.");
  m.def(
      "enumerate_cells",
      [](const Arrangement& arrangement, const std::string& method, bool exact, int n_threads) {
        return from_cells(without_gil([&] {
          const Engine engine{choose_method(arrangement, method), exact};
          return enumerate_cells(arrangement, engine, execution(n_threads));
        }));
      },
      py::arg("arrangement"), py::arg("method"), py::arg("exact"), py::arg("n_threads"),
      "All cells, packed, in canonical order.");
  m.def(
      "uniform_cells",
      [](const Arrangement& arrangement, Index n_cells, std::uint64_t seed) {
        return from_cells(
            without_gil([&] { return uniform_cells(arrangement, n_cells, seed, execution(1)); }));
      },
      py::arg("arrangement"), py::arg("n_cells"), py::arg("seed"),
      "Distinct cells, packed, drawn with equal probabilities.");
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
