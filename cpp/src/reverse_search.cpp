// Avis and Fukuda's reverse search (Discrete Applied Mathematics 65, 1996) on the graph of cells.
//
// The root is the cell around a generic direction. Every other cell has a parent: its neighbour
// across the first row, in the order given, that bounds it and separates it from the root. Going
// from a cell to the neighbours whose parent it is lists the tree depth first with nothing stored
// but the path. A task is a cell: the signs of all rows, one bit each, in words of 32.
#include <algorithm>

#include "engine.hpp"
#include "ray_tree.hpp"

namespace cvxnn {
namespace {

using Pattern = std::vector<Word>;

class ReverseSearch {
 public:
  ReverseSearch(const NormalForm& form, PatternSink& sink, Poller& poller)
      : form_(form),
        n_(form.n_rows()),
        infinity_(form.affine ? n_ - 1 : 0),
        tree_(form.rows, infinity_),
        sink_(sink),
        poller_(poller) {
    std::vector<std::vector<std::int32_t>> rest;
    tree_.descend(
        {},
        [&](const Word* pattern) {
          root_.assign(pattern, pattern + words_for(n_));
          return true;
        },
        rest);
  }

  const Pattern& root() const { return root_; }

  std::vector<Task> explore(const Pattern& cell) {
    visit(cell, tree_.facets(cell.data()));
    sink_.flush();
    return std::move(rest_);
  }

  static Task to_task(const Pattern& pattern) {
    Task task;
    for (const Word word : pattern) {
      task.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(word)));
      task.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(word >> 32)));
    }
    return task;
  }

  static Pattern from_task(const Task& task) {
    Pattern pattern;
    for (std::size_t i = 0; i + 1 < task.size(); i += 2) {
      pattern.push_back(Word{static_cast<std::uint32_t>(task[i])} |
                        Word{static_cast<std::uint32_t>(task[i + 1])} << 32);
    }
    return pattern;
  }

 private:
  using Facets = RayTree::Facets;

  bool separates(const Pattern& cell, Index row) const {
    return get_bit(cell.data(), row) != get_bit(root_.data(), row);
  }

  // The row that leads to the parent; the root has none.
  Index first_separating(const Pattern& cell, const Facets& facets) const {
    for (const Index row : facets.rows) {
      if (row != infinity_ && separates(cell, row)) return row;
    }
    return -1;
  }

  // Whether no third hyperplane contains what the two have in common.
  bool cross_alone(Index a, Index b) {
    std::vector<char>& known = alone_[static_cast<std::size_t>(a)];
    if (known.empty()) known.assign(static_cast<std::size_t>(n_), kUnknown);
    if (known[b] == kUnknown) {
      const exact::Rows common = exact::kernel({form_.rows[a], form_.rows[b]}, form_.rank());
      known[b] = 1;
      for (Index k = 0; k < n_ && known[b] == 1; ++k) {
        if (k == a || k == b) continue;
        const bool contains = std::all_of(common.begin(), common.end(), [&](const auto& vector) {
          return exact::dot(form_.rows[k], vector) == 0;
        });
        if (contains) known[b] = 0;
      }
    }
    return known[b] == 1;
  }

  // Whether a row before facet f bounds the neighbour across it as well, and leads to its parent.
  bool has_another_parent(const Pattern& cell, const Facets& facets, std::size_t f) {
    const std::size_t n_facets = facets.rows.size();
    for (std::size_t g = 0; g < f; ++g) {
      const Index row = facets.rows[g];
      if (row == infinity_ || !separates(cell, row)) continue;
      if (facets.adjacent[f * n_facets + g] && cross_alone(facets.rows[f], row)) return true;
    }
    return false;
  }

  void visit(const Pattern& cell, const Facets& facets) {
    poller_.check();
    std::copy(cell.begin(), cell.end(), sink_.next());
    sink_.commit();
    for (std::size_t f = 0; f < facets.rows.size(); ++f) {
      const Index row = facets.rows[f];
      if (row == infinity_ || separates(cell, row)) continue;
      if (has_another_parent(cell, facets, f)) continue;
      Pattern neighbour = cell;
      flip_bit(neighbour.data(), row);
      const Facets around = tree_.facets(neighbour.data());
      if (first_separating(neighbour, around) != row) continue;
      if (sink_.exhausted()) {
        rest_.push_back(to_task(neighbour));
      } else {
        visit(neighbour, around);
      }
    }
  }

  static constexpr char kUnknown = 2;

  const NormalForm& form_;
  const Index n_;
  const Index infinity_;
  const RayTree tree_;
  PatternSink& sink_;
  Poller& poller_;
  Pattern root_;
  std::vector<std::vector<char>> alone_{static_cast<std::size_t>(n_)};  // see cross_alone
  std::vector<Task> rest_;
};

}  // namespace

std::vector<Task> first_reverse_search_tasks(const NormalForm& form) {
  const CellVisitor nobody;
  PatternSink nowhere(form, 0, nobody);
  const Execution execution;
  Poller poller(execution);
  return {ReverseSearch::to_task(ReverseSearch(form, nowhere, poller).root())};
}

std::vector<Task> explore_reverse_search(const NormalForm& form, const Task& task,
                                         PatternSink& sink, Poller& poller) {
  return ReverseSearch(form, sink, poller).explore(ReverseSearch::from_task(task));
}

}  // namespace cvxnn
