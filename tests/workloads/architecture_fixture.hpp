#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/workloads/inference_fixture.hpp"

namespace orrery::testing {

inline constexpr std::size_t kArchitectureLayers = 3;

/// A small network that every architecture takes.
inline JsonValue architecture_network() {
  return SmallGpt{.layers = kArchitectureLayers,
                  .activation = "swiglu",
                  .norm = "rmsnorm",
                  .positions = "rotary"}
      .json();
}

/// Two tokens after prompts of eight, two of them, on two ranks.
inline Job decode(const std::string& architecture, const std::string& more = "") {
  return inference_job(architecture_network(),
                       R"({"parallel": {"tensor": 2}, "batch": 2, "input_length": 8,
      "output_length": 2, "architecture": ")" +
                           architecture + "\"" + more + "}",
                       2);
}

/// Ops by label, in the order of the graph.
inline std::vector<std::size_t> named(const TaskGraph& graph, const std::string& label) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    if (graph.text(graph.ops()[i].label) == label) found.push_back(i);
  }
  return found;
}

/// What is taken and given back of `category`, in the order of the ops.
inline void expect_balance(const TaskGraph& graph, const std::string& category) {
  std::int64_t left = 0;
  for (const MemoryEffect& effect : graph.memory_effects()) {
    if (graph.text(effect.category) != category) continue;
    left += effect.taken.count() - effect.freed.count();
    EXPECT_GE(left, 0) << category << ", " << graph.text(graph.op(effect.op).label);
  }
  EXPECT_EQ(left, 0) << category;
}

}  // namespace orrery::testing
