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

// How much work is worth waking threads for. On a machine that is busy with something else, a
// thread may be late by milliseconds: then the same work is better done by the calling one alone.
class WorthThreads {
 public:
  bool operator()(double operations) {
    if (operations <= kOperations) return false;
    const double reluctance = reluctance_.load(std::memory_order_relaxed);
    if (operations > reluctance * kOperations) return true;
    reluctance_.store(std::max(1.0, 0.98 * reluctance), std::memory_order_relaxed);
    return false;
  }

  // What a loop took in all, and how much of it the calling thread was at work.
  void learn(std::chrono::duration<double> all, std::chrono::duration<double> busy) {
    if (busy > std::chrono::milliseconds(20)) return;  // worth it in any case
    const double reluctance = reluctance_.load(std::memory_order_relaxed);
    const double next = all > 4.0 * busy ? 2.0 * reluctance : 0.9 * reluctance;
    reluctance_.store(std::clamp(next, 1.0, 1024.0), std::memory_order_relaxed);
  }

 private:
  static constexpr double kOperations = 1e6;
  std::atomic<double> reluctance_{1.0};
};

inline WorthThreads& worth_threads() {
  static WorthThreads instance;
  return instance;
}

// Calls body(item, thread, poll) for item = 0 .. n_items - 1. Items are handed out dynamically, so
// a body must write only to places owned by its item (or by its thread, combined
// order-independently). A body that takes long may ask `poll` whether to stop, and then throws
// Interrupted. `item_cost` is a rough number of operations an item; loops too short to pay for
// waking threads run on the calling one.
template <class Body>
void parallel_for(Index n_items, double item_cost, const Execution& execution, Body&& body) {
  const int most = static_cast<int>(std::min<Index>(execution.n_threads, n_items));
  const bool share = most > 1 && worth_threads()(static_cast<double>(n_items) * item_cost);
  const int n_threads = share ? most : 1;
  Poller poller(execution);
  if (n_threads == 1) {
    for (Index item = 0; item < n_items; ++item) {
      poller.check();
      body(item, 0, execution.poll);
    }
    return;
  }
  using Clock = std::chrono::steady_clock;
  std::atomic<Index> next{0};
  std::atomic<Index> n_done{0};
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
  Clock::duration busy{0};
  const auto work = [&](int thread) {
    const Clock::time_point start = Clock::now();
    guarded([&] {
      for (Index item = next++; item < n_items && !stop; item = next++) {
        if (thread == 0) poller.check();
        body(item, thread, thread == 0 ? execution.poll : stopped);
        ++n_done;
      }
    });
    if (thread != 0) return;
    busy = Clock::now() - start;
    guarded([&] {  // the calling thread goes on polling for the items that are not done
      while (n_done < n_items && !stop) {
        poller.check();
        std::this_thread::yield();
      }
    });
  };
  const Clock::time_point start = Clock::now();
#ifdef _OPENMP
#pragma omp parallel num_threads(n_threads)
  work(omp_get_thread_num());
#else
  work(0);
#endif
  worth_threads().learn(Clock::now() - start, busy);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace cvxnn
