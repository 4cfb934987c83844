#include "kernels/emulation/grid.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/emulation/grid_state.hpp"

namespace orrery::kernels::emulation {

thread_local Index threadIdx;
thread_local Index blockIdx;
thread_local Dim3 blockDim;
thread_local Dim3 gridDim;

namespace {

/// Thrown in waiting threads when another one has failed, so that their stacks unwind.
struct Cancelled {};

thread_local Grid* active = nullptr;
thread_local FiberPool pool;

std::string text(const Index& index) {
  return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " +
         std::to_string(index.z) + ")";
}

}  // namespace

Grid::Grid(Dim3 grid, Dim3 block, std::size_t shared_bytes, const Order& order,
           const std::function<void()>& body)
    : grid_(grid),
      block_(block),
      shared_bytes_(shared_bytes),
      body_(body),
      task_([this] { run_body(current()); }),
      random_(order.seed),
      switches_left_(order.switch_limit) {
  const std::uint64_t count = std::uint64_t{grid.x} * grid.y * grid.z;
  // CUDA C++ Programming Guide, "Compute Capabilities", table of technical specifications.
  constexpr unsigned kMostBlocksX = 0x7fffffff, kMostBlocksYz = 65535, kMostThreads = 1024;
  constexpr std::size_t kMostSharedBytes = std::size_t{227} << 10;  // of sm_90 and sm_100
  if (count == 0 || grid.x > kMostBlocksX || grid.y > kMostBlocksYz || grid.z > kMostBlocksYz ||
      block_threads() == 0 || block_threads() > kMostThreads || shared_bytes > kMostSharedBytes ||
      order.resident_blocks == 0) {
    throw Error(
        "launch: an empty grid or block, or more of blocks, threads or shared memory than a "
        "device takes, or no resident block");
  }
  for (std::uint64_t number = 0; number < count; ++number) {
    blocks_to_run_.push_back(number);
    std::swap(blocks_to_run_[draw(number + 1)], blocks_to_run_.back());
  }
  const std::size_t resident = std::min<std::uint64_t>(order.resident_blocks, count);
  blocks_.resize(resident);
  threads_.resize(resident * block_threads());
  for (std::size_t slot = 0; slot < resident; ++slot) {
    blocks_[slot].first_thread = slot * block_threads();
    for (unsigned number = 0; number < block_threads(); ++number) {
      Thread& thread = threads_[blocks_[slot].first_thread + number];
      thread.block = &blocks_[slot];
      thread.number = number;
      thread.favour = number % kWarpSize == 0 ? draw(1U << 31) : (&thread - 1)->favour;
      thread.index = {number % block_.x, number / block_.x % block_.y,
                      number / (block_.x * block_.y)};
    }
  }
}

/// splitmix64 (Steele, Lea, Flood 2014, OOPSLA, "Fast splittable pseudorandom number generators").
std::uint64_t Grid::draw(std::uint64_t limit) {
  random_ += 0x9e3779b97f4a7c15;
  std::uint64_t bits = random_;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return (bits ^ (bits >> 31)) % limit;
}

/// The place in ready_ of whoever runs next: of four drawn at random, one of the warp that is
/// favoured most. Some warps then run far ahead of others, and what nothing but a missing barrier
/// kept apart meets; drawn evenly, all keep step and it rarely does. Nobody starves, so a loop that
/// waits for another thread ends. After the priorities of Burckhardt et al., ASPLOS 2010, "A
/// randomized scheduler with probabilistic guarantees of finding bugs", section 3.
std::size_t Grid::pick() {
  std::size_t best = draw(ready_.size());
  for (int again = 0; again < 3; ++again) {
    const std::size_t other = draw(ready_.size());
    if (threads_[ready_[other]].favour > threads_[ready_[best]].favour) {
      best = other;
    }
  }
  return best;
}

void Grid::run_body(Thread& thread) {
  try {
    body_();
    if (!thread.async_open.empty() || !thread.async_groups.empty()) {
      fail("leaves the kernel with asynchronous copies it has not waited for");
    }
    Block& block = *thread.block;
    ++block.exited;
    if (block.at_barrier > 0) {
      fail("leaves the kernel while " + std::to_string(block.at_barrier) +
           " threads of its block wait in the barrier of line " +
           std::to_string(block.barrier_line));
    }
  } catch (const Cancelled&) {
  } catch (...) {
    if (!failure_) {
      failure_ = std::current_exception();
    }
  }
}

void Grid::start_block(Block& block) {
  const std::uint64_t number = blocks_to_run_.back();
  blocks_to_run_.pop_back();
  block.index = {static_cast<unsigned>(number % grid_.x),
                 static_cast<unsigned>(number / grid_.x % grid_.y),
                 static_cast<unsigned>(number / grid_.x / grid_.y)};
  block.shared = std::make_unique<std::byte[]>(shared_bytes_);
  std::fill_n(block.shared.get(), shared_bytes_, std::byte{0xff});
  block.meetings.assign((block_threads() + kWarpSize - 1) / kWarpSize, {});
  for (std::size_t thread = 0; thread < block_threads(); ++thread) {
    make_ready(block.first_thread + thread);
  }
}

void Grid::resume(std::size_t number) {
  running_ = number;
  Thread& thread = threads_[number];
  threadIdx = thread.index;
  blockIdx = thread.block->index;
  if (thread.fiber == nullptr) {
    thread.fiber = &pool.take(task_);
  }
  pool.enter(*thread.fiber);
  if (thread.fiber->idle) {
    thread.fiber = nullptr;
  }
}

void Grid::wait(const char* what) {
  Thread& thread = current();
  thread.waits_for = what;
  pool.pause(*thread.fiber);
  thread.waits_for = nullptr;
  if (cancelled_) {
    throw Cancelled{};
  }
}

void Grid::fail(const std::string& what) {
  const Thread& thread = current();
  throw Error("block " + text(thread.block->index) + ", thread " + text(thread.index) + ": " +
              what);
}

void Grid::run() {
  if (active != nullptr) {
    throw Error("a kernel launches another one, which is not emulated");
  }
  active = this;
  blockDim = block_;
  gridDim = grid_;
  std::size_t busy = blocks_.size();
  for (Block& block : blocks_) {
    start_block(block);
  }
  while (busy > 0 && !failure_) {
    if (ready_.empty() || switches_left_-- == 0) {
      failure_ = std::make_exception_ptr(Error(where_all_wait()));
      break;
    }
    std::swap(ready_[pick()], ready_.back());
    const std::size_t number = ready_.back();
    ready_.pop_back();
    resume(number);
    Block& block = *threads_[number].block;
    if (block.exited == block_threads()) {
      block.exited = 0;
      if (blocks_to_run_.empty()) {
        --busy;
      } else {
        start_block(block);
      }
    }
  }
  cancel_all();
  active = nullptr;
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

void Grid::cancel_all() {
  cancelled_ = true;
  for (std::size_t number = 0; number < threads_.size(); ++number) {
    if (threads_[number].fiber != nullptr) {
      resume(number);
    }
  }
}

std::string Grid::where_all_wait() const {
  if (!ready_.empty()) {
    return "the limit of switches is reached: threads wait for a store that never comes";
  }
  for (const Thread& thread : threads_) {
    if (thread.waits_for != nullptr) {
      return "block " + text(thread.block->index) + ", thread " + text(thread.index) +
             " waits for ever in " + thread.waits_for + ", which other threads skip";
    }
  }
  return "no thread can run";
}

Grid& running_grid() {
  if (active == nullptr) {
    throw Error("a device function was called outside of a launch");
  }
  return *active;
}

Order Order::named(std::string_view name, unsigned resident_blocks) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, draft-eastlake-fnv, 64 bits
  for (const char character : name) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3;
  }
  return {.seed = hash, .resident_blocks = resident_blocks};
}

void run_grid(Dim3 grid, Dim3 block, std::size_t shared_bytes, const Order& order,
              const std::function<void()>& body) {
  Grid(grid, block, shared_bytes, order, body).run();
}

}  // namespace orrery::kernels::emulation
