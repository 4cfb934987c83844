#include "sim/base/growing_array.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace orrery::growing_array {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21U;
// From here on an array lies in a mapping of its own, which asks for huge pages: fewer faults and
// fewer misses of the TLB. A smaller one would rather waste such a page than need it.
constexpr std::size_t kLarge = kHugePage / 2;
// A mapping is so many times larger than what is asked for. Pages that are not touched cost
// nothing, and growing within them neither.
constexpr std::size_t kAhead = 8;

std::size_t mapped_bytes(std::size_t bytes) {
  return (bytes * kAhead + kHugePage - 1) / kHugePage * kHugePage;
}

/// Aligned to huge pages.
void* map(std::size_t bytes) {
  void* const memory = ::mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(memory);
  const std::size_t past = reinterpret_cast<std::uintptr_t>(begin) % kHugePage;
  const std::size_t before = past == 0 ? 0 : kHugePage - past;
  if (before > 0) ::munmap(begin, before);
  ::munmap(begin + before + bytes, kHugePage - before);
  ::madvise(begin + before, bytes, MADV_HUGEPAGE);  // a wish: without it things are only slower
  return begin + before;
}

}  // namespace

Block grow(Block old, std::size_t kept, std::size_t bytes) {
  if (bytes < kLarge) {
    void* const memory = std::realloc(old.memory, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    return {memory, bytes};
  }
  const Block block{map(mapped_bytes(bytes)), mapped_bytes(bytes)};
  if (old.bytes < kLarge) {
    if (kept > 0) std::memcpy(block.memory, old.memory, kept);
    std::free(old.memory);
  } else if (::mremap(old.memory, old.bytes, old.bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                      block.memory) == MAP_FAILED) {
    throw std::bad_alloc();
  }
  return block;
}

void free(Block block) {
  if (block.bytes < kLarge) {
    std::free(block.memory);
  } else {
    ::munmap(block.memory, block.bytes);
  }
}

}  // namespace orrery::growing_array
