#pragma once

#include <cstdint>
#include <vector>

#include "workloads/parameter_count.hpp"
#include "workloads/training_settings.hpp"

namespace orrery {

/// The work of one micro-batch by units of the network.
struct TrainingParts {
  std::int64_t vocabulary = 0;  // padded
  Passes embedding;
  Passes layer;
  Passes linear_layer;  // of networks that have such
  Passes head;
  /// Twice the pairs of tokens that attention works on, by micro-batch and replica; only where rows
  /// are cut from documents.
  std::vector<std::int64_t> pairs;
};

/// Throws OverflowError when an amount of work leaves 64 bits.
TrainingParts training_parts(const TrainingSettings& settings);

/// Parameters of the embedding, of a layer of either kind and of the head. With tied embeddings the
/// last of several stages holds a copy of the embedding's matrix, as in Megatron-LM.
struct UnitParameters {
  ParameterCount embedding;
  ParameterCount layer;
  ParameterCount linear_layer;
  ParameterCount head;
};
UnitParameters unit_parameters(const TrainingSettings& settings);

/// The layers of one part of the network.
struct PartLayers {
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::int64_t linear = 0;  // of these
};
PartLayers layers_of_part(const TrainingSettings& settings, std::int64_t part);

/// Parameters of one part of the network: of one chunk of a pipeline stage. The first holds the
/// embedding, the last the head.
ParameterCount part_parameters(const TrainingSettings& settings, std::int64_t part);

/// Ops of the graph that is to be built, up to a few per layer.
std::int64_t estimated_ops(const TrainingSettings& settings, const TrainingParts& parts);

}  // namespace orrery
