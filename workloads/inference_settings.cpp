#include "workloads/inference_settings.hpp"

#include <string>
#include <utility>

#include "sim/base/unit_text.hpp"
#include "workloads/rank_grid_settings.hpp"

namespace orrery {
namespace {

constexpr CountRange kLength = {1, 1 << 24};
constexpr CountRange kBatch = {1, 1 << 20};
constexpr std::int64_t kMaximumTokens = std::int64_t{1} << 32;  // of one micro-batch
/// assumed: a few microseconds for a kernel that PyTorch issues by itself. As a lower bound: 3.8 us
/// for one that C++ issues (Gray 2019, "Getting Started with CUDA Graphs", NVIDIA developer blog).
constexpr Duration kHostLaunch{5'000'000};

std::string text(std::int64_t number) {
  return std::to_string(number);
}

JsonValue named(std::string_view name) {
  return json_string(std::string(name));
}

Precision precision_or(JsonCursor& parameters, std::string_view key, Precision otherwise,
                       std::initializer_list<std::string_view> choices) {
  JsonCursor found = parameters.find(key);
  return found.present() ? precision_from(found.as_choice(choices)).value_or(otherwise) : otherwise;
}

void check_tensor(JsonCursor& parameters, const NetworkShape& network, std::int64_t tensor) {
  JsonCursor place = place_in_parallel(parameters, "tensor");
  const std::string start = "tensor " + text(tensor) + " does not divide the network's ";
  if (network.heads % tensor != 0) {
    place.error(start + text(network.heads) + " heads");
  } else if (network.kv_heads % tensor != 0 && tensor % network.kv_heads != 0) {
    place.error(start + text(network.kv_heads) + " key-value heads, nor is it a multiple of them");
  }
  if (network.feed_forward % tensor != 0) {
    place.error(start + "feed-forward size " + text(network.feed_forward));
  }
}

void check_network(JsonCursor& parameters, const InferenceSettings& settings) {
  const NetworkShape& network = settings.network;
  if (settings.grid.tensor > 0) {
    check_tensor(parameters, network, settings.grid.tensor);
  }
  if (settings.grid.pipeline > 0 && network.layers % settings.grid.pipeline != 0) {
    place_in_parallel(parameters, "pipeline")
        .error("pipeline " + text(settings.grid.pipeline) + " does not divide the network's " +
               text(network.layers) + " layers");
  }
  if (settings.grid.pipeline > 1 && !network.linear.pattern.empty() &&
      network.layers / settings.grid.pipeline %
              static_cast<std::int64_t>(network.linear.pattern.size()) !=
          0) {
    place_in_parallel(parameters, "pipeline")
        .error("stages of " + text(network.layers / settings.grid.pipeline) +
               " layers are not all alike: the network's pattern of linear layers has " +
               text(static_cast<std::int64_t>(network.linear.pattern.size())));
  }
  if (settings.form.architecture == Architecture::ladder && settings.grid.pipeline > 1) {
    parameters.find("architecture")
        .error(
            "ladder in a pipeline is not modelled: the outputs of two blocks would travel beside "
            "the residual stream");
  }
  check_tensor_overlap(parameters, settings.form.overlap, settings.grid.tensor, network,
                       overlap_conflict(settings.form.architecture, settings.form.sequence));
  const bool plain =
      !network.has_latent() && network.attention_window == 0 && network.linear.pattern.empty();
  if (settings.form.kernels == InferenceKernels::gpt_fast && !plain) {
    parameters.find("kernels").error(
        "gpt-fast's kernels are not modelled of latent or linear attention, nor of attention in a "
        "window");
  }
  const std::int64_t length = settings.length();
  if (network.positions == Positions::learned && length > network.max_positions) {
    parameters.find("input_length")
        .error("input and output reach " + text(length) +
               " tokens that are looked at, more than the network's " +
               text(network.max_positions) + " learned positions");
  }
}

void check_shared_prompts(JsonCursor& parameters, const InferenceSettings& settings) {
  if (settings.output_length > 1) {
    parameters.find("output_length")
        .error(
            "ranks share a prompt in prefill only, \"output_length\" 1: decoding with a cache "
            "that they divide is not modelled");
    return;
  }
  const bool standard = settings.form.architecture == Architecture::standard &&
                        settings.form.kernels == InferenceKernels::fused;
  if (!standard) {
    place_in_parallel(parameters, "sequence")
        .error("ranks share prompts of the standard architecture with fused kernels only");
    return;
  }
  check_sequence_parallel(parameters, settings.sequence, settings.network, settings.prompts(),
                          ", whose all-reduces send as much; that ranks divide tokens between the "
                          "blocks is modelled in training only");
}

void read_micro_batches(JsonCursor& parameters, InferenceSettings& settings) {
  const std::int64_t stages = settings.grid.pipeline;
  JsonCursor place = parameters.find("micro_batches");
  if (!place.present()) {
    settings.micro_batches = stages > 0 && settings.batch % stages == 0 ? stages : 1;
    return;
  }
  settings.micro_batches = place.as_count(kBatch);
  if (settings.micro_batches > 0 && settings.batch % settings.micro_batches != 0) {
    place.error(text(settings.micro_batches) + " micro-batches do not divide the batch of " +
                text(settings.batch));
  }
}

void read_sizes(JsonCursor& parameters, InferenceSettings& settings) {
  settings.batch = parameters.at("batch").as_count(kBatch);
  settings.input_length = parameters.at("input_length").as_count(kLength);
  settings.output_length = parameters.at("output_length").as_count(kLength);
  read_micro_batches(parameters, settings);
  if (settings.micro_batches > 0 && settings.sequences() * settings.input_length > kMaximumTokens) {
    parameters.find("batch").error("a micro-batch of " + text(settings.sequences()) + " x " +
                                   text(settings.input_length) + " tokens is more than " +
                                   text(kMaximumTokens));
  }
}

void read_form(JsonCursor& parameters, InferenceForm& form) {
  form.precision = precision_or(parameters, "precision", Precision::bf16, {"bf16", "fp16"});
  form.weights = precision_or(parameters, "weights_precision", form.precision,
                              {"bf16", "fp16", "fp8", "int8", "int4"});
  form.architecture = read_architecture(parameters);
  JsonCursor vocabulary = parameters.find("vocabulary");
  form.divides_vocabulary =
      !vocabulary.present() || vocabulary.as_choice({"divided", "replicated"}) != "replicated";
  form.kv =
      precision_or(parameters, "kv_precision", form.precision, {"bf16", "fp16", "fp8", "int8"});
}

}  // namespace

std::optional<InferenceSettings> read_inference_settings(JsonCursor& parameters,
                                                         const WorkloadContext& context) {
  const std::size_t mistakes = parameters.diagnostics().count();
  InferenceSettings settings;
  parameters.find("kind");  // read by whoever chose this workload
  const std::optional<NetworkShape> network = read_network_of(parameters);
  JsonCursor parallel = parameters.find("parallel");
  settings.sequence = read_sequence_parallel(parallel);
  settings.form.overlap = read_tensor_overlap(parallel, context);
  settings.grid = read_rank_grid(parameters, parallel, context, settings.sequence.degree);
  settings.form.sequence = settings.grid.sequence;
  settings.form.tensor = settings.grid.tensor;
  read_form(parameters, settings.form);
  read_sizes(parameters, settings);
  if (JsonCursor launch = parameters.find("launch"); launch.present()) {
    settings.launch =
        launch.as_choice({"graph", "eager"}) == "eager" ? Launch::eager : Launch::graph;
  }
  JsonCursor host = parameters.find("host_launch");
  settings.host_launch = host.present() ? host.as_duration() : kHostLaunch;
  JsonCursor crossing = parameters.find("stream_crossing");
  if (crossing.present()) settings.stream_crossing = crossing.as_duration();
  JsonCursor kernels = parameters.find("kernels");
  if (kernels.present() && kernels.as_choice({"fused", "gpt_fast"}) == "gpt_fast") {
    settings.form.kernels = InferenceKernels::gpt_fast;
    settings.form.static_keys = settings.input_length + settings.output_length;
  }
  parameters.reject_unknown_keys();
  if (network) {
    settings.network = *network;
    apply_architecture(parameters, settings.form.architecture, settings.network);
    check_network(parameters, settings);
    if (settings.form.sequence > 1 && parameters.diagnostics().count() == mistakes) {
      check_shared_prompts(parameters, settings);
    }
  }
  if (!network || context.devices <= 0 || parameters.diagnostics().count() != mistakes) {
    return std::nullopt;
  }
  return settings;
}

namespace {

/// As people write it, where that says it exactly.
JsonValue json_duration(Duration duration) {
  const std::string for_people = to_text(duration);
  return json_string(parse_duration(for_people) == duration ? for_people
                                                            : text(duration.count()) + " ps");
}

}  // namespace

JsonValue to_json(const InferenceSettings& settings) {
  auto members = members_of(settings.grid);
  if (settings.form.sequence > 1) {
    members.front().second.members.emplace_back("sequence", to_json(settings.sequence));
  }
  if (settings.form.overlap.triggered) {  // "parallel" comes first
    members.front().second.members.emplace_back("tensor_overlap", named("triggered"));
  }
  const auto add = [&members](const char* key, JsonValue value) {
    members.emplace_back(key, std::move(value));
  };
  add("batch", json_integer(settings.batch));
  add("micro_batches", json_integer(settings.micro_batches));
  add("input_length", json_integer(settings.input_length));
  add("output_length", json_integer(settings.output_length));
  add("precision", named(to_string(settings.form.precision)));
  add("weights_precision", named(to_string(settings.form.weights)));
  add("kv_precision", named(to_string(settings.form.kv)));
  add("launch", named(settings.launch == Launch::eager ? "eager" : "graph"));
  if (settings.form.architecture != Architecture::standard) {
    add("architecture", named(to_string(settings.form.architecture)));
  }
  if (!settings.form.divides_vocabulary) add("vocabulary", named("replicated"));
  if (settings.form.kernels == InferenceKernels::gpt_fast) add("kernels", named("gpt_fast"));
  add("host_launch", json_duration(settings.host_launch));
  if (settings.stream_crossing > Duration(0)) {
    add("stream_crossing", json_duration(settings.stream_crossing));
  }
  return json_object(std::move(members));
}

}  // namespace orrery
