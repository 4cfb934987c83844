#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tests/workloads/training_fixture.hpp"

/// What tests of strategies of training share.
namespace orrery::testing {

inline std::vector<std::string> mistakes(const std::string& keys, std::int64_t devices) {
  const JsonValue value = workload_json(SmallGpt{.layers = 8}.json(), keys);
  return read_training(value, devices).mistakes();
}

/// 8 layers on 16 ranks, tensor 2 x pipeline 4 x data 2, 8 micro-batches, and these keys.
inline Job job_with(const std::string& keys) {
  return training_job(SmallGpt{.layers = 8}.json(),
                      R"({
      "parallel": {"tensor": 2, "pipeline": 4, "data": 2, "sequence_parallel": true},
      "sequence_length": 128, "micro_batch": 2, "global_batch": 32, "dropout": true,
      "attention": "materialized", "gradient_bucket": "256 KiB")" +
                          std::string(keys.empty() ? "" : ", ") + keys + "}",
                      16);
}

inline std::string label_of(const TaskGraph& graph, OpId op) {
  return graph.text(graph.op(op).label);
}

inline std::vector<OpId> ops_labelled(const TaskGraph& graph, const std::string& label) {
  std::vector<OpId> result;
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    if (label_of(graph, OpId(i)) == label) result.emplace_back(i);
  }
  return result;
}

inline Bytes static_memory(const TaskGraph& graph, const std::string& category, Rank rank) {
  Bytes sum;
  for (const StaticMemory& memory : graph.static_memory()) {
    const auto ranks = graph.ranks(memory.ranks);
    const bool there = std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
    if (there && graph.text(memory.category) == category) sum += memory.bytes;
  }
  return sum;
}

}  // namespace orrery::testing
