#pragma once

// Heaps that the queue of the engine is measured against.

#include <algorithm>
#include <boost/heap/pairing_heap.hpp>
#include <cstddef>
#include <queue>
#include <vector>

#include "sim/engine/hot_queue.hpp"

namespace orrery::bench {

struct Later {
  bool operator()(const EventKey& a, const EventKey& b) const { return b.before(a); }
};

/// push and pop of a container that has top().
template <class Container>
class Adapted {
 public:
  void push(EventKey key) { container_.push(key); }
  EventKey pop() {
    const EventKey key = container_.top();
    container_.pop();
    return key;
  }

 private:
  Container container_;
};

using BinaryHeap = Adapted<std::priority_queue<EventKey, std::vector<EventKey>, Later>>;
using PairingHeap = Adapted<boost::heap::pairing_heap<EventKey, boost::heap::compare<Later>>>;
using Hot = Adapted<HotQueue>;

/// Implicit heap of four children a node: half the depth of a binary one, and the children of a
/// node share a cache line. Source: LaMarca and Ladner, ACM JEA 1, 1996, "The influence of caches
/// on the performance of heaps".
class QuaternaryHeap {
 public:
  void push(EventKey key) {
    heap_.emplace_back();
    std::size_t hole = heap_.size() - 1;
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / kArity;
      if (!key.before(heap_[parent])) break;
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = key;
  }

  EventKey pop() {
    const EventKey top = heap_.front();
    const EventKey last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down(last);
    return top;
  }

 private:
  static constexpr std::size_t kArity = 4;

  void sift_down(EventKey key) {
    const std::size_t size = heap_.size();
    std::size_t hole = 0;
    for (;;) {
      const std::size_t first = hole * kArity + 1;
      if (first >= size) break;
      std::size_t best = first;
      const std::size_t end = std::min(first + kArity, size);
      for (std::size_t child = first + 1; child < end; ++child) {
        if (heap_[child].before(heap_[best])) best = child;
      }
      if (!heap_[best].before(key)) break;
      heap_[hole] = heap_[best];
      hole = best;
    }
    heap_[hole] = key;
  }

  std::vector<EventKey> heap_;
};

}  // namespace orrery::bench
