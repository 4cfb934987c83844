#include "workloads/network.hpp"

#include <string_view>

#include "workloads/hugging_face.hpp"
#include "workloads/network_keys.hpp"

namespace orrery {

std::optional<std::int64_t> optional_count(JsonCursor& cursor, std::string_view key,
                                           CountRange range) {
  JsonCursor found = cursor.find(key);
  if (!found.present() || found.value().kind == JsonValue::Kind::null) {
    return std::nullopt;
  }
  return found.as_count(range);
}

bool optional_boolean(JsonCursor& cursor, std::string_view key, bool otherwise) {
  JsonCursor found = cursor.find(key);
  return found.present() ? found.as_boolean() : otherwise;
}

namespace {

LinearAttention read_linear(JsonCursor linear) {
  LinearAttention result;
  if (!linear.present()) return result;
  JsonCursor pattern = linear.at("pattern");
  result.pattern = pattern.as_string();
  const bool sound = result.pattern.find_first_not_of("LN") == std::string::npos &&
                     result.pattern.find('L') != std::string::npos;
  if (pattern.present() && pattern.value().kind == JsonValue::Kind::string && !sound) {
    pattern.expected(
        "letters L (linear) and N (standard), one for each layer, with at least one L");
    result.pattern.clear();
  }
  result.block = optional_count(linear, "block", kWide).value_or(result.block);
  result.gate = optional_boolean(linear, "gate", false);
  linear.reject_unknown_keys();
  return result;
}

LatentAttention read_latent(JsonCursor latent) {
  LatentAttention result;
  if (latent.present()) {
    result.kv_rank = latent.at("kv_rank").as_count(kWide);
    result.query_rank = optional_count(latent, "query_rank", kWide).value_or(0);
    result.value_size = latent.at("value_size").as_count(kWide);
    latent.reject_unknown_keys();
  }
  return result;
}

LayerForm read_form(JsonCursor& cursor) {
  const bool parallel = optional_boolean(cursor, "parallel_residual", false);
  const bool shared = optional_boolean(cursor, "shared_norm", false);
  if (shared && !parallel) {
    cursor.find("shared_norm").error("needs \"parallel_residual\": true");
  }
  return !parallel ? LayerForm::sequential : shared ? LayerForm::shared_norm : LayerForm::parallel;
}

NetworkShape read_own_form(JsonCursor& cursor) {
  NetworkShape shape;
  cursor.at("description").as_string();
  cursor.at("source").as_string();
  shape.layers = cursor.at("layers").as_count(kLayers);
  shape.hidden = cursor.at("hidden").as_count(kHidden);
  shape.heads = cursor.at("heads").as_count(kWide);
  shape.kv_heads = cursor.at("kv_heads").as_count(kWide);
  shape.head_size = optional_count(cursor, "head_size", kWide).value_or(0);
  shape.feed_forward = cursor.at("feed_forward").as_count(kWide);
  shape.vocabulary = cursor.at("vocabulary").as_count(kVocabulary);
  shape.max_positions = cursor.at("max_positions").as_count(kPositions);
  shape.attention_window = optional_count(cursor, "attention_window", kPositions).value_or(0);
  shape.rotary_size = optional_count(cursor, "rotary_size", kWide).value_or(0);
  shape.latent = read_latent(cursor.find("latent"));
  shape.linear = read_linear(cursor.find("linear_attention"));
  const std::string activation = cursor.at("activation").as_choice({"gelu", "swiglu"});
  shape.activation = activation == "swiglu" ? Activation::swiglu : Activation::gelu;
  const std::string norm = cursor.at("norm").as_choice({"layernorm", "rmsnorm"});
  shape.norm = norm == "rmsnorm" ? Norm::rmsnorm : Norm::layernorm;
  const std::string positions = cursor.at("positions").as_choice({"learned", "rotary", "alibi"});
  shape.positions = positions == "rotary"  ? Positions::rotary
                    : positions == "alibi" ? Positions::alibi
                                           : Positions::learned;
  shape.form = read_form(cursor);
  shape.qk_norm = optional_boolean(cursor, "qk_norm", false);
  const bool biases = cursor.at("biases").as_boolean();
  shape.qkv_biases = optional_boolean(cursor, "qkv_biases", biases);
  shape.projection_biases = optional_boolean(cursor, "projection_biases", biases);
  shape.feed_forward_biases = optional_boolean(cursor, "feed_forward_biases", biases);
  shape.tied_embeddings = cursor.at("tied_embeddings").as_boolean();
  cursor.reject_unknown_keys();
  return shape;
}

/// What no single key can tell; fills in the sizes of a head.
void check_heads(NetworkShape& shape, JsonCursor& cursor) {
  const std::string heads = std::to_string(shape.heads);
  if (shape.heads % shape.kv_heads != 0) {
    cursor.error(heads + " heads cannot share " + std::to_string(shape.kv_heads) +
                 " key-value heads evenly");
  }
  if (shape.head_size == 0) {
    if (shape.hidden % shape.heads != 0) {
      cursor.error("hidden size " + std::to_string(shape.hidden) + " is not a multiple of " +
                   heads + " heads, and no head size is given");
    }
    shape.head_size = shape.hidden / shape.heads;
  }
  for (const std::int64_t size : {shape.head_size, shape.value_size()}) {
    if (size > kWide.maximum / shape.heads) {
      cursor.error(heads + " heads of size " + std::to_string(size) + " are more than " +
                   std::to_string(kWide.maximum) + " wide");
      break;
    }
  }
}

void check_positions(NetworkShape& shape, JsonCursor& cursor) {
  if (shape.positions != Positions::rotary) {
    if (shape.rotary_size > 0) {
      cursor.error("a rotary size needs rotary positions");
    }
    shape.rotary_size = 0;
  } else if (shape.rotary_size == 0) {
    shape.rotary_size = shape.head_size;
  }
  if (shape.rotary_size > shape.head_size) {
    cursor.error("rotary size " + std::to_string(shape.rotary_size) +
                 " is more than the head size " + std::to_string(shape.head_size));
  }
}

/// What DeepSeek-V2's form of attention is defined with.
void check_latent(const NetworkShape& shape, JsonCursor& cursor) {
  if (!shape.has_latent()) {
    return;
  }
  if (shape.kv_heads != shape.heads) {
    cursor.error("latent attention has keys and values of its own in each of its " +
                 std::to_string(shape.heads) + " heads, not " + std::to_string(shape.kv_heads));
  }
  if (shape.positions != Positions::rotary || shape.rotary_size == shape.head_size) {
    cursor.error("latent attention needs rotary positions in a part of its head, \"rotary_size\"");
  }
  if (shape.qk_norm || shape.qkv_biases || shape.form != LayerForm::sequential) {
    cursor.error(
        "latent attention is modelled without norms of queries and keys, without biases on them "
        "and without a parallel residual");
  }
}

/// What linear layers are modelled with.
void check_linear(const NetworkShape& shape, JsonCursor& cursor) {
  const std::string& pattern = shape.linear.pattern;
  if (pattern.empty()) return;
  JsonCursor linear = cursor.find("linear_attention");
  if (static_cast<std::int64_t>(pattern.size()) > shape.layers) {
    linear.find("pattern").error("a pattern of " + std::to_string(pattern.size()) +
                                 " layers is longer than the network, which has " +
                                 std::to_string(shape.layers));
  }
  if (shape.has_latent() || shape.qk_norm || shape.form != LayerForm::sequential) {
    linear.error(
        "linear layers are modelled without latent attention, without norms of queries and keys "
        "and "
        "without a parallel residual");
  }
}

}  // namespace

std::int64_t NetworkShape::linear_layers(std::int64_t first, std::int64_t count) const {
  std::int64_t result = 0;
  for (std::int64_t layer = first; layer < first + count; ++layer) result += is_linear(layer);
  return result;
}

NetworkShape NetworkShape::of_layer(bool linear_one) const {
  NetworkShape shape = *this;
  shape.attends_linearly = linear_one;
  return shape;
}

std::optional<NetworkShape> read_network(JsonCursor cursor) {
  const std::size_t mistakes = cursor.diagnostics().count();
  if (!cursor.present()) {
    return std::nullopt;
  }
  if (cursor.value().kind != JsonValue::Kind::object) {
    cursor.expected("a network, by name or as an object");
    return std::nullopt;
  }
  const std::string name = cursor.find("name").as_string();
  std::optional<NetworkShape> shape =
      is_hugging_face(cursor) ? read_hugging_face(cursor) : read_own_form(cursor);
  if (shape && cursor.diagnostics().count() == mistakes) {
    shape->name = name;
    check_heads(*shape, cursor);
    check_positions(*shape, cursor);
    check_latent(*shape, cursor);
    check_linear(*shape, cursor);
  }
  if (cursor.diagnostics().count() != mistakes) {
    return std::nullopt;
  }
  return shape;
}

std::optional<NetworkShape> read_network_of(JsonCursor& workload) {
  JsonCursor network = workload.at("network");
  const bool unresolved = network.present() && !network.diagnostics().empty() &&
                          network.value().kind == JsonValue::Kind::string;
  return unresolved ? std::nullopt : read_network(network);
}

}  // namespace orrery
