// Sums over the rows of cells that follow each other, changed by the rows that changed.
#include <stdexcept>

#include "cvxnn/bits.hpp"
#include "cvxnn/enumerate.hpp"

namespace cvxnn {
namespace {

// Each is off by at most 2^-53 of the sum of magnitudes; with more of them the sum begins anew.
constexpr Index kMostAdditions = 4000;

class RunningSum {
 public:
  explicit RunningSum(const Matrix& V)
      : V_(V),
        pattern_(static_cast<std::size_t>(words_for(V.cols())), 0),
        sum_(Vector::Zero(V.rows())) {}

  const Vector& move_to(const Word* pattern) {
    if (n_additions_ > kMostAdditions) {
      std::fill(pattern_.begin(), pattern_.end(), Word{0});
      sum_.setZero();
      n_additions_ = 0;
    }
    for (std::size_t w = 0; w < pattern_.size(); ++w) {
      for (Word changed = pattern[w] ^ pattern_[w]; changed != 0; changed &= changed - 1) {
        const Index row = static_cast<Index>(64 * w) + lowest_bit(changed);
        if (get_bit(pattern, row)) {
          sum_ += V_.col(row);
        } else {
          sum_ -= V_.col(row);
        }
        ++n_additions_;
      }
      pattern_[w] = pattern[w];
    }
    return sum_;
  }

 private:
  const Matrix& V_;
  std::vector<Word> pattern_;
  Vector sum_;
  Index n_additions_ = 0;
};

}  // namespace

std::vector<Task> explore_sums(const Arrangement& arrangement, const Engine& engine,
                               const Task& task, Index budget, const Matrix& V,
                               const SumVisitor& visit, const std::function<bool()>& poll) {
  const Index n = arrangement.n_hyperplanes();
  if (V.cols() != n) {
    throw std::invalid_argument("V must have " + std::to_string(n) +
                                " columns, one a hyperplane, got " + std::to_string(V.cols()));
  }
  RunningSum sum(V);
  const Index n_words = words_for(n);
  const auto add = [&](const Word* patterns, Index count) {
    for (Index i = 0; i < count; ++i) {
      const Word* pattern = patterns + i * n_words;
      visit(pattern, sum.move_to(pattern));
    }
  };
  return explore(arrangement, engine, task, budget, add, poll);
}

}  // namespace cvxnn
