#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "sim/base/growing_array.hpp"

namespace orrery {

/// Slots that are handed out and taken back; what is in use keeps its index.
template <class Item>
class Pool {
 public:
  std::uint32_t take(const Item& item) { return put(item); }
  std::uint32_t take(Item&& item) { return put(std::move(item)); }
  void give_back(std::uint32_t index) { free_.push_back(index); }
  Item& operator[](std::size_t index) { return items_[index]; }

 private:
  template <class From>
  std::uint32_t put(From&& item) {
    if (free_.empty()) {
      items_.push_back(std::forward<From>(item));
      return static_cast<std::uint32_t>(items_.size() - 1);
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    items_[index] = std::forward<From>(item);
    return index;
  }

  std::conditional_t<std::is_trivially_copyable_v<Item>, GrowingArray<Item>, std::vector<Item>>
      items_;
  GrowingArray<std::uint32_t> free_;
};

}  // namespace orrery
