#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/emulation/fibers.hpp"
#include "kernels/emulation/grid.hpp"

/// The state behind grid.hpp; only the sources of the emulation see it.
namespace orrery::kernels::emulation {

constexpr unsigned kWarpSize = 32;

/// Lanes that have met in an operation of their warp.
struct Meeting {
  const char* name = nullptr;
  unsigned mask = 0;
  unsigned arrived = 0;
  const void* in[kWarpSize] = {};
  void* out[kWarpSize] = {};
};

struct Block {
  Index index;
  std::unique_ptr<std::byte[]> shared;
  std::vector<std::vector<Meeting>> meetings;  // one list for each warp
  unsigned at_barrier = 0;
  unsigned exited = 0;
  const char* barrier_file = nullptr;
  unsigned barrier_line = 0;
  std::size_t first_thread = 0;
};

struct Thread {
  Block* block = nullptr;
  unsigned number = 0;       // within the block
  std::uint64_t favour = 0;  // of its warp; see Grid::pick
  Index index;
  const char* waits_for = nullptr;
  std::deque<std::vector<std::function<void()>>> async_groups;
  std::vector<std::function<void()>> async_open;
  Fiber* fiber = nullptr;  // none before it starts and after it ends
};

/// All of a launch.
class Grid {
 public:
  Grid(Dim3 grid, Dim3 block, std::size_t shared_bytes, const Order& order,
       const std::function<void()>& body);
  void run();

  void wait(const char* what);
  void make_ready(std::size_t thread) { ready_.push_back(thread); }
  Thread& current() { return threads_[running_]; }
  std::size_t current_number() const { return running_; }
  unsigned block_threads() const { return block_.x * block_.y * block_.z; }
  std::size_t shared_bytes() const { return shared_bytes_; }
  [[noreturn]] void fail(const std::string& what);
  /// A random number below `limit`, which is decided by the order's seed.
  std::uint64_t draw(std::uint64_t limit);

 private:
  void start_block(Block& block);
  void run_body(Thread& thread);
  void resume(std::size_t number);
  void cancel_all();
  std::string where_all_wait() const;
  std::size_t pick();

  Dim3 grid_;
  Dim3 block_;
  std::size_t shared_bytes_;
  const std::function<void()>& body_;
  std::function<void()> task_;
  std::uint64_t random_;
  std::uint64_t switches_left_;
  std::vector<std::uint64_t> blocks_to_run_;
  std::vector<Block> blocks_;
  std::vector<Thread> threads_;
  std::vector<std::size_t> ready_;
  std::size_t running_ = 0;
  bool cancelled_ = false;
  std::exception_ptr failure_;
};

/// The grid that runs on this thread of the host. Throws Error when there is none.
Grid& running_grid();

}  // namespace orrery::kernels::emulation
