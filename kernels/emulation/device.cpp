// What a running thread may ask: barriers, warp operations, asynchronous copies.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/emulation/grid_state.hpp"

namespace orrery::kernels::emulation {

void block_barrier(const char* file, unsigned line) {
  Grid& all = running_grid();
  Block& block = *all.current().block;
  if (block.exited > 0) {
    all.fail("waits in the barrier of line " + std::to_string(line) + ", but " +
             std::to_string(block.exited) + " threads of its block have left the kernel");
  }
  if (block.at_barrier == 0) {
    block.barrier_file = file;
    block.barrier_line = line;
  } else if (block.barrier_line != line || std::string_view(block.barrier_file) != file) {
    all.fail("waits in the barrier of line " + std::to_string(line) +
             ", others of its block in that of line " + std::to_string(block.barrier_line));
  }
  const std::size_t last = block.first_thread + all.block_threads();
  if (++block.at_barrier == all.block_threads()) {
    block.at_barrier = 0;
    for (std::size_t thread = block.first_thread; thread < last; ++thread) {
      all.make_ready(thread);
    }
  }
  all.wait("__syncthreads");
}

void* shared_memory(std::size_t bytes) {
  Grid& all = running_grid();
  if (bytes > all.shared_bytes()) {
    all.fail("asks for " + std::to_string(bytes) + " bytes of shared memory, launched with " +
             std::to_string(all.shared_bytes()));
  }
  return all.current().block->shared.get();
}

void yield() {
  Grid& all = running_grid();
  all.make_ready(all.current_number());
  all.wait("yield");
}

unsigned lane() {
  return running_grid().current().number % kWarpSize;
}

void warp_collective(const char* name, unsigned mask, const void* in, void* out,
                     const WarpOperation& operation) {
  Grid& all = running_grid();
  Thread& thread = all.current();
  const unsigned warp = thread.number / kWarpSize;
  const unsigned own = 1u << (thread.number % kWarpSize);
  auto& meetings = thread.block->meetings[warp];
  if ((mask & own) == 0) {
    all.fail(std::string(name) + ": its own lane is not in the mask");
  }
  auto found = std::find_if(meetings.begin(), meetings.end(),
                            [mask](const Meeting& meeting) { return (meeting.mask & mask) != 0; });
  if (found == meetings.end()) {
    found = meetings.insert(meetings.end(), Meeting{.name = name, .mask = mask});
  }
  if (found->mask != mask || std::string_view(found->name) != name) {
    all.fail(std::string(name) + ": lanes of its mask wait in " + found->name +
             " or name another mask");
  }
  found->arrived |= own;
  found->in[thread.number % kWarpSize] = in;
  found->out[thread.number % kWarpSize] = out;
  if (found->arrived == mask) {
    const Meeting meeting = *found;
    meetings.erase(found);
    operation(meeting.in, meeting.out);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      if ((mask >> lane & 1u) != 0) {
        all.make_ready(thread.block->first_thread + warp * kWarpSize + lane);
      }
    }
  }
  all.wait(name);
}

void begin_async(std::function<void()> store) {
  Grid& all = running_grid();
  // It may land at once, when others still read what was there, or as late as the wait.
  if (all.draw(2) == 0) {
    store();
  } else {
    all.current().async_open.push_back(std::move(store));
  }
}

void commit_async() {
  Thread& thread = running_grid().current();
  thread.async_groups.push_back(std::exchange(thread.async_open, {}));
}

void wait_async(unsigned pending) {
  Thread& thread = running_grid().current();
  while (thread.async_groups.size() > pending) {
    for (const auto& store : thread.async_groups.front()) {
      store();
    }
    thread.async_groups.pop_front();
  }
}

}  // namespace orrery::kernels::emulation
