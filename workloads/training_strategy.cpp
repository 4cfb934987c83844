#include "workloads/training_strategy.hpp"

#include <numeric>

#include "workloads/offload_settings.hpp"

namespace orrery {
namespace {

constexpr CountRange kVirtualStages = {1, 10'000};
constexpr CountRange kLayers = {0, 10'000};
constexpr CountRange kEvery = {1, 10'000};
constexpr CountRange kGroup = {1, 1'000'000};
constexpr CountRange kPrefetch = {0, 10'000};

/// One word for each level; "fsdp" is PyTorch's name of "zero3".
constexpr std::pair<std::string_view, Sharding::Level> kLevels[] = {
    {"none", Sharding::Level::none},       {"zero1", Sharding::Level::optimizer},
    {"zero2", Sharding::Level::gradients}, {"zero3", Sharding::Level::weights},
    {"fsdp", Sharding::Level::weights},
};

std::string text(std::int64_t number) {
  return std::to_string(number);
}

std::int64_t count_or(JsonCursor& cursor, std::string_view key, CountRange range,
                      std::int64_t otherwise) {
  JsonCursor found = cursor.find(key);
  return found.present() ? found.as_count(range) : otherwise;
}

void read_schedule(JsonCursor& parameters, TrainingSettings& settings) {
  JsonCursor schedule = parameters.find("schedule");
  if (!schedule.present()) return;
  const Registry<PipelineSchedulerFactory> schedulers = builtin_pipeline_schedulers();
  const std::vector<std::string> names = schedulers.names();
  settings.schedule = schedule.at("kind").as_choice(names);
  settings.virtual_stages = count_or(schedule, "virtual_stages", kVirtualStages, 1);
  schedule.reject_unknown_keys();
}

void read_transfers(JsonCursor& parameters, PipelineTransfers& transfers) {
  JsonCursor object = parameters.find("pipeline_transfers");
  if (!object.present()) return;
  JsonCursor blocking = object.find("blocking");
  JsonCursor scatter_gather = object.find("scatter_gather");
  transfers.blocking = blocking.present() && blocking.as_boolean();
  transfers.scatter_gather = scatter_gather.present() && scatter_gather.as_boolean();
  object.reject_unknown_keys();
}

void read_recomputation(JsonCursor& parameters, Recomputation& recomputation) {
  JsonCursor recompute = parameters.find("recompute");
  if (!recompute.present()) return;
  const std::string kind = recompute.at("kind").as_choice({"none", "selective", "full"});
  recomputation.kind = kind == "full"        ? Recomputation::Kind::full
                       : kind == "selective" ? Recomputation::Kind::selective
                                             : Recomputation::Kind::none;
  JsonCursor every = recompute.find("every");
  if (every.present()) {
    recomputation.every = every.as_count(kEvery);
    if (kind != "full") every.error("belongs to \"full\" recomputation only");
  }
  recompute.reject_unknown_keys();
}

void read_sharding(JsonCursor& parameters, Sharding& sharding) {
  sharding.group = 0;  // all data-parallel ranks, once these are known
  JsonCursor object = parameters.find("sharding");
  if (!object.present()) return;
  const std::string kind = object.at("kind").as_choice({"none", "zero1", "zero2", "zero3", "fsdp"});
  for (const auto& [name, level] : kLevels) {
    if (kind == name) sharding.level = level;
  }
  sharding.group = count_or(object, "group", kGroup, 0);
  JsonCursor prefetch = object.find("prefetch");
  JsonCursor reshard = object.find("reshard_after_forward");
  if (prefetch.present()) sharding.prefetch = prefetch.as_count(kPrefetch);
  if (reshard.present()) sharding.reshard_after_forward = reshard.as_boolean();
  for (JsonCursor* key : {&prefetch, &reshard}) {
    if (key->present() && !sharding.weights()) {
      key->error("belongs to sharded weights, \"zero3\" or \"fsdp\", only");
    }
  }
  object.reject_unknown_keys();
}

/// `key` where it is written, else the workload.
JsonCursor place_of(JsonCursor& parameters, std::string_view key) {
  JsonCursor place = parameters.find(key);
  return place.present() ? place : parameters;
}

void check_stages(JsonCursor& parameters, TrainingSettings& settings) {
  const std::int64_t parts = settings.grid.pipeline * settings.virtual_stages;
  const std::int64_t layers = settings.network.layers;
  if (settings.stages.empty() && layers % parts == 0) {
    settings.stages.assign(static_cast<std::size_t>(parts), layers / parts);
    return;
  }
  if (settings.stages.empty()) {
    JsonCursor parallel = place_of(parameters, "parallel");
    place_of(parallel, "pipeline")
        .error("pipeline " + text(settings.grid.pipeline) +
               (settings.virtual_stages > 1
                    ? " x " + text(settings.virtual_stages) + " virtual stages does"
                    : " does") +
               " not divide the network's " + text(layers) +
               " layers; \"stages\" may list the layers of each");
    return;
  }
  JsonCursor place = parameters.find("stages");
  const std::int64_t sum =
      std::accumulate(settings.stages.begin(), settings.stages.end(), std::int64_t{0});
  if (static_cast<std::int64_t>(settings.stages.size()) != parts) {
    place.error("expected the layers of " + text(parts) + " stages, got " +
                text(static_cast<std::int64_t>(settings.stages.size())) + " numbers");
  } else if (sum != layers) {
    place.error("expected numbers of layers that add up to the network's " + text(layers) +
                ", got a sum of " + text(sum));
  }
  for (std::size_t part = 1; part + 1 < settings.stages.size(); ++part) {
    if (settings.stages[part] > 0) continue;
    place.error("stage " + text(static_cast<std::int64_t>(part)) +
                " has no layer; only the first, with the embedding, and the last, with the head, "
                "may have none");
    break;
  }
}

void check_sharding(JsonCursor& parameters, TrainingSettings& settings) {
  Sharding& sharding = settings.sharding;
  const std::int64_t data = settings.grid.data;
  if (sharding.group == 0) sharding.group = sharding.optimizer() ? data : 1;
  JsonCursor object = parameters.find("sharding");
  if (data % sharding.group != 0) {
    place_of(object, "group")
        .error("groups of " + text(sharding.group) + " do not divide the " + text(data) +
               " data-parallel ranks");
  }
  if (sharding.gradients() && !settings.keeps_gradients) {
    parameters.find("gradient_memory")
        .error("sharded gradients are not modelled as made anew in each step");
  }
  if (sharding.optimizer() && settings.schedule == "dualpipe") {
    object.error("dualpipe holds two copies of the network, and sharding them is not modelled");
  }
}

/// What the layers of this network are not modelled with; nothing is left out in silence.
void check_layers(JsonCursor& parameters, const TrainingSettings& settings) {
  const NetworkShape& network = settings.network;
  const bool parallel = network.form != LayerForm::sequential;
  if (parallel && settings.recomputation.kind == Recomputation::Kind::selective) {
    parameters.find("recompute")
        .error("selective recomputation of layers with a parallel residual is not modelled");
  }
  if (settings.division.sequence > 1 && settings.division.megatron_kernels) {
    parameters.find("kernels").error(
        "Megatron-LM's kernels are not modelled on a part of a sequence");
  }
  if (settings.division.sequence > 1 &&
      settings.recomputation.kind == Recomputation::Kind::selective) {
    parameters.find("recompute")
        .error("selective recomputation of attention that ranks share is not modelled");
  }
  if (settings.division.fp8_linear && (parallel || network.has_latent())) {
    parameters.find("precision")
        .error(
            "fp8 products of layers with a parallel residual or latent attention are not modelled");
  }
  const bool linear = network.linear_layers() > 0;
  if (settings.division.megatron_kernels && (parallel || network.has_latent() || linear)) {
    parameters.find("kernels").error(
        "Megatron-LM's kernels of layers with a parallel residual, latent or linear attention are "
        "not modelled");
  }
}

/// What the blocks of ladder, and those that reduce nothing, are not modelled with.
void check_architecture(JsonCursor& parameters, const TrainingSettings& settings) {
  const Architecture architecture = settings.architecture;
  const bool ladder = architecture == Architecture::ladder;
  if (!ladder && architecture != Architecture::upper_bound) return;
  JsonCursor place = parameters.find("architecture");
  const std::string name(to_string(architecture));
  if (settings.division.sequence > 1) {
    place.error(name + " is not modelled on a part of a sequence");
  }
  if (settings.division.sequence_parallel) {
    place.error(name +
                " is defined by all-reduces, in whose place sequence parallelism has others");
  }
  if (!ladder) return;
  if (settings.grid.pipeline > 1) {
    place.error(
        "ladder in a pipeline is not modelled: the outputs of two blocks would travel beside the "
        "residual stream");
  }
  if (settings.recomputation.kind == Recomputation::Kind::full) {
    place.error(
        "ladder with full recomputation is not modelled: a checkpoint would hold the outputs of "
        "two blocks beside the residual stream");
  }
  if (settings.network.has_latent() || settings.network.linear_layers() > 0) {
    place.error("training of ladder with latent or linear attention is not modelled");
  }
}

}  // namespace

void read_strategy(JsonCursor& parameters, TrainingSettings& settings) {
  read_schedule(parameters, settings);
  read_transfers(parameters, settings.transfers);
  read_recomputation(parameters, settings.recomputation);
  read_sharding(parameters, settings.sharding);
  JsonCursor stages = parameters.find("stages");
  if (stages.present()) {
    for (JsonCursor& item : stages.items()) settings.stages.push_back(item.as_count(kLayers));
    if (settings.stages.empty()) stages.expected("a list of numbers of layers, one for each stage");
  }
  JsonCursor clipping = parameters.find("gradient_clipping");
  settings.gradient_clipping = clipping.present() && clipping.as_boolean();
  read_offload(parameters, settings.offload);
}

void check_strategy(JsonCursor& parameters, TrainingSettings& settings) {
  check_layers(parameters, settings);
  check_architecture(parameters, settings);
  check_stages(parameters, settings);
  check_sharding(parameters, settings);
  check_offload(parameters, settings);
  const Registry<PipelineSchedulerFactory> schedulers = builtin_pipeline_schedulers();
  const auto* scheduler = schedulers.find(settings.schedule);
  if (scheduler == nullptr || settings.micro_batches == 0) return;  // reported already
  const std::string refusal = scheduler->make()->refusal(settings.pipeline());
  if (!refusal.empty()) place_of(parameters, "schedule").error(refusal);
}

std::vector<std::pair<std::string, JsonValue>> strategy_members(const TrainingSettings& settings) {
  std::vector<JsonValue> stages;
  for (const std::int64_t layers : settings.stages) stages.push_back(json_integer(layers));
  const Recomputation& recomputation = settings.recomputation;
  std::vector<std::pair<std::string, JsonValue>> recompute = {
      {"kind", json_string(recomputation.kind == Recomputation::Kind::none        ? "none"
                           : recomputation.kind == Recomputation::Kind::selective ? "selective"
                                                                                  : "full")}};
  if (recomputation.kind == Recomputation::Kind::full) {
    recompute.emplace_back("every", json_integer(recomputation.every));
  }
  const Sharding& sharding = settings.sharding;
  std::string level;
  for (const auto& [name, of] : kLevels) {
    if (level.empty() && sharding.level == of) level = name;
  }
  std::vector<std::pair<std::string, JsonValue>> shards = {{"kind", json_string(level)},
                                                           {"group", json_integer(sharding.group)}};
  if (sharding.weights()) {
    shards.emplace_back("prefetch", json_integer(sharding.prefetch));
    shards.emplace_back("reshard_after_forward", json_boolean(sharding.reshard_after_forward));
  }
  std::vector<std::pair<std::string, JsonValue>> members = {
      {"schedule", json_object({{"kind", json_string(settings.schedule)},
                                {"virtual_stages", json_integer(settings.virtual_stages)}})},
      {"stages", json_array(std::move(stages))},
      {"recompute", json_object(std::move(recompute))},
      {"sharding", json_object(std::move(shards))},
      {"gradient_clipping", json_boolean(settings.gradient_clipping)}};
  const PipelineTransfers& transfers = settings.transfers;
  if (transfers.blocking || transfers.scatter_gather) {
    members.emplace_back("pipeline_transfers",
                         json_object({{"blocking", json_boolean(transfers.blocking)},
                                      {"scatter_gather", json_boolean(transfers.scatter_gather)}}));
  }
  return members;
}

}  // namespace orrery
