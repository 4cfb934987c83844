#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/base/growing_array.hpp"

namespace orrery {

/// Many lists of plain values in one array. A list that grows moves to a room of twice the size,
/// and leaves its old one to others. Requires fewer than 2^32 values in all rooms together.
template <class Value>
class ListPool {
 public:
  struct List {
    std::uint32_t first = 0;
    std::uint32_t size = 0;  // may be lowered from outside
    std::uint32_t room = 0;
  };

  /// Valid until the next push_back.
  std::span<Value> of(const List& list) { return {values_.data() + list.first, list.size}; }
  std::span<const Value> of(const List& list) const {
    return {values_.data() + list.first, list.size};
  }
  void push_back(List& list, const Value& value) {
    if (list.size == list.room) move(list, std::max(kLeastRoom, 2 * list.room));
    values_[list.first + list.size++] = value;
  }
  void reserve(List& list, std::uint32_t size) {
    if (size > list.room) move(list, std::max(kLeastRoom, std::bit_ceil(size)));
  }

 private:
  static constexpr std::uint32_t kLeastRoom = 4;

  std::vector<std::uint32_t>& free_rooms(std::uint32_t room) {
    return free_rooms_[static_cast<std::size_t>(std::countr_zero(room))];
  }
  void move(List& list, std::uint32_t room) {
    std::uint32_t first = static_cast<std::uint32_t>(values_.size());
    if (free_rooms(room).empty()) {
      values_.resize(values_.size() + room);
    } else {
      first = free_rooms(room).back();
      free_rooms(room).pop_back();
    }
    std::copy_n(values_.data() + list.first, list.size, values_.data() + first);
    if (list.room > 0) free_rooms(list.room).push_back(list.first);
    list.first = first;
    list.room = room;
  }

  GrowingArray<Value> values_;
  std::array<std::vector<std::uint32_t>, 32> free_rooms_;  // by the logarithm of their size
};

}  // namespace orrery
