// What the engines behind enumerate.hpp share: where patterns go, and when to stop.
#pragma once

#include <algorithm>
#include <utility>

#include "cvxnn/enumerate.hpp"
#include "normal_form.hpp"

namespace cvxnn {

// Collects patterns over the rows of a normal form; hands them on, with their opposites if the
// arrangement is central, as patterns over the hyperplanes given.
class PatternSink {
 public:
  PatternSink(const NormalForm& form, Index budget, const CellVisitor& visit)
      : map_(form),
        visit_(visit),
        sides_(form.affine ? 1 : 2),
        capacity_(std::max<Index>(16, kBlockWords / map_.n_words_in())),
        patterns_(static_cast<std::size_t>(capacity_ * map_.n_words_in())),
        left_(budget) {}

  // Where to write the next patterns, n_words() words each; they count once committed.
  Word* reserve(Index count) {
    if (size_ + count > capacity_) make_room(count);
    return patterns_.data() + size_ * map_.n_words_in();
  }
  Word* next() { return reserve(1); }
  Index n_words() const { return map_.n_words_in(); }

  void commit(Index count = 1) { size_ += count; }

  bool exhausted() const { return left_ <= size_ * sides_; }

  void flush();

 private:
  static constexpr Index kBlockWords = 1024;  // stays in the first-level cache with its expansion

  void make_room(Index count);

  PatternMap map_;
  const CellVisitor& visit_;
  Index sides_;
  Index capacity_;
  std::vector<Word> patterns_;
  std::vector<Word> expanded_;
  Index size_ = 0;
  Index left_;
};

// Explores a task into the sink; returns what is left of it when the sink is exhausted.
std::vector<Task> explore_lowest_vertex(const NormalForm& form, const Engine& engine,
                                        const Task& task, PatternSink& sink, Poller& poller);
std::vector<Task> explore_ray_tree(const NormalForm& form, const Task& task, PatternSink& sink,
                                   Poller& poller);
std::vector<Task> explore_reverse_search(const NormalForm& form, const Task& task,
                                         PatternSink& sink, Poller& poller);

// Whether lowest_vertex is the engine to take: hyperplanes in general position, or nearly so.
bool suits_lowest_vertex(const NormalForm& form);

std::vector<Task> first_lowest_vertex_tasks(const NormalForm& form);
std::vector<Task> first_reverse_search_tasks(const NormalForm& form);

}  // namespace cvxnn
