#pragma once

#include <cstdint>

#include "workloads/parameter_count.hpp"
#include "workloads/training_settings.hpp"

namespace orrery {

/// The work of one micro-batch by parts of the network, and which parameters each stage holds.
struct TrainingParts {
  std::int64_t vocabulary = 0;  // padded
  Passes embedding;
  Passes layer;
  Passes head;
};

/// Throws OverflowError when an amount of work leaves 64 bits.
TrainingParts training_parts(const TrainingSettings& settings);

/// Parameters of one pipeline stage. With tied embeddings the last of several stages holds a copy
/// of the embedding's matrix, as in Megatron-LM.
ParameterCount stage_parameters(const TrainingSettings& settings, std::int64_t stage);

/// Ops of the graph that is to be built, up to a few per layer.
std::int64_t estimated_ops(const TrainingSettings& settings, const TrainingParts& parts);

}  // namespace orrery
