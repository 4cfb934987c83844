#include "sim/base/growing_array.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace orrery::growing_array {
namespace {

// From here on an array lies in a mapping of its own, much larger than it is: pages that are not
// touched cost nothing, and growing onto them neither.
constexpr std::size_t kMapped = std::size_t{1} << 16U;
constexpr std::size_t kAhead = 8;
constexpr std::size_t kLeastMapping = std::size_t{1} << 24U;

// Huge pages mean fewer faults and fewer misses of the TLB, but a small array would rather waste
// such a page than need it. So a mapping begins this long before the first huge page that it can
// hold, unless it is known from the beginning to fill half of one.
constexpr std::size_t kHugePage = std::size_t{1} << 21U;
constexpr std::size_t kBeforeHuge = kHugePage / 8;

/// Bytes from there to the next huge page.
std::size_t before_huge(const void* memory) {
  return (kHugePage - reinterpret_cast<std::uintptr_t>(memory) % kHugePage) % kHugePage;
}

/// Begins `lead` before a huge page.
void* map(std::size_t bytes, std::size_t lead) {
  const std::size_t wider = bytes + kHugePage;
  void* const memory = ::mmap(nullptr, wider, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(memory);
  const std::size_t before = before_huge(begin + lead);
  if (before > 0) ::munmap(begin, before);
  if (before < kHugePage) ::munmap(begin + before + bytes, kHugePage - before);
  // Wishes: where they are not granted, things are only slower. The small pages are brought in
  // together, since a fault costs ten times as much as a page.
  ::madvise(begin + before, bytes, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
  if (lead > 0) ::madvise(begin + before, lead, MADV_POPULATE_WRITE);
#endif
  return begin + before;
}

}  // namespace

Block grow(Block old, std::size_t kept, std::size_t bytes) {
  if (bytes < kMapped) {
    void* const memory = std::realloc(old.memory, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    return {memory, bytes};
  }
  const std::size_t mapped =
      std::max(kLeastMapping, (bytes * kAhead + kHugePage - 1) / kHugePage * kHugePage);
  // Huge pages that are moved have to stay aligned.
  std::size_t lead = bytes >= kHugePage / 2 ? 0 : kBeforeHuge;
  if (old.bytes >= kMapped) lead = before_huge(old.memory);
  const Block block{map(mapped, lead), mapped};
  if (old.bytes < kMapped) {
    if (kept > 0) std::memcpy(block.memory, old.memory, kept);
    std::free(old.memory);
  } else if (::mremap(old.memory, old.bytes, old.bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                      block.memory) == MAP_FAILED) {
    throw std::bad_alloc();
  }
  return block;
}

void free(Block block) {
  if (block.bytes < kMapped) {
    std::free(block.memory);
  } else {
    ::munmap(block.memory, block.bytes);
  }
}

}  // namespace orrery::growing_array
