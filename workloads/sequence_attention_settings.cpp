#include "workloads/sequence_attention_settings.hpp"

#include <string>
#include <utility>

#include "workloads/sequence_lengths.hpp"
#include "workloads/step.hpp"

namespace orrery {
namespace {

constexpr CountRange kLength = {1, 1 << 24};
constexpr CountRange kHeads = {1, 1 << 14};
constexpr std::int64_t kMaximumTokens = std::int64_t{1} << 32;
constexpr std::int64_t kMaximumDegree = 1024;  // a ring of P has some 5 P^2 ops of one rank each

std::int64_t count_or(JsonCursor& parameters, std::string_view key, std::int64_t otherwise,
                      CountRange range) {
  JsonCursor found = parameters.find(key);
  return found.present() ? found.as_count(range) : otherwise;
}

Precision precision_or(JsonCursor& parameters, std::string_view key, Precision otherwise,
                       std::initializer_list<std::string_view> choices) {
  JsonCursor found = parameters.find(key);
  return found.present() ? precision_from(found.as_choice(choices)).value_or(otherwise) : otherwise;
}

void read_heads(JsonCursor& parameters, SequenceLayer& layer) {
  layer.heads = parameters.at("heads").as_count(kHeads);
  JsonCursor kv_heads = parameters.find("kv_heads");
  layer.kv_heads = kv_heads.present() ? kv_heads.as_count(kHeads) : layer.heads;
  if (layer.heads > 0 && layer.kv_heads > 0 && layer.heads % layer.kv_heads != 0) {
    kv_heads.error("expected a divisor of the " + std::to_string(layer.heads) + " heads, got " +
                   std::to_string(layer.kv_heads));
  }
  layer.head_size = parameters.at("head_size").as_count({.minimum = 1, .maximum = 4096});
}

/// Rows, and the sequences that they are packed from.
void read_tokens(JsonCursor& parameters, std::uint64_t seed, SequenceLayer& layer,
                 std::string& lengths_digest) {
  Division division;
  division.sequence_length = parameters.at("sequence_length").as_count(kLength);
  read_sequences(parameters, seed, division);
  if (!division.documents.empty()) {
    parameters.find("sequences").error("documents are cut in training; here rows are \"packed\"");
  }
  layer.lengths = division.packed;
  lengths_digest = division.lengths_digest;
  if (layer.lengths.empty()) layer.lengths = {division.sequence_length};
  layer.batch = count_or(parameters, "batch", 1, {.minimum = 1, .maximum = 1 << 20});
  if (division.sequence_length > 0 && layer.batch > kMaximumTokens / division.sequence_length) {
    parameters.find("batch").error("more than " + std::to_string(kMaximumTokens) + " tokens");
  }
}

void read_groups(JsonCursor& parameters, SequenceAttentionSettings& settings,
                 std::int64_t devices) {
  JsonCursor degree = parameters.find("degree");
  settings.degree =
      degree.present() ? degree.as_count({.minimum = 1, .maximum = kMaximumDegree}) : devices;
  JsonCursor groups = parameters.find("groups");
  settings.groups = groups.present() ? groups.as_count({.minimum = 1}) : 1;
  if (devices <= 0 || settings.degree <= 0 || settings.groups <= 0) return;
  if (settings.degree > devices / settings.groups) {
    (groups.present() ? groups : degree)
        .error(std::to_string(settings.groups) + " groups of " + std::to_string(settings.degree) +
               " ranks are more than the " + std::to_string(devices) + " devices of the cluster");
  } else if (settings.degree > kMaximumDegree) {
    parameters.error("a group of " + std::to_string(settings.degree) + " ranks is more than " +
                     std::to_string(kMaximumDegree) + "; give a \"degree\"");
  }
}

void read_host(JsonCursor& parameters, HostThread& host) {
  JsonCursor object = parameters.find("host");
  if (!object.present()) return;
  const auto read = [&object](const char* key, Duration& into) {
    if (JsonCursor found = object.find(key); found.present()) into = found.as_duration();
  };
  read("kernel", host.kernel);
  read("messages", host.messages);
  read("collective", host.collective);
  object.reject_unknown_keys();
}

/// What the method cannot do, and amounts that leave 64 bits.
void check(JsonCursor& parameters, const SequenceAttentionSettings& settings) {
  if (const auto refusal = settings.method->refusal(settings.layer, settings.degree)) {
    JsonCursor place = parameters.find(refusal->key);
    (place.present() ? place : parameters).error(refusal->message);
    return;
  }
  try {
    const SequenceLayer& layer = settings.layer;
    static_cast<void>(attention_backward_kernel(layer, whole_row(layer)));
    static_cast<void>(accumulator(layer, layer.tokens()) * settings.degree * settings.groups);
    static_cast<void>(settings.method->sent_backward(layer, settings.degree));
  } catch (const OverflowError& error) {
    parameters.error(std::string("a layer is too much work: ") + error.what());
  }
}

}  // namespace

TokenLayout read_token_layout(JsonCursor cursor, AttentionMask mask) {
  if (!cursor.present()) {
    return mask == AttentionMask::causal ? TokenLayout::zigzag : TokenLayout::contiguous;
  }
  const std::string name = cursor.as_choice({"contiguous", "zigzag", "striped"});
  if (name == "zigzag") return TokenLayout::zigzag;
  return name == "striped" ? TokenLayout::striped : TokenLayout::contiguous;
}

std::optional<SequenceAttentionSettings> read_sequence_attention(JsonCursor parameters,
                                                                 const WorkloadContext& context) {
  SequenceAttentionSettings settings;
  SequenceLayer& layer = settings.layer;
  parameters.has("kind");
  settings.method = read_sequence_method(parameters.at("method"));
  read_groups(parameters, settings, context.devices);
  read_heads(parameters, layer);
  read_tokens(parameters, context.seed, layer, settings.lengths_digest);
  JsonCursor mask = parameters.find("mask");
  if (mask.present() && mask.as_choice({"causal", "full"}) == "full") {
    layer.mask = AttentionMask::full;
  }
  const bool is_linear = settings.method != nullptr && settings.method->is_linear();
  layer.layout =
      read_token_layout(parameters.find("layout"), is_linear ? AttentionMask::full : layer.mask);
  layer.precision = precision_or(parameters, "precision", Precision::bf16, {"bf16", "fp16"});
  layer.gradients =
      precision_or(parameters, "gradient_precision", layer.precision, {"fp32", "bf16", "fp16"});
  JsonCursor pass = parameters.find("pass");
  settings.has_backward =
      pass.present() && pass.as_choice({"forward", "forward_backward"}) == "forward_backward";
  layer.linear_block = count_or(parameters, "linear_block", 0, {.maximum = 1 << 20});
  read_host(parameters, settings.host);
  settings.repeats = count_or(parameters, "repeats", 1, {.minimum = 1, .maximum = 1000});
  JsonCursor kernels = parameters.find("kernels");
  if (kernels.present()) {
    const std::string name = kernels.as_choice({"fused", "scripted", "pytorch"});
    for (const MergeKernels each : {MergeKernels::scripted, MergeKernels::pytorch}) {
      if (name == to_string(each)) layer.kernels = each;
    }
  }
  parameters.reject_unknown_keys();
  if (parameters.diagnostics().empty() && context.devices > 0) check(parameters, settings);
  if (!parameters.diagnostics().empty() || context.devices <= 0) return std::nullopt;
  return settings;
}

JsonValue to_json(const SequenceAttentionSettings& settings) {
  const SequenceLayer& layer = settings.layer;
  const auto named = [](std::string_view name) { return json_string(std::string(name)); };
  const auto exact = [](Duration time) {
    return json_string(std::to_string(time.count()) + " ps");
  };
  std::vector<std::pair<std::string, JsonValue>> members = {
      {"method", settings.method->resolved()},
      {"degree", json_integer(settings.degree)},
      {"groups", json_integer(settings.groups)},
      {"heads", json_integer(layer.heads)},
      {"kv_heads", json_integer(layer.kv_heads)},
      {"head_size", json_integer(layer.head_size)},
      {"sequence_length", json_integer(layer.tokens())},
      {"batch", json_integer(layer.batch)},
      {"mask", named(to_string(layer.mask))},
      {"layout", named(to_string(layer.layout))},
      {"precision", named(to_string(layer.precision))},
      {"gradient_precision", named(to_string(layer.gradients))},
      {"pass", named(settings.has_backward ? "forward_backward" : "forward")},
      {"kernels", named(to_string(layer.kernels))},
      {"repeats", json_integer(settings.repeats)},
      {"host", json_object({{"kernel", exact(settings.host.kernel)},
                            {"messages", exact(settings.host.messages)},
                            {"collective", exact(settings.host.collective)}})}};
  if (layer.linear_block > 0) {
    members.emplace_back("linear_block", json_integer(layer.linear_block));
  }
  if (layer.lengths.size() > 1) {
    Division packed;
    packed.packed = layer.lengths;
    packed.lengths_digest = settings.lengths_digest;
    members.emplace_back("sequences", sequences_json(packed));
  }
  return json_object(std::move(members));
}

}  // namespace orrery
