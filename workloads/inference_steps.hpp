#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "workloads/inference_settings.hpp"
#include "workloads/staged_product.hpp"
#include "workloads/step.hpp"

/// What inference_graph.cpp makes its graph of.
namespace orrery::inference {

/// A step with everything that all its ops share.
struct PreparedStep {
  Op op;             // without ranks
  KernelId started;  // the same kernel as the first of a pass
  StepMemory memory;
  LabelId saved_as;  // memory.saved
  std::optional<Block> posts{};
  std::vector<Block> waits_for{};
  bool shared = false;
  bool of_linear_layer = false;
  std::shared_ptr<StagedProduct> staged{};  // of a product whose stores trigger what is next
};
using PreparedSteps = std::vector<PreparedStep>;

/// What all passes of prefill have in common, or all steps of decode.
struct Phase {
  PreparedSteps embedding;
  PreparedSteps layer;
  PreparedSteps linear_layer;
  PreparedSteps head;
  std::size_t attention = 0;  // its place in `layer`
  Bytes state;
};

struct Stage {
  std::int64_t index = 0;
  RankSetId ranks;
  bool first = false;
  bool last = false;
  OpId last_op;                      // that what comes next waits for
  std::vector<OpId> scattered;       // triggers of a reduce-scatter that the all-gather waits for
  std::array<OpId, kBlocks> posted;  // and those that it waits for where it says so, by block
};

/// What ranks that share prompts do together; beside the output the method leaves what a backward
/// pass would need, which goes.
OpId add_shared(TaskGraph& graph, const InferenceSettings& settings, const Stage& stage,
                const PreparedStep& step, StreamId compute, LabelId buffers);

/// A delay in front of `next`, on its stream, after ops on others.
OpId add_crossing(TaskGraph& graph, const Op& next, Duration delay, const std::vector<OpId>& after);

}  // namespace orrery::inference
