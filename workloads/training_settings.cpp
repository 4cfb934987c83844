#include "workloads/training_settings.hpp"

#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/unit_text.hpp"
#include "workloads/offload_settings.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/rank_grid_settings.hpp"
#include "workloads/sequence_lengths.hpp"
#include "workloads/training_strategy.hpp"

namespace orrery {
namespace {

constexpr CountRange kSequence = {1, 1 << 24};
constexpr CountRange kMicroBatch = {1, 1 << 20};
constexpr CountRange kGlobalBatch = {1, std::int64_t{1} << 40};
constexpr std::int64_t kMaximumTokens = std::int64_t{1} << 32;  // of one micro-batch
constexpr std::int64_t kMaximumMicroBatches = 1'000'000;
constexpr std::int64_t kMaximumPieces = 50'000'000;  // of documents: below a second
/// PyTorch 2, DistributedDataParallel, bucket_cap_mb = 25. Its smaller first bucket is left out.
constexpr Bytes kDefaultBucket{std::int64_t{25} << 20};

/// For people where that is exact.
JsonValue exact(Bytes bytes) {
  const std::string for_people = to_text(bytes);
  return json_string(parse_bytes(for_people) == bytes ? for_people
                                                      : std::to_string(bytes.count()) + " B");
}

JsonValue named(std::string_view name) {
  return json_string(std::string(name));
}

JsonValue exact(Duration time) {
  const std::string for_people = to_text(time);
  return json_string(parse_duration(for_people) == time ? for_people
                                                        : std::to_string(time.count()) + " ps");
}

std::string text(std::int64_t number) {
  return std::to_string(number);
}

bool flag_or_false(JsonCursor& cursor, std::string_view key) {
  JsonCursor found = cursor.find(key);
  return found.present() && found.as_boolean();
}

/// The choice at `key`, or the first of them when it is not there.
std::string choice_or_first(JsonCursor& cursor, std::string_view key,
                            std::initializer_list<std::string_view> choices) {
  JsonCursor found = cursor.find(key);
  return found.present() ? found.as_choice(choices) : std::string(*choices.begin());
}

void check_tensor(JsonCursor& parameters, const NetworkShape& network, std::int64_t tensor) {
  JsonCursor place = place_in_parallel(parameters, "tensor");
  const std::string named = "tensor " + text(tensor);
  if (network.heads % tensor != 0) {
    place.error(named + " does not divide the network's " + text(network.heads) + " heads");
  }
  const bool shares_heads = network.kv_heads != network.heads;  // else all is said above
  if (shares_heads && network.kv_heads < tensor) {
    if (tensor % network.kv_heads != 0) {
      place.error(named + " is not a multiple of the network's " + text(network.kv_heads) +
                  " key-value heads, of which each rank would hold one");
    }
  } else if (shares_heads && network.kv_heads % tensor != 0) {
    place.error(named + " does not divide the network's " + text(network.kv_heads) +
                " key-value heads");
  }
  if (network.feed_forward % tensor != 0) {
    place.error(named + " does not divide the network's feed-forward size " +
                text(network.feed_forward));
  }
}

void check_network(JsonCursor& parameters, const TrainingSettings& settings) {
  const NetworkShape& network = settings.network;
  const RankGrid& grid = settings.grid;
  if (grid.tensor > 0) {
    check_tensor(parameters, network, grid.tensor);
  }
  const std::int64_t length = settings.division.sequence_length;
  JsonCursor place = parameters.find("sequence_length");
  if (network.positions == Positions::learned && length > network.max_positions) {
    place.error("sequence length " + text(length) + " is more than the network's " +
                text(network.max_positions) + " learned positions");
  }
}

/// All pieces of documents in all rows are looked at once.
void check_documents(JsonCursor& parameters, const TrainingSettings& settings) {
  const std::vector<std::int64_t>& documents = settings.division.documents;
  if (documents.empty()) return;
  const double tokens = std::accumulate(documents.begin(), documents.end(), 0.0);
  if (tokens <= 0) return;  // reported already
  const double of_a_row = 2 + static_cast<double>(settings.division.sequence_length) *
                                  static_cast<double>(documents.size()) / tokens;
  if (of_a_row * static_cast<double>(settings.global_batch) > kMaximumPieces) {
    parameters.find("sequences")
        .error("the rows of a step hold more than " + text(kMaximumPieces) +
               " pieces of such documents");
  }
}

void check_batches(JsonCursor& parameters, TrainingSettings& settings) {
  const Division& division = settings.division;
  if (division.micro_batch == 0 || division.sequence_length == 0) {
    return;
  }
  if (division.whole_tokens() > kMaximumTokens) {
    parameters.find("micro_batch")
        .error("a micro-batch of " + text(division.micro_batch) + " x " +
               text(division.sequence_length) + " tokens is more than " + text(kMaximumTokens));
  }
  if (division.sequence_parallel && division.sequence == 1 &&
      division.sequence_length % division.tensor != 0) {
    parameters.find("sequence_length")
        .error("tensor " + text(division.tensor) + " does not divide the sequence length " +
               text(division.sequence_length) + ", as sequence parallelism needs");
  }
  const std::int64_t at_once = division.micro_batch * settings.grid.replicas();
  if (settings.global_batch == 0 || at_once == 0) {
    return;
  }
  JsonCursor place = parameters.find("global_batch");
  if (settings.global_batch % at_once != 0) {
    place.error("global batch " + text(settings.global_batch) + " is not a multiple of " +
                text(at_once) + " (micro-batch " + text(division.micro_batch) + " x data " +
                text(settings.grid.replicas()) + ")");
  }
  settings.micro_batches = settings.global_batch / at_once;
  check_documents(parameters, settings);
  if (settings.micro_batches > kMaximumMicroBatches) {
    place.error(text(settings.micro_batches) + " micro-batches are more than " +
                text(kMaximumMicroBatches));
  }
}

void read_division(JsonCursor& parameters, std::uint64_t seed, Division& division) {
  division.sequence_length = parameters.at("sequence_length").as_count(kSequence);
  division.micro_batch = parameters.at("micro_batch").as_count(kMicroBatch);
  read_sequences(parameters, seed, division);
  const std::string precision = choice_or_first(parameters, "precision", {"bf16", "fp16", "fp8"});
  division.fp8_linear = precision == "fp8";
  division.precision = precision == "fp16" ? Precision::fp16 : Precision::bf16;
  division.flash_attention =
      choice_or_first(parameters, "attention", {"flash", "materialized"}) != "materialized";
  division.dropout = flag_or_false(parameters, "dropout");
  division.megatron_kernels =
      choice_or_first(parameters, "kernels", {"fused", "megatron"}) == "megatron";
  division.gradient_element =
      choice_or_first(parameters, "gradient_precision", {"fp32", "bf16"}) == "bf16" ? Bytes(2)
                                                                                    : Bytes(4);
}

void read_host(JsonCursor& parameters, HostTimes& host) {
  JsonCursor object = parameters.find("host");
  if (!object.present()) return;
  host = {.kernel = object.find("kernel").as_duration(),
          .issue = object.find("issue").as_duration(),
          .step = object.find("step").as_duration(),
          .token = object.find("token").as_duration()};
  object.reject_unknown_keys();
}

}  // namespace

std::optional<TrainingSettings> read_training_settings(JsonCursor& parameters,
                                                       const WorkloadContext& context) {
  const std::size_t mistakes = parameters.diagnostics().count();
  TrainingSettings settings;
  parameters.find("kind");  // read by whoever chose this workload
  const std::optional<NetworkShape> network = read_network_of(parameters);
  JsonCursor parallel = parameters.find("parallel");
  const bool sequence_parallel = flag_or_false(parallel, "sequence_parallel");
  settings.sequence = read_sequence_parallel(parallel);
  settings.overlap = read_tensor_overlap(parallel, context);
  settings.grid = read_rank_grid(parameters, parallel, context, settings.sequence.degree);
  settings.division.sequence = settings.grid.sequence;
  read_division(parameters, context.seed, settings.division);
  settings.division.tensor = settings.grid.tensor;
  settings.division.sequence_parallel = sequence_parallel && settings.grid.tensor > 1;
  settings.global_batch = parameters.at("global_batch").as_count(kGlobalBatch);
  JsonCursor bucket = parameters.find("gradient_bucket");
  settings.gradient_bucket = bucket.present() ? bucket.as_bytes() : kDefaultBucket;
  settings.keeps_gradients =
      choice_or_first(parameters, "gradient_memory", {"kept", "set_to_none"}) == "kept";
  read_host(parameters, settings.host);
  JsonCursor runtime = parameters.find("runtime_memory");
  if (runtime.present()) settings.runtime_memory = runtime.as_bytes();
  read_strategy(parameters, settings);
  settings.architecture = read_architecture(parameters);
  parameters.reject_unknown_keys();

  if (network) {
    settings.network = *network;
    apply_architecture(parameters, settings.architecture, settings.network);
    check_network(parameters, settings);
    if (settings.grid.tensor > 0 && parameters.diagnostics().count() == mistakes) {
      check_sequence_parallel(parameters, settings.sequence, settings.network, settings.division,
                              " and \"sequence_parallel\" true");
    }
    check_tensor_overlap(parameters, settings.overlap, settings.grid.tensor, settings.network,
                         overlap_conflict(settings.architecture, settings.division.sequence));
  }
  check_batches(parameters, settings);
  if (network && settings.grid.pipeline > 0 && settings.grid.data > 0 &&
      settings.virtual_stages > 0) {
    check_strategy(parameters, settings);
  }
  if (context.devices > 0 && !context.host_memory && settings.offload.anything()) {
    parameters.find("offload").error("the cluster's nodes have no \"host_memory\" to offload to");
  }
  if (!network || context.devices <= 0 || parameters.diagnostics().count() != mistakes) {
    return std::nullopt;
  }
  return settings;
}

JsonValue to_json(const TrainingSettings& settings) {
  const Division& division = settings.division;
  const bool is_bf16 = division.gradient_element == Bytes(2);
  std::vector<std::pair<std::string, JsonValue>> members = members_of(settings.grid);
  // "parallel" comes first
  members.front().second.members.emplace_back("sequence_parallel",
                                              json_boolean(division.sequence_parallel));
  if (division.sequence > 1) {
    members.front().second.members.emplace_back("sequence", to_json(settings.sequence));
  }
  if (settings.overlap.triggered) {
    members.front().second.members.emplace_back("tensor_overlap", named("triggered"));
  }
  const std::vector<std::pair<std::string, JsonValue>> others = {
      {"sequence_length", json_integer(division.sequence_length)},
      {"micro_batch", json_integer(division.micro_batch)},
      {"global_batch", json_integer(settings.global_batch)},
      {"precision", named(division.fp8_linear ? "fp8" : to_string(division.precision))},
      {"attention", named(division.flash_attention ? "flash" : "materialized")},
      {"dropout", json_boolean(division.dropout)},
      {"gradient_precision", named(is_bf16 ? "bf16" : "fp32")},
      {"gradient_bucket", exact(settings.gradient_bucket)}};
  members.insert(members.end(), others.begin(), others.end());
  if (division.megatron_kernels) members.emplace_back("kernels", named("megatron"));
  if (settings.architecture != Architecture::standard)
    members.emplace_back("architecture", named(to_string(settings.architecture)));
  if (!division.packed.empty() || !division.documents.empty())
    members.emplace_back("sequences", sequences_json(division));
  if (!settings.keeps_gradients) members.emplace_back("gradient_memory", named("set_to_none"));
  if (const HostTimes& host = settings.host; host != HostTimes()) {
    members.emplace_back("host", json_object({{"kernel", exact(host.kernel)},
                                              {"issue", exact(host.issue)},
                                              {"step", exact(host.step)},
                                              {"token", exact(host.token)}}));
  }
  if (settings.runtime_memory > Bytes(0)) {
    members.emplace_back("runtime_memory", exact(settings.runtime_memory));
  }
  for (auto& member : strategy_members(settings)) members.push_back(std::move(member));
  if (settings.offload.anything()) {
    members.emplace_back("offload", offload_json(settings.offload));
  }
  return json_object(std::move(members));
}

}  // namespace orrery
