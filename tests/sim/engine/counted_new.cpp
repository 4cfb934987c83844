// The replacements stand in a file of their own: inlined beside a call of new, free() looks to GCC
// like the wrong partner of it (-Wmismatched-new-delete).
#include "tests/sim/engine/counted_new.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::uint64_t> calls{0};
}

std::uint64_t orrery::testing::allocations() {
  return calls;
}

void* operator new(std::size_t size) {
  ++calls;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
