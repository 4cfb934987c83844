#pragma once

#include <string>
#include <vector>

#include "tests/tools/child_program.hpp"

/// Helpers of the tests that run orrery.
namespace orrery::testing_program {

inline Outcome run_orrery(const std::vector<std::string>& words, const std::string& folder = "") {
  return run_child(ORRERY_PROGRAM, words, folder);
}

/// A scenario that runs in milliseconds: GPT-2 on one node of eight A100.
inline constexpr const char* kSmallScenario = R"({
  "orrery": 1,
  "cluster": "dgx_a100",
  "workload": {
    "kind": "transformer_training", "network": "gpt2",
    "parallel": { "tensor": 4, "pipeline": 1, "data": 2 },
    "sequence_length": 128, "micro_batch": 1, "global_batch": 4, "precision": "bf16"
  }
})";

}  // namespace orrery::testing_program
