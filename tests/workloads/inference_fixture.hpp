#pragma once

#include <string>
#include <utility>

#include "tests/workloads/training_fixture.hpp"

namespace orrery::testing {

/// A "workload" object of the kind "transformer_inference".
inline JsonValue inference_json(JsonValue network, const std::string& keys) {
  JsonValue value = workload_json(std::move(network), keys);
  for (JsonValue::Member& member : value.members) {
    if (member.key == "kind") member.value = json_string("transformer_inference");
  }
  return value;
}

inline Read read_inference(const JsonValue& value, std::int64_t devices) {
  Read read;
  const Registry<WorkloadFactory> workloads = builtin_workloads();
  read.workload = workloads.find("transformer_inference")
                      ->make(JsonCursor(value, read.diagnostics), {.devices = devices});
  return read;
}

/// Throws what a user would see when the scenario is wrong.
inline Job inference_job(JsonValue network, const std::string& keys, std::int64_t devices) {
  const JsonValue value = inference_json(std::move(network), keys);
  Read read = read_inference(value, devices);
  read.diagnostics.throw_if_any();
  return read.workload->build();
}

}  // namespace orrery::testing
