#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>

/// A grid of CUDA threads on one thread of the host: each CUDA thread is a fiber that runs until it
/// waits, and whoever runs next is drawn at random. It finds wrong indices, wrong arithmetic,
/// missing or skipped barriers and reads of shared memory that nobody wrote. It cannot find what
/// the memory model of a GPU allows beyond an interleaving of whole statements between waits.
namespace orrery::kernels::emulation {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

/// As CUDA's dim3.
struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

/// What a kernel did that CUDA forbids, with block, thread and line.
struct Error : std::logic_error {
  using std::logic_error::logic_error;
};

/// In which order threads run.
struct Order {
  std::uint64_t seed = 0;
  unsigned resident_blocks = 2;              ///< so many blocks run interleaved; >= 1
  std::uint64_t switch_limit = 200'000'000;  ///< more is an endless wait, and an Error

  /// The order that belongs to a name, say that of a test.
  static Order named(std::string_view name, unsigned resident_blocks = 2);
};

/// Runs `body` once for each thread of the grid. Throws Error, or what a thread threw.
///   shared_bytes  shared memory of each block; filled with 0xff before the block starts (a NaN in
///                 every floating format)
void run_grid(Dim3 grid, Dim3 block, std::size_t shared_bytes, const Order& order,
              const std::function<void()>& body);

// What a running thread may ask -------------------------------------------------------------------

extern thread_local Index threadIdx;
extern thread_local Index blockIdx;
extern thread_local Dim3 blockDim;
extern thread_local Dim3 gridDim;

/// Waits for all threads of the block, which must wait in the same line of the source.
void block_barrier(const char* file, unsigned line);

/// Shared memory of this block; at most the bytes the launch asked for.
void* shared_memory(std::size_t bytes);

/// Lets others run: for loops that wait for another thread's store.
void yield();

/// An operation of a warp on the inputs of its lanes. Pointers of lanes outside the mask are null.
using WarpOperation = std::function<void(const void* const (&in)[32], void* const (&out)[32])>;

/// Waits until all lanes in `mask` are here, then one of them applies the operation for all.
///   name  of the operation; lanes that meet must name the same
void warp_collective(const char* name, unsigned mask, const void* in, void* out,
                     const WarpOperation& operation);

/// Lane of this thread, 0 to 31.
unsigned lane();

/// A store that this thread begins and that has landed when it has waited for it (cp.async).
void begin_async(std::function<void()> store);
/// Closes a group of begun stores.
void commit_async();
/// Lands all groups but the last `pending` ones.
void wait_async(unsigned pending);

}  // namespace orrery::kernels::emulation
