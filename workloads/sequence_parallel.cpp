#include "workloads/sequence_parallel.hpp"

#include <string>
#include <utility>

#include "workloads/sequence_attention_settings.hpp"

namespace orrery {
namespace {

constexpr CountRange kDegree = {1, 4096};

std::string text(std::int64_t number) {
  return std::to_string(number);
}

std::unique_ptr<SequenceMethod> all_gather_kv(JsonCursor& place) {
  JsonValue name = json_string("all_gather_kv");
  name.origin = place.value().origin;
  return read_sequence_method(JsonCursor(name, place.diagnostics()));
}

/// `key` of the object, else the object; of standard layers the key "method" is another where it is
/// given.
JsonCursor place_of(JsonCursor& object, const std::string& key, bool linear_layer) {
  const bool standard = key == "method" && !linear_layer && object.has("standard_method");
  JsonCursor found = object.find(standard ? "standard_method" : key);
  return found.present() ? found : object;
}

std::string name_of(const SequenceMethod& method) {
  const JsonValue resolved = method.resolved();
  const JsonValue* kind = resolved.find("kind");
  return kind != nullptr ? kind->string : resolved.string;
}

void check_method(JsonCursor& object, const SequenceParallel& sequence, const NetworkShape& network,
                  const Division& division, std::string_view beside_tensor, bool linear_layer) {
  const SequenceMethod& method = sequence.of(linear_layer);
  if (name_of(method) == "megatron_sp") {
    place_of(object, "method", linear_layer)
        .error("megatron_sp divides weights too: say \"tensor\" " + text(sequence.degree) +
               std::string(beside_tensor));
    return;
  }
  const SequenceLayer layer =
      sequence_layer(network, division, sequence, linear_layer, Duration(0));
  const auto refusal = method.refusal(layer, sequence.degree);
  if (refusal) place_of(object, refusal->key, linear_layer).error(refusal->message);
}

}  // namespace

SequenceParallel read_sequence_parallel(JsonCursor& parallel) {
  SequenceParallel sequence;
  JsonCursor object = parallel.find("sequence");
  if (!object.present()) return sequence;
  sequence.degree = object.at("degree").as_count(kDegree);
  JsonCursor method = object.at("method");
  sequence.linear = read_sequence_method(method);
  sequence.standard = sequence.linear;
  const bool is_linear = sequence.linear && sequence.linear->is_linear();
  JsonCursor standard = object.find("standard_method");
  if (standard.present()) {
    sequence.standard = read_sequence_method(standard);
    if (sequence.linear && !is_linear) {
      standard.error(
          "belongs to methods of linear attention, lasp and lasp2; others are of all "
          "layers");
    }
  } else if (is_linear) {
    sequence.standard = all_gather_kv(method);
  }
  JsonCursor layout = object.find("layout");
  if (layout.present() || !is_linear) {
    sequence.layout = read_token_layout(layout, AttentionMask::causal);
  }
  object.reject_unknown_keys();
  return sequence;
}

void check_sequence_parallel(JsonCursor& parameters, const SequenceParallel& sequence,
                             const NetworkShape& network, const Division& division,
                             std::string_view beside_tensor) {
  if (sequence.degree <= 1 || !sequence.standard || !sequence.linear) return;
  JsonCursor parallel = parameters.find("parallel");
  JsonCursor object = parallel.find("sequence");
  JsonCursor degree = object.find("degree");
  if (network.has_latent() || network.attention_window > 0) {
    object.error(
        "sequences of networks with latent attention or an attention window are not "
        "modelled as divided");
  } else if (!division.documents.empty()) {
    object.error("rows cut from documents are not modelled as divided");
  } else if (!division.flash_attention) {
    object.error("materialized attention is not modelled on a part of a sequence");
  } else if (division.sequence_length % sequence.degree != 0) {
    degree.error(text(sequence.degree) + " ranks do not divide the sequence length " +
                 text(division.sequence_length));
  } else if (division.sequence_parallel &&
             division.sequence_length / sequence.degree % division.tensor != 0) {
    degree.error("tensor " + text(division.tensor) + " does not divide a rank's " +
                 text(division.sequence_length / sequence.degree) +
                 " tokens, as \"sequence_parallel\" needs");
  } else {
    const std::int64_t linear = network.linear_layers();
    if (linear == 0 && sequence.linear->is_linear()) {
      object.find("method").error("the network has no layer with linear attention");
      return;
    }
    for (const bool of_linear : {true, false}) {
      if ((of_linear ? linear : network.layers - linear) == 0) continue;
      check_method(object, sequence, network, division, beside_tensor, of_linear);
    }
  }
}

WorkloadFact linear_layers_left_out(const SequenceMethod& method, std::int64_t layers) {
  return {"left_out_linear_layers", static_cast<double>(layers),
          "linear layers whose attention \"" + name_of(method) +
              "\" computes with all pairs of tokens, as though they had a softmax: lasp and lasp2 "
              "are methods of linear attention."};
}

std::vector<WorkloadFact> linear_layers_left_out(const SequenceParallel& sequence,
                                                 const NetworkShape& network) {
  if (sequence.degree <= 1 || network.linear_layers() == 0 || sequence.linear->is_linear()) {
    return {};
  }
  return {linear_layers_left_out(*sequence.linear, network.linear_layers())};
}

JsonValue to_json(const SequenceParallel& sequence) {
  std::vector<std::pair<std::string, JsonValue>> members = {
      {"degree", json_integer(sequence.degree)}, {"method", sequence.linear->resolved()}};
  if (sequence.linear->is_linear()) {
    members.emplace_back("standard_method", sequence.standard->resolved());
  }
  members.emplace_back("layout", json_string(std::string(to_string(sequence.layout))));
  return json_object(std::move(members));
}

SequenceLayer sequence_layer(const NetworkShape& network, const Division& division,
                             const SequenceParallel& sequence, bool linear_layer, Duration host) {
  SequenceLayer layer;
  layer.batch = division.micro_batch;
  layer.lengths = division.packed;
  if (layer.lengths.empty()) layer.lengths = {division.sequence_length};
  layer.heads = network.heads / division.tensor;
  layer.kv_heads = network.kv_heads_on_rank(division.tensor);
  layer.head_size = network.head_size;
  layer.layout = sequence.layout;
  layer.precision = division.precision;
  layer.gradients = division.precision;
  layer.host = host;
  layer.linear_block = linear_layer ? network.linear.block : 0;
  return layer;
}

void declare_saved(Steps& steps, const NetworkShape& network, const Division& division,
                   const SequenceParallel& sequence, bool linear_layer) {
  for (Step& step : steps) {
    if (step.shared != SharedCore::forward) continue;
    step.memory.saved =
        sequence.of(linear_layer)
            .saved(sequence_layer(network, division, sequence, linear_layer, Duration(0)),
                   sequence.degree);
  }
}

}  // namespace orrery
