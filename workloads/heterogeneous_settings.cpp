#include "workloads/heterogeneous_settings.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "workloads/kernel_forms.hpp"
#include "workloads/length_list.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kMostDevices = 4096;     // of a plan
constexpr std::int64_t kLargestBatch = 16'384;  // the blaster's programme is quadratic in it
constexpr double kNumbers = 1e3;                // tokens of "thousand_tokens"
constexpr double kPairs = 1e6;

/// One of the names; the first when left out.
std::string choice_or_first(JsonCursor cursor, std::initializer_list<std::string_view> names) {
  return cursor.present() ? cursor.as_choice(names) : std::string(*names.begin());
}

std::int64_t count_or(JsonCursor cursor, std::int64_t otherwise, CountRange range) {
  return cursor.present() ? cursor.as_count(range) : otherwise;
}

/// A network that is right in itself and does not go here: said where the scenario names it.
void refuse_network(const JsonCursor& network, const std::string& why) {
  JsonValue place;
  place.origin = network.value().used_at ? *network.value().used_at : network.value().origin;
  report_at(place, why, network.diagnostics());
}

/// Queries, keys, values and the output of every layer change hands forward, and their gradients
/// backward (Jacobs et al. 2023, DeepSpeed-Ulysses, arXiv:2309.14509, §3.1).
Bytes exchanged_per_token(const NetworkShape& shape, Precision precision) {
  return matrix_bytes(precision, 2 * shape.layers, shape.qkv_size() + shape.context_size());
}

/// 2-byte weight and gradient, 4-byte master weight, momentum and variance, all of them sharded
/// (ZeRO stage 3; Rajbhandari et al. 2020, arXiv:1910.02054, §3.1).
Bytes sharded_states(const NetworkShape& shape, std::int64_t devices) {
  const std::int64_t parameters = network_parameters(shape);
  return Bytes(16) * ((parameters + devices - 1) / devices);
}

void set(JsonValue& object, const std::string& key, JsonValue value) {
  if (object.find(key) == nullptr) object.members.push_back({key, std::move(value)});
}

JsonValue exact(Bytes bytes) {
  return json_string(std::to_string(bytes.count()) + " B");
}

/// Sizes of groups and their bandwidths; heads are divided among the members of a group.
void read_sizes(JsonCursor bandwidths, const std::optional<NetworkShape>& network,
                std::int64_t devices, GroupCost& cost) {
  cost.sizes = {{1, 0}};
  for (const std::string& key : bandwidths.keys()) {
    JsonCursor place = bandwidths.at(key);
    std::int64_t size = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), size);
    const bool whole = error == std::errc() && end == key.data() + key.size();
    const bool power = whole && size >= 2 && size <= kMostDevices && (size & (size - 1)) == 0;
    if (!power) {
      place.error("a group has 2, 4, 8, … devices up to " + std::to_string(kMostDevices));
      continue;
    }
    const double bandwidth = place.as_bandwidth().as_double();
    if (network && (network->heads % size != 0 || network->kv_heads % size != 0)) {
      place.error("the " + std::to_string(network->kv_heads) +
                  " key-value heads do not divide among " + std::to_string(size) + " devices");
    } else if (devices > 0 && size > devices) {
      place.error("the cluster has " + std::to_string(devices) + " devices");
    }
    cost.sizes.push_back({size, bandwidth});
  }
  std::sort(cost.sizes.begin(), cost.sizes.end(),
            [](const GroupSize& a, const GroupSize& b) { return a.devices < b.devices; });
}

void read_cost(JsonCursor place, HeterogeneousSettings& settings,
               const std::optional<NetworkShape>& network, std::int64_t devices) {
  GroupCost& cost = settings.plan.cost;
  cost.pair_s = to_seconds(place.at("million_pairs").as_duration()) / kPairs;
  cost.token_s = to_seconds(place.at("thousand_tokens").as_duration()) / kNumbers;
  cost.fixed_s = to_seconds(place.at("fixed").as_duration());
  JsonCursor fixed_exchange = place.find("fixed_exchange");
  cost.fixed_exchange_s = to_seconds(fixed_exchange.as_duration());
  read_sizes(place.at("exchange_bandwidth"), network, devices, cost);
  cost.token_bytes = place.at("token_memory").as_bytes().as_double();
  JsonCursor memory = place.at("memory");
  cost.memory_bytes = memory.as_bytes().as_double();
  JsonCursor exchange = place.find("exchange_per_token");
  JsonCursor fixed = place.find("fixed_memory");
  const bool known = network.has_value() && devices > 0;
  const Bytes exchanged = exchange.present() ? exchange.as_bytes()
                          : known            ? exchanged_per_token(*network, settings.precision)
                                             : Bytes(0);
  const Bytes states = fixed.present() ? fixed.as_bytes()
                       : known         ? sharded_states(*network, devices)
                                       : Bytes(0);
  cost.exchange_bytes = exchanged.as_double();
  cost.fixed_bytes = states.as_double();
  place.reject_unknown_keys();
  if (!place.present() || !place.diagnostics().empty()) return;
  if (cost.fixed_bytes >= cost.memory_bytes) {
    memory.error("the parameters' states alone take " + std::to_string(states.count()) +
                 " bytes of each device");
  }
  settings.cost_json = place.value();
  set(settings.cost_json, "fixed_exchange", json_string("0 s"));
  set(settings.cost_json, "exchange_per_token", exact(exchanged));
  set(settings.cost_json, "fixed_memory", exact(states));
}

void read_plan(JsonCursor place, HeterogeneousSettings& settings,
               const std::optional<NetworkShape>& network, std::int64_t devices) {
  PlanSettings& plan = settings.plan;
  plan.devices = std::max<std::int64_t>(1, devices);
  const std::string method =
      choice_or_first(place.find("method"), {"heterogeneous", "batch_adaptive", "fixed"});
  plan.method = method == "fixed"            ? PlanMethod::fixed
                : method == "batch_adaptive" ? PlanMethod::batch_adaptive
                                             : PlanMethod::heterogeneous;
  JsonCursor group = plan.method == PlanMethod::fixed ? place.at("group") : place.find("group");
  plan.buckets = count_or(place.find("buckets"), 16, {.minimum = 1, .maximum = 256});
  plan.more_micro_batches =
      count_or(place.find("more_micro_batches"), 4, {.minimum = 0, .maximum = 64});
  JsonCursor solver = place.find("solver");
  plan.mixed_integer = choice_or_first(solver, {"heuristic", "mixed_integer"}) == "mixed_integer";
  if (plan.mixed_integer && !has_mixed_integer_solver()) {
    solver.error("this build has no solver of mixed-integer programs (COIN-OR CBC)");
  }
  plan.limits.nodes = count_or(place.find("nodes"), 200, {.minimum = 0, .maximum = 1'000'000});
  if (JsonCursor limit = place.find("time_limit"); limit.present()) {
    plan.limits.seconds = to_seconds(limit.as_duration());
  }
  if (JsonCursor gap = place.find("gap"); gap.present()) plan.limits.gap = gap.as_ratio();
  read_cost(place.at("cost"), settings, network, devices);
  if (group.present()) {
    plan.group = group.as_count({.minimum = 1, .maximum = kMostDevices});
    const auto& sizes = plan.cost.sizes;
    if (place.diagnostics().empty() &&
        std::none_of(sizes.begin(), sizes.end(),
                     [&](const GroupSize& each) { return each.devices == plan.group; })) {
      group.expected("1 or a size of \"exchange_bandwidth\"");
    }
  }
  place.reject_unknown_keys();
}

/// Drops what is too long; then there must be lengths enough.
void read_lengths(JsonCursor& parameters, HeterogeneousSettings& settings,
                  const WorkloadContext& context) {
  JsonCursor place = parameters.at("lengths");
  LengthList list = read_length_list(place, context.seed);
  JsonCursor batch = parameters.find("batch");
  settings.batch = count_or(batch, 0, {.maximum = 1'000'000});
  if (!parameters.diagnostics().empty()) return;
  const std::size_t all = list.tokens.size();
  std::erase_if(list.tokens, [&](std::int64_t length) { return length > settings.maximum_length; });
  settings.dropped = static_cast<std::int64_t>(all - list.tokens.size());
  settings.lengths = std::move(list.tokens);
  settings.lengths_json = place.value();
  if (!list.digest.empty()) set(settings.lengths_json, "digest", json_string(list.digest));
  if (settings.batch >= settings.batches()) {
    (batch.present() ? batch : place)
        .error("there are " + std::to_string(settings.lengths.size()) + " sequences of at most " +
               std::to_string(settings.maximum_length) + " tokens, too few for batch " +
               std::to_string(settings.batch) + " of " + std::to_string(settings.global_batch));
  }
}

}  // namespace

std::span<const std::int64_t> HeterogeneousSettings::lengths_of(std::int64_t which) const {
  return std::span(lengths).subspan(static_cast<std::size_t>(which * global_batch),
                                    static_cast<std::size_t>(global_batch));
}

std::optional<HeterogeneousSettings> read_heterogeneous(JsonCursor parameters,
                                                        const WorkloadContext& context) {
  HeterogeneousSettings settings;
  parameters.has("kind");
  const std::optional<NetworkShape> network = read_network_of(parameters);
  if (network) {
    settings.network = *network;
    if (network->has_latent()) {
      refuse_network(parameters.find("network"), "latent attention is not exchanged by heads");
    }
    if (network->linear_layers() > 0) {
      refuse_network(
          parameters.find("network"),
          "a plan is for layers with a softmax, whose work grows with pairs of tokens; of the " +
              std::to_string(network->layers) + " layers " +
              std::to_string(network->linear_layers()) + " are linear");
    }
  }
  const std::string precision = choice_or_first(parameters.find("precision"), {"bf16", "fp16"});
  settings.precision = precision == "fp16" ? Precision::fp16 : Precision::bf16;
  settings.prefetch = count_or(parameters.find("prefetch"), 1, {.maximum = 64});
  settings.gradient_passes = count_or(parameters.find("gradient_passes"), 0, {.maximum = 8});
  settings.global_batch =
      parameters.at("global_batch").as_count({.minimum = 1, .maximum = kLargestBatch});
  settings.maximum_length = settings.network.max_positions;
  if (JsonCursor maximum = parameters.find("maximum_length"); maximum.present()) {
    settings.maximum_length = maximum.as_count({.minimum = 1, .maximum = 1 << 24});
    if (network && network->positions == Positions::learned &&
        settings.maximum_length > network->max_positions) {
      maximum.error("the network has " + std::to_string(network->max_positions) + " positions");
    }
  }
  read_plan(parameters.at("plan"), settings, network, context.devices);
  read_lengths(parameters, settings, context);
  parameters.reject_unknown_keys();
  if (context.devices > kMostDevices) {
    parameters.error("a plan is for at most " + std::to_string(kMostDevices) + " devices, got " +
                     std::to_string(context.devices));
  }
  if (!parameters.diagnostics().empty() || context.devices < 1) return std::nullopt;
  return settings;
}

JsonValue to_json(const HeterogeneousSettings& settings) {
  const PlanSettings& plan = settings.plan;
  const char* method = plan.method == PlanMethod::fixed            ? "fixed"
                       : plan.method == PlanMethod::batch_adaptive ? "batch_adaptive"
                                                                   : "heterogeneous";
  std::vector<std::pair<std::string, JsonValue>> members = {
      {"method", json_string(method)},
      {"buckets", json_integer(plan.buckets)},
      {"more_micro_batches", json_integer(plan.more_micro_batches)},
      {"solver", json_string(plan.mixed_integer ? "mixed_integer" : "heuristic")},
      {"nodes", json_integer(plan.limits.nodes)},
      {"time_limit",
       json_string(std::to_string(duration_from_seconds(plan.limits.seconds).count()) + " ps")},
      {"gap", json_real(plan.limits.gap)},
      {"cost", settings.cost_json}};
  if (plan.method == PlanMethod::fixed) members.emplace_back("group", json_integer(plan.group));
  return json_object({{"lengths", settings.lengths_json},
                      {"maximum_length", json_integer(settings.maximum_length)},
                      {"global_batch", json_integer(settings.global_batch)},
                      {"batch", json_integer(settings.batch)},
                      {"precision", json_string(std::string(to_string(settings.precision)))},
                      {"prefetch", json_integer(settings.prefetch)},
                      {"gradient_passes", json_integer(settings.gradient_passes)},
                      {"plan", json_object(std::move(members))}});
}

}  // namespace orrery
