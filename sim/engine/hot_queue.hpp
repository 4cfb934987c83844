#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/base/growing_array.hpp"

namespace orrery {

/// What a pending event is sorted by: 16 bytes, totally ordered by (time, order).
struct EventKey {
  std::int64_t time;    // picoseconds
  std::uint64_t order;  // unique among the pending keys
  bool before(const EventKey& other) const {
    return time != other.time ? time < other.time : order < other.order;
  }
};

/// Priority queue of EventKey, fastest when nothing is pushed before what was popped last, and
/// exact in every case.
///
/// Far keys lie unsorted in buckets of a radix; only the earliest bucket is ever sorted:
///
///   near   time <= near_last_   run_ (sorted) + strays_ (heap: what came too late for the run)
///   level 0   64 buckets 1 ps wide       the level of a key is its highest base-64 digit that
///   level 1   64 buckets 64 ps wide      differs from base_, its bucket the value of that digit;
///   ...                                  so a lower level is earlier, and above level 0 no key
///   level 10  16 buckets of 2^60 ps      lies in the bucket that base_ is in
///
/// When near runs out, the earliest bucket becomes the run if it is small or of one time, else its
/// keys sink to lower levels: each key sinks at most 10 times, whatever the times are. When strays
/// become many, near shrinks to one instant and the rest sinks likewise. So no distribution of
/// times costs more than a binary heap does, up to a constant factor; and pushes into the past,
/// which the radix cannot take, are kept in that heap.
///
/// Source: Cherkassky, Goldberg, Silverstein, "Buckets, Heaps, Lists, and Monotone Priority
/// Queues", SIAM J. Comput. 28(4), 1999: multi-level buckets, and over them a heap for what is too
/// little to be divided (the hot queue). To sort a small bucket as a whole is from the ladder
/// queue: Tang, Goh, Thng, "Ladder Queue: an O(1) priority queue structure for large-scale discrete
/// event simulation", ACM TOMACS 15(3), 2005.
class HotQueue {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  void push(EventKey key) {
    ++size_;
    if (rank(key) <= near_last_) {
      push_near(key);
    } else {
      push_far(key);
    }
  }
  /// The earliest key. Requires !empty().
  const EventKey& top() {
    if (run_head_ == run_.size() && strays_.empty()) refill();
    return run_is_next() ? run_[run_head_] : strays_.front();
  }
  /// True when no key is as early as `time`, if that can be told without sorting; false otherwise.
  bool none_until(std::int64_t time) const {
    return run_head_ == run_.size() && strays_.empty() && rank(time) <= near_last_;
  }
  /// Removes and returns the earliest key. Requires !empty().
  EventKey take() {
    if (run_head_ == run_.size() && strays_.empty()) refill();
    --size_;
    return run_is_next() ? run_[run_head_++] : take_stray();
  }
  void pop() { take(); }
  /// Removes all keys for which `gone` says so. O(size()).
  template <class Gone>
  void remove_if(Gone gone);

 private:
  static constexpr unsigned kDigitBits = 6;  // one 64-bit mask tells which buckets hold keys
  static constexpr unsigned kLevels = (64 + kDigitBits - 1) / kDigitBits;
  static constexpr unsigned kBuckets = 1U << kDigitBits;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // Buckets are lists of chunks out of one pool, so a bucket costs nothing while empty, and what
  // is lost in unfilled chunks is bounded by the number of buckets.
  struct Chunk {
    std::array<EventKey, 15> keys{};  // 256 bytes a chunk
    std::uint32_t size = 0;
    std::uint32_t next = kNone;
  };
  struct Bucket {
    std::uint32_t first = kNone;  // chunks in order of arrival
    std::uint32_t last = kNone;
  };

  // Time as an unsigned number of the same order.
  static std::uint64_t rank(std::int64_t time) {
    return static_cast<std::uint64_t>(time) ^ std::uint64_t{1} << 63;
  }
  static std::uint64_t rank(EventKey key) { return rank(key.time); }
  bool run_is_next() const {
    return strays_.empty() || (run_head_ != run_.size() && run_[run_head_].before(strays_.front()));
  }
  EventKey take_stray();
  void order_strays();
  void push_near(EventKey key);
  void push_far(EventKey key);
  void narrow();
  void refill();
  void move_to_run(std::uint32_t first_chunk, std::size_t count);
  void sink(std::uint32_t first_chunk);
  void cut_bucket(std::size_t bucket, std::uint32_t last_chunk);
  std::uint32_t take_chunk();
  void return_chunk(std::uint32_t chunk);

  GrowingArray<EventKey> run_;
  std::size_t run_head_ = 0;
  std::vector<EventKey> strays_;
  std::uint64_t near_last_ = 0;  // ranks, as is base_
  std::uint64_t base_ = 0;       // not after any far key
  std::array<std::uint64_t, kLevels> occupied_{};
  std::vector<Bucket> buckets_ = std::vector<Bucket>(std::size_t{kLevels} * kBuckets);
  GrowingArray<Chunk> chunks_;
  std::uint32_t free_chunk_ = kNone;
  std::size_t size_ = 0;
};

template <class Gone>
void HotQueue::remove_if(Gone gone) {
  std::erase_if(strays_, gone);
  order_strays();
  const EventKey* const run_end = std::remove_if(run_.begin() + run_head_, run_.end(), gone);
  run_.resize(static_cast<std::size_t>(run_end - run_.begin()));
  std::size_t left = strays_.size() + run_.size() - run_head_;
  for (std::size_t b = 0; b < buckets_.size(); ++b) {
    Bucket& bucket = buckets_[b];
    // What stays moves to the front of the list, the chunks behind it are given back.
    std::uint32_t to = bucket.first;
    std::uint32_t kept = 0;
    std::uint32_t before = kNone;  // the last full chunk
    for (std::uint32_t at = bucket.first; at != kNone; at = chunks_[at].next) {
      const std::uint32_t size = chunks_[at].size;
      for (std::uint32_t k = 0; k < size; ++k) {
        if (gone(chunks_[at].keys[k])) continue;
        chunks_[to].keys[kept++] = chunks_[at].keys[k];
        ++left;
        if (kept < chunks_[to].keys.size()) continue;
        chunks_[to].size = kept;
        before = to;
        to = chunks_[to].next;
        kept = 0;
      }
    }
    if (bucket.first == kNone) continue;
    if (to != kNone) chunks_[to].size = kept;
    cut_bucket(b, kept > 0 ? to : before);
  }
  size_ = left;
}

}  // namespace orrery
