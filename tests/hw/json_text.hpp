#pragma once

#include <string>

#include "sim/base/errors.hpp"
#include "sim/base/json_value.hpp"

namespace orrery {

/// A resolved device, node and cluster with round numbers, for tests that change one thing.
inline const char* const kDeviceText = R"({
  "name": "d", "description": "", "vendor": "v", "architecture": "a",
  "peak": {"bf16": "100 TFLOP/s", "fp32": "10 TFLOP/s"},
  "hbm": {"capacity": "8 GiB", "bandwidth": "1 TB/s"},
  "cores": 10, "l2": "1 MiB", "clock": "1 GHz", "tdp": "100 W", "kernel_launch": "2 us",
  "collective_launch": "5 us",
  "efficiency": {"math": {"bf16": 0.5, "fp32": 1}, "attention": 0.4, "memory": 0.8}})";
inline const char* const kLinkText =
    R"({"name": "l", "kind": "wire", "bandwidth": "10 GB/s", "latency": "1 us", "efficiency": 0.5})";

inline std::string node_text() {
  return std::string(R"({"device": )") + kDeviceText +
         R"(, "devices": 4, "fabric": {"kind": "crossbar", "links_per_device": 2, "link": )" +
         kLinkText + R"(}, "nics": 2, "nic_link": )" + kLinkText + R"(, "host_link": )" +
         kLinkText + "}";
}
inline std::string cluster_text() {
  return R"({"node": )" + node_text() +
         R"(, "nodes": 3, "fabric": {"kind": "fat_tree", "nodes_per_leaf": 2,
            "oversubscription": 2, "link": )" +
         kLinkText + "}}";
}

/// `text` with the value at `pointer` set to the JSON `value`, or removed for the value "null".
inline JsonValue changed(const std::string& text, const std::string& pointer,
                         const std::string& value) {
  JsonValue root = parse_json(text, "t.json");
  if (pointer.empty()) {
    return root;
  }
  if (value != "null") {
    JsonValue parsed = parse_json(value, "t.json");
    set_origin(parsed, {root.origin.file, pointer});
    const std::string problem = set_at(root, pointer, std::move(parsed));
    ORRERY_CHECK(problem.empty(), problem);
    return root;
  }
  JsonValue patch = parse_json("null", "t.json");
  std::string rest = pointer;
  while (!rest.empty()) {
    const std::size_t slash = rest.rfind('/');
    patch = json_object({{rest.substr(slash + 1), patch}});
    rest.resize(slash);
  }
  merge_patch(root, patch);
  return root;
}

inline std::string all_text(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics.items()) {
    text += diagnostic.text() + "\n";
  }
  return text;
}

}  // namespace orrery
