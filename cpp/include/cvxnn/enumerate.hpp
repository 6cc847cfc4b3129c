// Every full-dimensional cell of an arrangement, decided exactly: as a stream, cut into tasks that
// can be done in any order and anywhere, or all at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cvxnn/arrangement.hpp"
#include "cvxnn/cells.hpp"
#include "cvxnn/parallel.hpp"

namespace cvxnn {

enum class Method {
  lowest_vertex,   // generic and nearly generic hyperplanes: nanoseconds a cell
  ray_tree,        // structured hyperplanes
  reverse_search,  // like ray_tree, without any tree to come back to: constant memory
};

// The name of a method and back; "auto" looks at the arrangement. Throws std::invalid_argument.
const char* name_of(Method method);
Method choose_method(const Arrangement& arrangement, const std::string& name);

struct Engine {
  Method method = Method::ray_tree;
  bool exact = true;  // false trusts rounded signs in lowest_vertex
  // Cells in an order in which most differ from the one before in a few rows, about as many as the
  // rank, also where another order would be faster. Tasks are not for engines with another order.
  bool walk = false;
};

// A part of the listing, independent of all others: a subtree of the engine's search tree.
using Task = std::vector<std::int32_t>;

// Tasks that together list every cell once.
std::vector<Task> first_tasks(const Arrangement& arrangement, const Engine& engine);

constexpr double kCellCost = 300.0;  // operations a cell, for parallel_for

// Gets `count` patterns of words_for(n_hyperplanes) words each; they are gone when it returns.
using CellVisitor = std::function<void(const Word* patterns, Index count)>;

// Lists the cells of a task, in an order that depends on the task alone. Having listed `budget`
// cells or a few more it stops and returns the rest as tasks.
std::vector<Task> explore(const Arrangement& arrangement, const Engine& engine, const Task& task,
                          Index budget, const CellVisitor& visit,
                          const std::function<bool()>& poll);

// All cells in canonical order. Memory grows with their number, so count them first.
Cells enumerate_cells(const Arrangement& arrangement, const Engine& engine,
                      const Execution& execution);

// Gets one pattern with the sum of the columns of V where its bits are 1.
using SumVisitor = std::function<void(const Word* pattern, const Vector& sum)>;

// The same as `explore`, one cell at a time with its sum of columns of V (d x n_hyperplanes), which
// is changed by the rows that changed: O(d rank) a cell with `walk`. Each entry of a sum is off by
// at most (4000 + n) 2^-53 times the sum of the absolute values in its row of V.
std::vector<Task> explore_sums(const Arrangement& arrangement, const Engine& engine,
                               const Task& task, Index budget, const Matrix& V,
                               const SumVisitor& visit, const std::function<bool()>& poll);

}  // namespace cvxnn
