#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace orrery {

/// The exit code of what was stopped, and goes on where it is called again.
inline constexpr int kResumable = 75;

/// Holds back SIGINT, SIGTERM and SIGUSR1 (what Slurm sends before a time-out), also in threads
/// made meanwhile, so that a program can stop at a good moment. When it goes they act again.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();
  /// Whether one came since the last call.
  bool came() const;

 private:
  sigset_t held_;
  sigset_t before_;
};

struct PoolOptions {
  int jobs = 1;
  std::string what = "points";               // for the line of progress on a terminal
  const std::atomic<std::size_t>* failed{};  // shown there; null: nothing is
  std::function<void()> now_and_then{};      // a few times a second, in the caller's thread
  std::optional<std::chrono::steady_clock::time_point> deadline{};
};

/// Whether all work was done, else what stopped it. Work that had begun is finished; a second
/// signal ends the process at once, with exit code 75.
enum class PoolEnd { done, signalled, late };

/// Calls work(0), …, work(count - 1), each once, on so many threads, in order of their numbers;
/// shows rate and remaining time on stderr when that is a terminal. What `work` throws stops the
/// rest and is thrown again here.
PoolEnd run_pool(std::size_t count, const PoolOptions& options,
                 const std::function<void(std::size_t)>& work);

/// Processors that this process may use, sched_getaffinity(2): what a batch system grants.
int usable_processors();

}  // namespace orrery
