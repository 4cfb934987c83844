#include "workloads/training_parts.hpp"

#include "workloads/transformer_ends.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery {
namespace {

bool head_holds_weights(const TrainingSettings& settings) {
  return !settings.network.tied_embeddings || settings.grid.pipeline > 1;
}

std::int64_t step_count(const Passes& passes) {
  return static_cast<std::int64_t>(passes.forward.size() + passes.backward.size());
}

}  // namespace

TrainingParts training_parts(const TrainingSettings& settings) {
  const NetworkShape& network = settings.network;
  TrainingParts parts;
  parts.vocabulary = padded_vocabulary(network, settings.grid.tensor);
  parts.embedding = embedding_passes(network, settings.division, parts.vocabulary);
  parts.layer = layer_passes(network, settings.division);
  parts.head =
      head_passes(network, settings.division, parts.vocabulary, head_holds_weights(settings));
  return parts;
}

ParameterCount stage_parameters(const TrainingSettings& settings, std::int64_t stage) {
  const NetworkShape& network = settings.network;
  const std::int64_t vocabulary = padded_vocabulary(network, settings.grid.tensor);
  const std::int64_t layers = network.layers / settings.grid.pipeline;
  ParameterCount count = layer_parameters(network, settings.grid.tensor);
  count.divided *= layers;
  count.replicated *= layers;
  const auto add = [&count](const ParameterCount& more) {
    count.divided += more.divided;
    count.replicated += more.replicated;
  };
  if (stage == 0) {
    add(embedding_parameters(network, vocabulary));
  }
  if (stage == settings.grid.pipeline - 1) {
    add(head_parameters(network, vocabulary, head_holds_weights(settings)));
  }
  return count;
}

std::int64_t estimated_ops(const TrainingSettings& settings, const TrainingParts& parts) {
  const std::int64_t per_micro_batch = settings.network.layers * step_count(parts.layer) +
                                       step_count(parts.embedding) + step_count(parts.head) +
                                       2 * (settings.grid.pipeline - 1);
  return settings.micro_batches * per_micro_batch;
}

}  // namespace orrery
