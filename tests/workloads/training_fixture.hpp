#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/json_cursor.hpp"
#include "workloads/network.hpp"
#include "workloads/training_settings.hpp"
#include "workloads/workload.hpp"

namespace orrery::testing {

inline JsonValue shipped_network(const std::string& name) {
  return load_json(std::string(ORRERY_SOURCE_DIR) + "/workloads/networks/" + name + ".json", name);
}

/// A GPT whose sizes are parameters, in our own form.
struct SmallGpt {
  std::int64_t layers = 4;
  std::int64_t hidden = 256;
  std::int64_t heads = 8;
  std::int64_t kv_heads = 8;
  std::int64_t feed_forward = 1024;
  std::int64_t vocabulary = 1024;
  std::int64_t max_positions = 4096;
  std::string activation = "gelu";
  std::string norm = "layernorm";
  std::string positions = "learned";
  bool biases = true;
  bool tied_embeddings = false;

  JsonValue json() const {
    return json_object({{"description", json_string("small")},
                        {"source", json_string("made for a test")},
                        {"layers", json_integer(layers)},
                        {"hidden", json_integer(hidden)},
                        {"heads", json_integer(heads)},
                        {"kv_heads", json_integer(kv_heads)},
                        {"feed_forward", json_integer(feed_forward)},
                        {"vocabulary", json_integer(vocabulary)},
                        {"max_positions", json_integer(max_positions)},
                        {"activation", json_string(activation)},
                        {"norm", json_string(norm)},
                        {"positions", json_string(positions)},
                        {"biases", json_boolean(biases)},
                        {"tied_embeddings", json_boolean(tied_embeddings)}});
  }
};

/// A network with latent attention, as a config.json; query_rank 0: without one.
inline JsonValue latent_network(std::int64_t query_rank) {
  JsonValue value = parse_json(R"({"model_type": "deepseek_v2", "hidden_size": 256,
      "num_hidden_layers": 4, "num_attention_heads": 8, "intermediate_size": 1024,
      "vocab_size": 1024, "max_position_embeddings": 4096, "hidden_act": "silu",
      "kv_lora_rank": 64, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 24})",
                               "latent.json");
  value.members.push_back({"q_lora_rank", query_rank > 0 ? json_integer(query_rank) : JsonValue{}});
  return value;
}

/// A "workload" object with this network and these other keys.
inline JsonValue workload_json(JsonValue network, const std::string& keys) {
  JsonValue value = parse_json(keys, "scenario.json");
  set_origin(network, {value.origin.file, "/network"});
  value.members.push_back({"network", std::move(network)});
  value.members.push_back({"kind", json_string("transformer_training")});
  return value;
}

struct Read {
  std::unique_ptr<Workload> workload;
  Diagnostics diagnostics;

  /// "pointer: message", sorted by occurrence.
  std::vector<std::string> mistakes() const {
    std::vector<std::string> result;
    for (const Diagnostic& item : diagnostics.items()) {
      result.push_back(item.pointer + ": " + item.message);
    }
    return result;
  }
};

inline Read read_training(const JsonValue& value, std::int64_t devices) {
  Read read;
  const Registry<WorkloadFactory> workloads = builtin_workloads();
  read.workload =
      workloads.find("transformer_training")
          ->make(JsonCursor(value, read.diagnostics), {.devices = devices, .host_memory = true});
  return read;
}

/// Throws what a user would see when the scenario is wrong.
inline Job training_job(JsonValue network, const std::string& keys, std::int64_t devices) {
  const JsonValue value = workload_json(std::move(network), keys);
  Read read = read_training(value, devices);
  read.diagnostics.throw_if_any();
  return read.workload->build();
}

inline NetworkShape shape_of(const JsonValue& value) {
  Diagnostics diagnostics;
  const std::optional<NetworkShape> shape = read_network(JsonCursor(value, diagnostics));
  diagnostics.throw_if_any();
  return shape.value();
}

/// "pointer: message" of everything that is wrong with a network.
inline std::vector<std::string> network_mistakes(const JsonValue& value) {
  Read read;
  EXPECT_FALSE(read_network(JsonCursor(value, read.diagnostics)).has_value());
  return read.mistakes();
}

/// Buffers by the end of each pass, activations by the end of both.
inline void expect_to_free_what_they_take(const Passes& passes) {
  std::int64_t activations = 0;
  std::int64_t buffers = 0;
  for (const Steps* pass : {&passes.forward, &passes.backward}) {
    for (const Step& step : *pass) {
      activations += step.memory.saved.count() - step.memory.dropped.count();
      buffers += step.memory.buffer.count() - step.memory.unbuffer.count();
      EXPECT_GE(activations, 0) << step.label;
      EXPECT_GE(buffers, 0) << step.label;
    }
    EXPECT_EQ(buffers, 0);
  }
  EXPECT_EQ(activations, 0);
}

}  // namespace orrery::testing
