#include "cvxnn/enumerate.hpp"

#include <algorithm>
#include <stdexcept>

#include "engine.hpp"

namespace cvxnn {
namespace {

constexpr Index kTaskCells = Index{1} << 18;  // large beside the cost of starting a task

Index pattern_budget(Index n_words) {
  constexpr Index kTaskWords = Index{1} << 22;
  return std::clamp<Index>(kTaskWords / std::max<Index>(1, n_words), 64, kTaskCells);
}

}  // namespace

const char* name_of(Method method) {
  switch (method) {
    case Method::lowest_vertex:
      return "lowest_vertex";
    case Method::ray_tree:
      return "ray_tree";
    default:
      return "reverse_search";
  }
}

Method choose_method(const Arrangement& arrangement, const std::string& name) {
  for (const Method method : {Method::lowest_vertex, Method::ray_tree, Method::reverse_search}) {
    if (name == name_of(method)) return method;
  }
  if (name != "auto") {
    throw std::invalid_argument(
        "method must be one of 'auto', 'lowest_vertex', 'ray_tree', 'reverse_search', got '" +
        name + "'");
  }
  return suits_lowest_vertex(arrangement.normal_form()) ? Method::lowest_vertex : Method::ray_tree;
}

void PatternSink::flush() {
  if (size_ == 0) return;
  expanded_.resize(static_cast<std::size_t>(size_ * map_.n_words_out()));
  for (int side = 0; side < sides_; ++side) {
    const bool as_is = side == 0 && map_.identity();
    if (!as_is) map_.apply(patterns_.data(), size_, side == 1, expanded_.data());
    visit_(as_is ? patterns_.data() : expanded_.data(), size_);
  }
  left_ -= sides_ * size_;
  size_ = 0;
}

void PatternSink::make_room(Index count) {
  flush();
  capacity_ = std::max(capacity_, count);
  patterns_.resize(static_cast<std::size_t>(capacity_ * map_.n_words_in()));
}

std::vector<Task> first_tasks(const Arrangement& arrangement, const Engine& engine) {
  const NormalForm& form = arrangement.normal_form();
  if (form.rows.empty()) return {{}};
  switch (engine.method) {
    case Method::lowest_vertex:
      return first_lowest_vertex_tasks(form);
    case Method::ray_tree:
      return {{}};
    default:
      return first_reverse_search_tasks(form);
  }
}

std::vector<Task> explore(const Arrangement& arrangement, const Engine& engine, const Task& task,
                          Index budget, const CellVisitor& visit,
                          const std::function<bool()>& poll) {
  const NormalForm& form = arrangement.normal_form();
  if (form.rows.empty()) {
    const std::vector<Word> nothing(
        static_cast<std::size_t>(words_for(arrangement.n_hyperplanes())));
    visit(nothing.data(), 1);
    return {};
  }
  PatternSink sink(form, budget, visit);
  const Execution execution{1, poll};
  Poller poller(execution);
  switch (engine.method) {
    case Method::lowest_vertex:
      return explore_lowest_vertex(form, engine, task, sink, poller);
    case Method::ray_tree:
      return explore_ray_tree(form, task, sink, poller);
    default:
      return explore_reverse_search(form, task, sink, poller);
  }
}

Cells enumerate_cells(const Arrangement& arrangement, const Engine& engine,
                      const Execution& execution) {
  Cells cells;
  cells.n_hyperplanes = arrangement.n_hyperplanes();
  const Index n_words = cells.n_words();
  const Index most = pattern_budget(n_words);
  std::vector<Task> tasks = first_tasks(arrangement, engine);
  std::vector<std::vector<Word>> found(static_cast<std::size_t>(execution.n_threads));
  // small at first, if there is not enough to share
  Index budget = tasks.size() < 16 ? 1024 : most;
  while (!tasks.empty()) {
    std::vector<std::vector<Task>> rest(tasks.size());
    parallel_for(static_cast<Index>(tasks.size()), kCellCost * static_cast<double>(budget),
                 execution, [&](Index i, int thread, const auto& poll) {
                   std::vector<Word>& words = found[thread];
                   const auto visit = [&](const Word* patterns, Index count) {
                     words.insert(words.end(), patterns, patterns + count * n_words);
                   };
                   rest[i] = explore(arrangement, engine, tasks[i], budget, visit, poll);
                 });
    tasks.clear();
    for (auto& part : rest) {
      for (Task& task : part) tasks.push_back(std::move(task));
    }
    budget = std::min(most, 4 * budget);
  }
  cells.bits = std::move(found.front());
  for (std::size_t t = 1; t < found.size(); ++t) {
    cells.bits.insert(cells.bits.end(), found[t].begin(), found[t].end());
    std::vector<Word>().swap(found[t]);
  }
  sort_unique(cells, execution);
  return cells;
}

}  // namespace cvxnn
