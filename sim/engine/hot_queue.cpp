#include "sim/engine/hot_queue.hpp"

#include <algorithm>
#include <bit>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

// Sorting 64 keys is cheaper than sinking them; 48 to 200 measured alike in tests/bench.
constexpr std::size_t kSortLimit = 32;
// Popped keys that are not worth moving those that are left.
constexpr std::size_t kPoppedAllowed = 1024;
// Moving 64 keys of 16 bytes is cheaper than a heap.
constexpr std::size_t kInsertLimit = 64;
// A heap of this size stays in the first-level cache; beyond it sinking is cheaper.
constexpr std::size_t kStrayLimit = 64;

bool earlier(const EventKey& a, const EventKey& b) {
  return a.before(b);
}
bool later(const EventKey& a, const EventKey& b) {
  return b.before(a);
}

}  // namespace

EventKey HotQueue::take_stray() {
  std::pop_heap(strays_.begin(), strays_.end(), later);
  const EventKey key = strays_.back();
  strays_.pop_back();
  return key;
}

void HotQueue::order_strays() {
  std::make_heap(strays_.begin(), strays_.end(), later);
}

void HotQueue::push_near(EventKey key) {
  if (run_head_ == run_.size()) {
    run_.clear();
    run_head_ = 0;
  }
  // Events for the present instant mostly come in their order: then the run is a plain FIFO.
  if (!run_.empty() && run_.back().before(key)) {
    // A FIFO that never runs empty must still give back what was popped.
    if (run_head_ > kPoppedAllowed && run_head_ > run_.size() / 2) {
      std::copy(run_.begin() + run_head_, run_.end(), run_.begin());
      run_.resize(run_.size() - run_head_);
      run_head_ = 0;
    }
    run_.push_back(key);
    return;
  }
  if (run_.size() - run_head_ <= kInsertLimit) {
    EventKey* const begin = run_.begin() + run_head_;
    EventKey* const place = std::upper_bound(begin, run_.end(), key, earlier);
    if (run_head_ == 0) {
      const std::ptrdiff_t behind = place - begin;
      run_.push_back(key);
      std::rotate(run_.begin() + behind, run_.end() - 1, run_.end());
    } else {  // into the gap that popped keys left
      *std::move(begin, place, begin - 1) = key;
      --run_head_;
    }
    return;
  }
  strays_.push_back(key);
  std::push_heap(strays_.begin(), strays_.end(), later);
  if (strays_.size() > kStrayLimit && near_last_ > base_) narrow();
}

void HotQueue::push_far(EventKey key) {
  const std::uint64_t time = rank(key);
  const std::uint64_t difference = time ^ base_;
  const unsigned level =
      (63U - static_cast<unsigned>(std::countl_zero(difference | 1))) / kDigitBits;
  const unsigned digit = static_cast<unsigned>(time >> level * kDigitBits) % kBuckets;
  Bucket& bucket = buckets_[level * kBuckets + digit];
  if (bucket.first == kNone) {
    occupied_[level] |= std::uint64_t{1} << digit;
    bucket.first = bucket.last = take_chunk();
  } else if (chunks_[bucket.last].size == chunks_[bucket.last].keys.size()) {
    const std::uint32_t chunk = take_chunk();
    chunks_[bucket.last].next = chunk;
    bucket.last = chunk;
  }
  Chunk& chunk = chunks_[bucket.last];
  chunk.keys[chunk.size++] = key;
}

/// Ends a bucket's list at `last` (none: it is empty) and gives back the chunks behind it.
void HotQueue::cut_bucket(std::size_t index, std::uint32_t last) {
  Bucket& bucket = buckets_[index];
  std::uint32_t behind = last == kNone ? bucket.first : chunks_[last].next;
  if (last == kNone) {
    bucket = Bucket{};
    occupied_[index / kBuckets] &= ~(std::uint64_t{1} << index % kBuckets);
  } else {
    bucket.last = last;
    chunks_[last].next = kNone;
  }
  while (behind != kNone) {
    const std::uint32_t next = chunks_[behind].next;
    return_chunk(behind);
    behind = next;
  }
}

std::uint32_t HotQueue::take_chunk() {
  if (free_chunk_ == kNone) {
    chunks_.push_back(Chunk{});
    return static_cast<std::uint32_t>(chunks_.size() - 1);
  }
  const std::uint32_t chunk = free_chunk_;
  free_chunk_ = chunks_[chunk].next;
  chunks_[chunk].size = 0;
  chunks_[chunk].next = kNone;
  return chunk;
}

void HotQueue::return_chunk(std::uint32_t chunk) {
  chunks_[chunk].next = free_chunk_;
  free_chunk_ = chunk;
}

void HotQueue::narrow() {
  // Not before base_: a key pushed into the past has no place in the radix.
  base_ = std::max(base_, rank(top()));
  near_last_ = base_;
  const auto stays = [this](const EventKey& key) { return rank(key) <= near_last_; };
  while (run_.size() > run_head_ && !stays(run_.back())) {
    push_far(run_.back());
    run_.pop_back();
  }
  const auto leaving = std::partition(strays_.begin(), strays_.end(), stays);
  for (auto key = leaving; key != strays_.end(); ++key) push_far(*key);
  strays_.erase(leaving, strays_.end());
  order_strays();
}

void HotQueue::refill() {
  ORRERY_CHECK(size_ != 0, "the next key of an empty queue");
  for (;;) {
    unsigned level = 0;
    while (occupied_[level] == 0) ++level;
    const auto digit = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    occupied_[level] &= occupied_[level] - 1;
    Bucket& bucket = buckets_[level * kBuckets + digit];
    const std::uint32_t first = bucket.first;
    bucket = Bucket{};

    std::size_t count = 0;
    for (std::uint32_t at = first; at != kNone; at = chunks_[at].next) count += chunks_[at].size;
    const std::uint64_t width = std::uint64_t{1} << level * kDigitBits;
    if (count <= kSortLimit) {
      move_to_run(first, count);
      std::sort(run_.begin(), run_.end(), earlier);
      base_ = rank(run_[0]);
      near_last_ = base_ | (width - 1);  // the rest of a small bucket is near too
      return;
    }
    std::uint64_t least = UINT64_MAX;
    std::uint64_t most = 0;
    for (std::uint32_t at = first; at != kNone; at = chunks_[at].next) {
      for (std::uint32_t k = 0; k < chunks_[at].size; ++k) {
        least = std::min(least, rank(chunks_[at].keys[k]));
        most = std::max(most, rank(chunks_[at].keys[k]));
      }
    }
    base_ = least;
    if (least != most) {
      sink(first);
      continue;
    }
    move_to_run(first, count);
    // Of one time, they mostly lie in their order already.
    if (!std::is_sorted(run_.begin(), run_.end(), earlier)) {
      std::sort(run_.begin(), run_.end(), earlier);
    }
    near_last_ = least;
    return;
  }
}

void HotQueue::move_to_run(std::uint32_t first_chunk, std::size_t count) {
  run_.resize(count);
  run_head_ = 0;
  EventKey* next_key = run_.begin();
  for (std::uint32_t at = first_chunk; at != kNone;) {
    const Chunk& chunk = chunks_[at];
    const std::uint32_t next = chunk.next;
    next_key = std::copy_n(chunk.keys.begin(), chunk.size, next_key);
    return_chunk(at);
    at = next;
  }
}

void HotQueue::sink(std::uint32_t first_chunk) {
  for (std::uint32_t at = first_chunk; at != kNone;) {
    const Chunk chunk = chunks_[at];  // a copy: push_far may reuse or move the original
    return_chunk(at);
    for (std::uint32_t k = 0; k < chunk.size; ++k) push_far(chunk.keys[k]);
    at = chunk.next;
  }
}

}  // namespace orrery
