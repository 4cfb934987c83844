#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace orrery {

/// Slots that are handed out and taken back; what is in use keeps its index.
template <class Item>
class Pool {
 public:
  std::uint32_t take(Item item) {
    if (free_.empty()) {
      items_.push_back(std::move(item));
      return static_cast<std::uint32_t>(items_.size() - 1);
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    items_[index] = std::move(item);
    return index;
  }
  void give_back(std::uint32_t index) { free_.push_back(index); }
  Item& operator[](std::size_t index) { return items_[index]; }

 private:
  std::vector<Item> items_;
  std::vector<std::uint32_t> free_;
};

}  // namespace orrery
