#include "workloads/sublayer_settings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace orrery {
namespace {

using Communication = SublayerSettings::Communication;
using Overlap = SublayerSettings::Overlap;
using Reduction = SublayerSettings::Reduction;

constexpr std::int64_t kMostBlocks = 256;
constexpr std::int64_t kMostWays = 65536;
constexpr std::int64_t kLargest = 1'000'000'000;

const std::vector<std::string> kSublayers = {"op", "fc2", "fc1", "ip"};
const std::vector<std::string> kCommunications = {"ring_reduce_scatter", "direct_reduce_scatter",
                                                  "all_to_all"};
const std::vector<std::string> kOverlaps = {"none", "reduce_scatter", "all_reduce", "triggered"};
const std::vector<std::string> kEfficiencies = {"product", "main_loop"};
const std::vector<std::string> kReductions = {"cores", "near_memory", "library"};

/// One of the names, which stand in the order of the enumerators; the first when left out.
template <class Choice>
Choice read_choice(JsonCursor cursor, const std::vector<std::string>& names) {
  if (!cursor.present()) return Choice{};
  const auto found = std::find(names.begin(), names.end(), cursor.as_choice(names));
  return found == names.end() ? Choice{} : static_cast<Choice>(found - names.begin());
}

template <class Choice>
JsonValue name_of(Choice choice, const std::vector<std::string>& names) {
  return json_string(names[static_cast<std::size_t>(choice)]);
}

ProducerSettings read_producer(JsonCursor cursor, const WorkloadContext& context) {
  ProducerSettings producer;
  producer.workgroups = std::max<std::int64_t>(1, context.cores);
  producer.cache = context.cache;
  if (JsonCursor tile = cursor.find("tile"); tile.present()) {
    producer.tile = tile.as_count({.minimum = 1, .maximum = 65536});
  }
  if (JsonCursor workgroups = cursor.find("workgroups"); workgroups.present()) {
    producer.workgroups = workgroups.as_count({.minimum = 1});
  }
  if (JsonCursor band = cursor.find("band"); band.present()) {
    producer.band = band.as_count({.minimum = 0});
  }
  if (JsonCursor cache = cursor.find("cache"); cache.present()) {
    producer.cache = cache.as_bytes();
  }
  if (JsonCursor ways = cursor.find("cache_ways"); ways.present()) {
    producer.cache_ways = ways.as_count({.minimum = 1, .maximum = kMostWays});
  }
  if (JsonCursor of = cursor.find("efficiency_of"); of.present()) {
    producer.main_loop = of.as_choice(kEfficiencies) == "main_loop";
  }
  if (JsonCursor exposed = cursor.find("exposed_reads"); exposed.present()) {
    producer.exposed_reads = exposed.as_ratio();
  }
  if (cursor.present()) cursor.reject_unknown_keys();
  return producer;
}

/// As many as the stages that make a chunk, if not said otherwise.
std::int64_t read_blocks(JsonCursor cursor, const SublayerSettings& settings) {
  if (cursor.present()) return cursor.as_count({.minimum = 1, .maximum = kMostBlocks});
  const ProducerSettings& producer = settings.producer;
  if (settings.tensor < 1 || producer.tile < 1 || producer.workgroups < 1) return 1;  // mistakes
  const double stages = tiles_of(settings.product(), settings.producer) /
                        static_cast<double>(settings.producer.workgroups) /
                        static_cast<double>(settings.tensor);
  return std::clamp<std::int64_t>(std::llround(stages), 1, kMostBlocks);
}

/// What a device has to have, and what goes together.
void check(JsonCursor& parameters, const SublayerSettings& settings,
           const WorkloadContext& context) {
  const bool triggered = settings.overlap == Overlap::triggered;
  const bool near_memory = settings.reduction == Reduction::near_memory;
  if (context.devices > 0 && triggered && !context.trigger) {
    parameters.find("overlap").error(
        "\"triggered\" needs a device with a \"trigger\" unit; t3_gpu has one");
  }
  if (context.devices > 0 && settings.reduces() && (triggered || near_memory) &&
      !context.op_and_store) {
    parameters.find(near_memory ? "reduction" : "overlap")
        .error("updates near memory need a device with \"op_and_store\"; t3_gpu has it");
  }
  if (settings.tensor < 1) return;
  if (settings.k() % settings.tensor != 0) {
    JsonCursor tensor = parameters.find("tensor");
    (tensor.present() ? tensor : parameters)
        .error(std::to_string(settings.k()) + " columns of \"" + settings.sublayer +
               "\" do not divide by " + std::to_string(settings.tensor) + " ranks");
  }
  if (settings.tokens * settings.hidden % settings.tensor != 0) {
    parameters.find("tokens").error("the output does not divide by " +
                                    std::to_string(settings.tensor) + " ranks");
  }
}

}  // namespace

std::int64_t SublayerSettings::k() const {
  // T3, section 5.2, after Megatron-LM: the output projection and the second linear map forward,
  // the first one and the input projection (queries, keys, values) backward.
  if (sublayer == "op") return hidden;
  return sublayer == "ip" ? 3 * hidden : feed_forward;
}

std::optional<SublayerSettings> read_sublayer(JsonCursor parameters,
                                              const WorkloadContext& context) {
  SublayerSettings settings;
  parameters.has("kind");
  settings.sublayer = parameters.at("sublayer").as_choice(kSublayers);
  settings.hidden = parameters.at("hidden").as_count({.minimum = 1, .maximum = 1'000'000});
  settings.feed_forward = 4 * settings.hidden;
  if (JsonCursor wide = parameters.find("feed_forward"); wide.present()) {
    settings.feed_forward = wide.as_count({.minimum = 1, .maximum = 4'000'000});
  }
  settings.tokens = parameters.at("tokens").as_count({.minimum = 1, .maximum = kLargest});
  settings.tensor = context.devices;
  JsonCursor tensor = parameters.find("tensor");
  if (tensor.present()) settings.tensor = tensor.as_count({.minimum = 2});
  if (context.devices > 0 && (settings.tensor > context.devices || settings.tensor < 2)) {
    (tensor.present() ? tensor : parameters)
        .error("expected 2 to " + std::to_string(context.devices) +
               " ranks, the devices of the cluster, got " + std::to_string(settings.tensor));
  }
  if (JsonCursor precision = parameters.find("precision"); precision.present()) {
    settings.precision = precision.as_precision();
  }
  settings.communication =
      read_choice<Communication>(parameters.find("communication"), kCommunications);
  settings.overlap = read_choice<Overlap>(parameters.find("overlap"), kOverlaps);
  settings.reduction = read_choice<Reduction>(parameters.find("reduction"), kReductions);
  settings.producer = read_producer(parameters.find("producer"), context);
  settings.blocks = read_blocks(parameters.find("blocks"), settings);
  if (parameters.diagnostics().empty()) check(parameters, settings, context);
  parameters.reject_unknown_keys();
  if (!parameters.diagnostics().empty() || settings.tensor < 2) return std::nullopt;
  return settings;
}

JsonValue to_json(const SublayerSettings& settings) {
  const ProducerSettings& producer = settings.producer;
  return json_object(
      {{"sublayer", json_string(settings.sublayer)},
       {"hidden", json_integer(settings.hidden)},
       {"feed_forward", json_integer(settings.feed_forward)},
       {"tokens", json_integer(settings.tokens)},
       {"tensor", json_integer(settings.tensor)},
       {"precision", json_string(std::string(to_string(settings.precision)))},
       {"communication", name_of(settings.communication, kCommunications)},
       {"overlap", name_of(settings.overlap, kOverlaps)},
       {"reduction", name_of(settings.reduction, kReductions)},
       {"blocks", json_integer(settings.blocks)},
       {"producer",
        json_object({{"tile", json_integer(producer.tile)},
                     {"workgroups", json_integer(producer.workgroups)},
                     {"band", json_integer(producer.band)},
                     {"cache", json_string(std::to_string(producer.cache.count()) + " B")},
                     {"cache_ways", json_integer(producer.cache_ways)},
                     {"efficiency_of", json_string(kEfficiencies[producer.main_loop ? 1 : 0])},
                     {"exposed_reads", json_real(producer.exposed_reads)}})}});
}

}  // namespace orrery
