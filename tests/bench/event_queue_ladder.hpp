#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/engine/hot_queue.hpp"

namespace orrery::bench {

/// The ladder queue, to measure against: Tang, Goh, Thng, "Ladder Queue: an O(1) priority queue
/// structure for large-scale discrete event simulation", ACM TOMACS 15(3), 2005.
///
/// Top holds the far future unsorted, each rung divides one bucket of the rung above, Bottom is
/// sorted. As in the paper a bucket of more than 50 keys becomes a rung, and so does a Bottom that
/// has grown beyond 50; there are at most 8 rungs. Widths are rounded up to whole picoseconds, and
/// a bucket of one time is sorted whatever its size, for no rung could divide it.
class LadderQueue {
 public:
  void push(EventKey key) {
    if (key.time >= top_start_) {
      add_to_top(key);
      return;
    }
    for (std::size_t r = 0; r < rung_count_; ++r) {
      if (key.time >= rungs_[r].current_start()) {
        rungs_[r].add(key);
        return;
      }
    }
    // The earliest is at the back.
    bottom_.insert(std::lower_bound(bottom_.begin(), bottom_.end(), key, later), key);
    if (bottom_.size() > kThreshold && bottom_.front().time != bottom_.back().time &&
        rung_count_ < kMaximumRungs)
      divide_bottom();
  }

  EventKey pop() {
    if (bottom_.empty()) refill();
    const EventKey key = bottom_.back();
    bottom_.pop_back();
    return key;
  }

 private:
  static constexpr std::size_t kThreshold = 50;
  static constexpr std::size_t kMaximumRungs = 8;

  struct Rung {
    std::int64_t start = 0;
    std::int64_t width = 1;
    std::size_t current = 0;  // buckets before it are spent
    std::size_t size = 0;
    std::vector<std::vector<EventKey>> buckets;

    std::int64_t current_start() const {
      return start + static_cast<std::int64_t>(current) * width;
    }
    void divide(std::int64_t first, std::int64_t beyond, std::size_t keys) {
      start = first;
      width = (beyond - first) / static_cast<std::int64_t>(keys) + 1;
      current = 0;
      size = 0;
      const auto count = static_cast<std::size_t>((beyond - first - 1) / width + 1);
      if (buckets.size() < count) buckets.resize(count);
    }
    void add(EventKey key) {
      buckets[static_cast<std::size_t>((key.time - start) / width)].push_back(key);
      ++size;
    }
  };

  static bool later(const EventKey& a, const EventKey& b) { return b.before(a); }

  void add_to_top(EventKey key) {
    if (top_.empty()) top_least_ = top_most_ = key.time;
    top_least_ = std::min(top_least_, key.time);
    top_most_ = std::max(top_most_, key.time);
    top_.push_back(key);
  }

  Rung& next_rung() {
    if (rungs_.size() == rung_count_) rungs_.emplace_back();
    return rungs_[rung_count_++];
  }

  void move_to_bottom(std::vector<EventKey>& keys) {
    bottom_.swap(keys);
    keys.clear();
    std::sort(bottom_.begin(), bottom_.end(), later);
  }

  void divide_bottom() {
    const std::int64_t beyond =
        rung_count_ == 0 ? top_start_ : rungs_[rung_count_ - 1].current_start();
    Rung& rung = next_rung();
    rung.divide(bottom_.back().time, beyond, bottom_.size());
    for (const EventKey& key : bottom_) rung.add(key);
    bottom_.clear();
    refill();
  }

  void refill() {
    if (rung_count_ == 0) {
      top_start_ = top_most_ + 1;
      if (top_least_ == top_most_) {
        move_to_bottom(top_);
        return;
      }
      Rung& rung = next_rung();
      rung.divide(top_least_, top_start_, top_.size());
      for (const EventKey& key : top_) rung.add(key);
      top_.clear();
    }
    for (;;) {
      Rung& rung = rungs_[rung_count_ - 1];
      while (rung.buckets[rung.current].empty()) ++rung.current;
      std::vector<EventKey>& bucket = rung.buckets[rung.current];
      const std::int64_t start = rung.current_start();
      const std::int64_t beyond = start + rung.width;
      rung.size -= bucket.size();
      ++rung.current;
      if (bucket.size() <= kThreshold || rung_count_ == kMaximumRungs || rung.width == 1) {
        move_to_bottom(bucket);
        while (rung_count_ > 0 && rungs_[rung_count_ - 1].size == 0) --rung_count_;
        return;
      }
      std::vector<EventKey> keys;
      keys.swap(bucket);
      Rung& child = next_rung();
      child.divide(start, beyond, keys.size());
      for (const EventKey& key : keys) child.add(key);
    }
  }

  std::vector<EventKey> top_;
  std::int64_t top_least_ = 0;
  std::int64_t top_most_ = 0;
  std::int64_t top_start_ = INT64_MIN;
  std::vector<Rung> rungs_;
  std::size_t rung_count_ = 0;
  std::vector<EventKey> bottom_;
};

}  // namespace orrery::bench
