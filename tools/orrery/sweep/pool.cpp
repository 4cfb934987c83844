#include "tools/orrery/sweep/pool.hpp"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace orrery {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenLooks{100};
constexpr std::chrono::milliseconds kBetweenLines{500};

/// The line on a terminal; else nothing.
class Line {
 public:
  Line(std::size_t count, const PoolOptions& options)
      : count_(count), options_(&options), is_terminal_(::isatty(STDERR_FILENO) != 0) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() {
    if (has_shown_) std::fputs("\r\033[K", stderr);
  }

  void show(std::size_t done) {
    const auto now = Clock::now();
    if (!is_terminal_ || now - last_ < kBetweenLines) return;
    last_ = now;
    has_shown_ = true;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double rate = static_cast<double>(done) / seconds;
    std::fprintf(stderr, "\r\033[K%3.0f %%  %zu of %zu %s  %.3g/s",
                 100 * static_cast<double>(done) / static_cast<double>(count_), done, count_,
                 options_->what.c_str(), rate);
    if (options_->failed != nullptr && *options_->failed > 0) {
      std::fprintf(stderr, "  %zu failed", options_->failed->load());
    }
    if (done > 0) {
      const auto left = static_cast<long>(static_cast<double>(count_ - done) / rate);
      std::fprintf(stderr, "  %ld:%02ld:%02ld left", left / 3600, left / 60 % 60, left % 60);
    }
    std::fflush(stderr);
  }

 private:
  std::size_t count_;
  const PoolOptions* options_;
  bool is_terminal_;
  bool has_shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

/// What the threads of one pool share.
struct Shared {
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> done{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable ended;
  int running = 0;
  std::exception_ptr failure;

  void work(std::size_t count, const std::function<void(std::size_t)>& each) {
    try {
      while (!stop) {
        const std::size_t index = next++;
        if (index >= count) break;
        each(index);
        ++done;
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (failure == nullptr) failure = std::current_exception();
      stop = true;
    }
    const std::lock_guard lock(mutex);
    --running;
    ended.notify_all();
  }
};

}  // namespace

StopSignals::StopSignals() {
  ::sigemptyset(&held_);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) ::sigaddset(&held_, signal);
  ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

StopSignals::~StopSignals() {
  if (::sigismember(&before_, SIGUSR1) == 0) came();  // one more is not meant for what follows
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool StopSignals::came() const {
  bool any = false;
  const timespec at_once{};
  while (::sigtimedwait(&held_, nullptr, &at_once) > 0) any = true;
  return any;
}

PoolEnd run_pool(std::size_t count, const PoolOptions& options,
                 const std::function<void(std::size_t)>& work) {
  const StopSignals signals;
  Shared shared;
  Line line(count, options);
  const auto jobs = static_cast<int>(std::clamp<std::size_t>(
      static_cast<std::size_t>(std::max(options.jobs, 1)), 1, std::max<std::size_t>(count, 1)));
  shared.running = jobs;
  std::vector<std::jthread> threads;
  for (int job = 0; job < jobs; ++job) {
    threads.emplace_back([&] { shared.work(count, work); });
  }
  PoolEnd end = PoolEnd::done;
  std::unique_lock lock(shared.mutex);
  while (!shared.ended.wait_for(lock, kBetweenLooks, [&] { return shared.running == 0; })) {
    lock.unlock();
    if (signals.came()) {
      if (end == PoolEnd::signalled) std::_Exit(kResumable);  // results are whole, or not there
      end = PoolEnd::signalled;
    }
    if (options.deadline && Clock::now() > *options.deadline && end == PoolEnd::done) {
      end = PoolEnd::late;
    }
    if (end != PoolEnd::done) shared.stop = true;
    if (options.now_and_then) options.now_and_then();
    line.show(shared.done);
    lock.lock();
  }
  lock.unlock();
  threads.clear();
  if (shared.failure != nullptr) std::rethrow_exception(shared.failure);
  return shared.done == count ? PoolEnd::done : end;
}

int usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace orrery
