#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "models/collective/collective.hpp"

namespace orrery {

/// Programs of the same members at once, step by step: a member begins a step in all channels when
/// it may in each. Channels that do the same at the same pace lose nothing by that; NCCL's, which
/// are blocks of one kernel, are not held together. Requires one program or more.
std::unique_ptr<CollectiveProgram> side_by_side(
    std::vector<std::unique_ptr<CollectiveProgram>> channels);

/// `make` the program of each channel, one for each order, and put them side by side.
template <class Make>
std::unique_ptr<CollectiveProgram> side_by_side(std::vector<std::vector<int>> orders, Make make) {
  std::vector<std::unique_ptr<CollectiveProgram>> channels;
  const int count = static_cast<int>(orders.size());
  for (int index = 0; index < count; ++index) {
    auto& order = orders[static_cast<std::size_t>(index)];
    channels.push_back(make(Channel{.index = index, .count = count, .order = std::move(order)}));
  }
  return side_by_side(std::move(channels));
}

/// By member its place in an order; empty for an empty one.
std::vector<int> places_in(const std::vector<int>& order);

}  // namespace orrery
