// A time limit and a poll, asked together from inner loops.
#pragma once

#include <chrono>
#include <exception>

#include "cvxnn/parallel.hpp"

namespace cvxnn::count {

struct OutOfTime : std::exception {
  const char* what() const noexcept override { return "out of time"; }
};

struct Deadline {
  using Clock = std::chrono::steady_clock;

  Clock::time_point start = Clock::now();
  double max_seconds;

  explicit Deadline(double seconds) : max_seconds(seconds) {}

  bool passed() const {
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    return elapsed.count() > max_seconds;
  }
};

class Watch {
 public:
  Watch(const Deadline& deadline, const Execution& execution)
      : deadline_(deadline), poller_(execution) {}

  void check() {
    poller_.check();
    if (deadline_.passed()) throw OutOfTime();
  }

 private:
  const Deadline& deadline_;
  Poller poller_;
};

}  // namespace cvxnn::count
