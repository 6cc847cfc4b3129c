// Loops over independent items: any number of threads, one result, interruptible from the caller.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <mutex>

#include "cvxnn/types.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace cvxnn {

// Thrown out of a long call when its `poll` asked to stop.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

struct Execution {
  int n_threads = 1;           // at least 1
  std::function<bool()> poll;  // asked now and then from the calling thread; true means stop
};

// Asks `poll` at most every 20 ms, so that it may be called from inner loops.
class Poller {
 public:
  explicit Poller(const Execution& execution) : poll_(execution.poll) {}

  bool stop_requested() {
    if (!poll_) return false;
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(20)) return false;
    last_ = now;
    return poll_();
  }

  void check() {
    if (stop_requested()) throw Interrupted();
  }

 private:
  using Clock = std::chrono::steady_clock;
  const std::function<bool()>& poll_;
  Clock::time_point last_ = Clock::now();
};

// Calls body(item, thread) for item = 0 .. n_items - 1. Items are handed out dynamically, so a body
// must write only to places owned by its item (or by its thread, combined order-independently).
template <class Body>
void parallel_for(Index n_items, const Execution& execution, Body&& body) {
  const int n_threads =
      static_cast<int>(std::max<Index>(1, std::min<Index>(execution.n_threads, n_items)));
  Poller poller(execution);
  if (n_threads == 1) {
    for (Index item = 0; item < n_items; ++item) {
      poller.check();
      body(item, 0);
    }
    return;
  }
  std::atomic<Index> next{0};
  std::atomic<bool> stop{false};
  std::exception_ptr failure;
  std::mutex failure_guard;
  const auto work = [&](int thread) {
    try {
      for (Index item = next++; item < n_items && !stop; item = next++) {
        if (thread == 0) poller.check();
        body(item, thread);
      }
    } catch (...) {
      stop = true;
      const std::lock_guard<std::mutex> lock(failure_guard);
      if (!failure) failure = std::current_exception();
    }
  };
#ifdef _OPENMP
#pragma omp parallel num_threads(n_threads)
  work(omp_get_thread_num());
#else
  work(0);
#endif
  if (failure) std::rethrow_exception(failure);
}

}  // namespace cvxnn
