#include "workloads/training_parts.hpp"

#include <numeric>

#include "workloads/document_stream.hpp"
#include "workloads/ladder.hpp"
#include "workloads/recomputation.hpp"
#include "workloads/transformer_ends.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery {
namespace {

bool head_holds_weights(const TrainingSettings& settings) {
  return !settings.network.tied_embeddings || settings.grid.pipeline > 1;
}

std::int64_t step_count(const Passes& passes, std::int64_t tensor) {
  return count_ops(passes.forward, tensor) + count_ops(passes.backward, tensor);
}

std::vector<std::int64_t> pairs_by_content(const TrainingSettings& settings) {
  const Division& division = settings.division;
  std::vector<std::int64_t> result;
  if (division.documents.empty()) return result;
  const DocumentStream documents(division.documents, division.sequence_length);
  const std::int64_t count = settings.micro_batches * settings.grid.data;
  for (std::int64_t index = 0; index < count; ++index) {
    result.push_back(documents.twice_causal_pairs(settings.network, index * division.micro_batch,
                                                  division.micro_batch));
  }
  return result;
}

/// The passes as standard ones, made those of another architecture; parallel attention is a form of
/// the layer already.
void arrange(const TrainingSettings& settings, TrainingParts& parts) {
  if (settings.architecture == Architecture::ladder) {
    make_ladder(settings.network, settings.division, parts.embedding, parts.layer, parts.head);
  } else if (settings.architecture == Architecture::upper_bound) {
    for (Steps* steps :
         {&parts.embedding.forward, &parts.layer.forward, &parts.layer.backward,
          &parts.linear_layer.forward, &parts.linear_layer.backward, &parts.head.backward}) {
      *steps = without_all_reduces(*steps);
    }
  }
}

}  // namespace

TrainingParts training_parts(const TrainingSettings& settings) {
  const NetworkShape& network = settings.network;
  TrainingParts parts;
  parts.vocabulary = padded_vocabulary(network, settings.grid.tensor);
  parts.embedding = embedding_passes(network, settings.division, parts.vocabulary);
  parts.layer = layer_passes(network, settings.division);
  if (network.linear_layers() > 0) {
    parts.linear_layer = layer_passes(network.of_layer(true), settings.division);
  }
  if (settings.division.sequence > 1) {
    declare_saved(parts.layer.forward, network, settings.division, settings.sequence, false);
    declare_saved(parts.linear_layer.forward, network, settings.division, settings.sequence, true);
  }
  parts.head =
      head_passes(network, settings.division, parts.vocabulary, head_holds_weights(settings));
  arrange(settings, parts);
  for (Steps* steps : {&parts.layer.forward, &parts.layer.backward, &parts.linear_layer.forward,
                       &parts.linear_layer.backward, &parts.head.backward}) {
    trigger_reductions(*steps, settings.overlap, settings.grid.tensor);
  }
  if (settings.recomputation.kind == Recomputation::Kind::selective) {
    parts.layer = recompute_core(parts.layer);
    parts.linear_layer = recompute_core(parts.linear_layer);
  }
  parts.pairs = pairs_by_content(settings);
  return parts;
}

UnitParameters unit_parameters(const TrainingSettings& settings) {
  const std::int64_t vocabulary = padded_vocabulary(settings.network, settings.grid.tensor);
  return {embedding_parameters(settings.network, vocabulary),
          layer_parameters(settings.network, settings.grid.tensor),
          layer_parameters(settings.network.of_layer(true), settings.grid.tensor),
          head_parameters(settings.network, vocabulary, head_holds_weights(settings))};
}

PartLayers layers_of_part(const TrainingSettings& settings, std::int64_t part) {
  const auto begin = settings.stages.begin();
  PartLayers layers;
  layers.first = std::accumulate(begin, begin + part, std::int64_t{0});
  layers.count = settings.stages[static_cast<std::size_t>(part)];
  layers.linear = settings.network.linear_layers(layers.first, layers.count);
  return layers;
}

ParameterCount part_parameters(const TrainingSettings& settings, std::int64_t part) {
  const UnitParameters units = unit_parameters(settings);
  ParameterCount count;
  const auto add = [&count](const ParameterCount& more, std::int64_t times) {
    count.divided += more.divided * times;
    count.replicated += more.replicated * times;
  };
  const PartLayers layers = layers_of_part(settings, part);
  add(units.layer, layers.count - layers.linear);
  add(units.linear_layer, layers.linear);
  if (part == 0) add(units.embedding, 1);
  if (part + 1 == static_cast<std::int64_t>(settings.stages.size())) add(units.head, 1);
  return count;
}

std::int64_t estimated_ops(const TrainingSettings& settings, const TrainingParts& parts) {
  const bool again = settings.recomputation.kind == Recomputation::Kind::full;
  const std::int64_t tensor = settings.grid.tensor;
  const std::int64_t gathers = settings.sharding.weights() ? 3 : 0;  // and a reduction
  const std::int64_t copies = settings.offload.layers > 0 ? 2 : 0;
  const std::int64_t replicas = settings.division.documents.empty() ? 0 : settings.grid.data;
  const std::int64_t forward = std::max(count_ops(parts.layer.forward, tensor),
                                        count_ops(parts.linear_layer.forward, tensor));
  // A method has at most two kernels and two messages a round and pass, lasp three kernels.
  const std::int64_t shared = settings.division.sequence > 1 ? 12 * settings.division.sequence : 0;
  const std::int64_t per_layer =
      shared + std::max(step_count(parts.layer, tensor), step_count(parts.linear_layer, tensor)) +
      gathers + copies + (again ? 3 : 2) * replicas + (again ? forward : 0);
  const std::int64_t per_micro_batch = settings.network.layers * per_layer +
                                       step_count(parts.embedding, tensor) +
                                       step_count(parts.head, tensor) +
                                       (settings.transfers.scatter_gather ? 4 : 2) *
                                           (static_cast<std::int64_t>(settings.stages.size()) - 1);
  return settings.micro_batches * per_micro_batch;
}

}  // namespace orrery
