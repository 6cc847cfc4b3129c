// Loops over independent items: any number of threads, one result, interruptible from the caller.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

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

// Calls body(item, thread, poll) for item = 0 .. n_items - 1. Items are handed out dynamically, so
// a body must write only to places owned by its item (or by its thread, combined
// order-independently). A body that takes long may ask `poll` whether to stop, and then throws
// Interrupted. `item_cost` is a rough number of operations an item; loops too short to pay for
// waking threads run on the calling one.
template <class Body>
void parallel_for(Index n_items, double item_cost, const Execution& execution, Body&& body) {
  constexpr double kWorthThreads = 1e6;
  const bool worth_threads = static_cast<double>(n_items) * item_cost > kWorthThreads;
  const int n_threads =
      worth_threads ? static_cast<int>(std::min<Index>(execution.n_threads, n_items)) : 1;
  Poller poller(execution);
  if (n_threads == 1) {
    for (Index item = 0; item < n_items; ++item) {
      poller.check();
      body(item, 0, execution.poll);
    }
    return;
  }
  std::atomic<Index> next{0};
  std::atomic<int> n_working{n_threads};
  std::atomic<bool> stop{false};
  const std::function<bool()> stopped = [&stop] { return stop.load(); };
  std::exception_ptr failure;
  std::mutex failure_guard;
  const auto guarded = [&](auto&& action) {
    try {
      action();
    } catch (...) {
      stop = true;
      const std::lock_guard<std::mutex> lock(failure_guard);
      if (!failure) failure = std::current_exception();
    }
  };
  const auto work = [&](int thread) {
    guarded([&] {
      for (Index item = next++; item < n_items && !stop; item = next++) {
        if (thread == 0) poller.check();
        body(item, thread, thread == 0 ? execution.poll : stopped);
      }
    });
    --n_working;
    if (thread != 0) return;
    guarded([&] {  // the calling thread goes on polling for those that are not done
      while (n_working > 0 && !stop) {
        poller.check();
        std::this_thread::yield();
      }
    });
  };
#ifdef _OPENMP
#pragma omp parallel num_threads(n_threads)
  {
    if (omp_get_thread_num() == 0) n_working = omp_get_num_threads();
#pragma omp barrier
    work(omp_get_thread_num());
  }
#else
  n_working = 1;
  work(0);
#endif
  if (failure) std::rethrow_exception(failure);
}

}  // namespace cvxnn
