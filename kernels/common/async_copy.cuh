#pragma once

// cp.async: copies from global to shared memory that land later. In the emulation each lands at
// once or in the wait, as the seed decides, so that a missing wait shows and a place still read.
// Source: PTX ISA, "Data Movement and Conversion Instructions: cp.async".

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

/// Begins to copy 16 bytes; both places are aligned to 16. When not `valid`, zeros arrive and
/// `global` is not read.
__device__ __forceinline__ void copy_async_16(void* shared, const void* global, bool valid) {
#if defined(__CUDACC__)
  const auto place = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(global), "r"(bytes)
               : "memory");
#else
  emulation::begin_async([shared, global, valid] {
    if (valid) {
      std::memcpy(shared, global, 16);
    } else {
      std::memset(shared, 0, 16);
    }
  });
#endif
}

/// Closes a group of begun copies, which may be empty.
__device__ __forceinline__ void commit_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  emulation::commit_async();
#endif
}

/// Waits for this thread's groups but the last `kPending`. Other threads see them after a barrier.
template <int kPending>
__device__ __forceinline__ void wait_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#else
  emulation::wait_async(kPending);
#endif
}

}  // namespace orrery::kernels
