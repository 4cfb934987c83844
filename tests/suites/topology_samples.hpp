#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/models/topology/topology_making.hpp"

namespace orrery {

/// A fabric section of some kind, and what is known of its shape from the definition.
struct Sample {
  std::string label;
  std::string section;
  TopologySite site;
  /// Links on the shortest route between two different endpoints.
  std::function<std::size_t(int, int)> hops;
  /// What goes at once from the first half of the endpoints to the second, in GB/s raw; links carry
  /// 10, NIC ports 50.
  double halves = 0;
  bool is_grid = false;
};

/// By kind.
std::map<std::string, std::vector<Sample>> samples();
/// Of the registered kinds, in their order.
std::vector<Sample> all_samples();
/// "fat_tree_one_leaf"
std::string test_name(const ::testing::TestParamInfo<Sample>& info);

}  // namespace orrery
