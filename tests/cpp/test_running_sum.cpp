// Sums of rows along a walk over all cells.
#include <doctest/doctest.h>

#include <stdexcept>

#include "cvxnn/enumerate.hpp"
#include "data.hpp"

namespace cvxnn {
namespace {

TEST_CASE("explore_sums: sums of rows, few changes from cell to cell, every cell once") {
  for (const bool affine : {false, true}) {
    for (const Method method : {Method::lowest_vertex, Method::ray_tree, Method::reverse_search}) {
      const Matrix X = test::gaussian(17, 4, 3);
      const Arrangement arrangement =
          affine ? Arrangement(X, test::gaussian(17, 1, 4).col(0)) : Arrangement(X);
      const Matrix V = test::gaussian(3, 17, 5);
      const Engine engine{method, true, true};
      Cells cells;
      cells.n_hyperplanes = 17;
      Index n_changes = 0;
      std::vector<Task> tasks = first_tasks(arrangement, engine);
      while (!tasks.empty()) {
        const Task task = tasks.back();
        tasks.pop_back();
        const auto visit = [&](const Word* pattern, const Vector& sum) {
          Vector expected = Vector::Zero(3);
          for (Index k = 0; k < 17; ++k) {
            if (get_bit(pattern, k)) expected += V.col(k);
            if (!cells.bits.empty())
              n_changes += get_bit(&cells.bits.back(), k) != get_bit(pattern, k);
          }
          CHECK((sum - expected).cwiseAbs().maxCoeff() < 1e-12);
          cells.bits.push_back(*pattern);
        };
        for (Task& rest : explore_sums(arrangement, engine, task, 100, V, visit, {})) {
          tasks.push_back(std::move(rest));
        }
      }
      if (method != Method::reverse_search) CHECK(n_changes < 5 * cells.size());
      const Index n_listed = cells.size();
      sort_unique(cells);
      CHECK(cells.size() == n_listed);
      CHECK(cells.bits == enumerate_cells(arrangement, {}, {1, {}}).bits);
    }
  }
  const Arrangement arrangement(test::gaussian(5, 2, 1));
  CHECK_THROWS_AS(explore_sums(arrangement, {}, {}, 1, Matrix(2, 4), {}, {}),
                  std::invalid_argument);
}

}  // namespace
}  // namespace cvxnn
