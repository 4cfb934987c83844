#include "workloads/network.hpp"

#include <string_view>
#include <utility>

namespace orrery {
namespace {

// Far beyond what exists, and small enough that no parameter count leaves 64 bits:
// 2^14 layers * 2^18 hidden * 2^20 wide * 7 matrices < 2^55.
constexpr CountRange kLayers = {1, 10'000};
constexpr CountRange kHidden = {1, 1 << 18};
constexpr CountRange kWide = {1, 1 << 20};
constexpr CountRange kVocabulary = {1, 1 << 24};
constexpr CountRange kPositions = {1, 1 << 30};

constexpr std::string_view kReadModelTypes =
    "a model_type that is read: \"llama\" or \"mistral\" (Llama-style keys) or \"gpt2\"";

/// A key that may be absent or null, as in config.json files.
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

/// "model_type", else what the first of "architectures" implies, else "" after a report.
std::string model_type(JsonCursor& cursor) {
  JsonCursor type = cursor.find("model_type");
  if (type.present()) {
    std::string name = type.as_string();
    if (name == "llama" || name == "mistral" || name == "gpt2") {
      return name;
    }
    type.expected(std::string(kReadModelTypes));
    return "";
  }
  JsonCursor architectures = cursor.find("architectures");
  for (JsonCursor& item : architectures.items()) {
    const std::string name = item.as_string();
    if (name == "LlamaForCausalLM" || name == "MistralForCausalLM") {
      return "llama";
    }
    if (name == "GPT2LMHeadModel") {
      return "gpt2";
    }
  }
  architectures.error("names no architecture that is read; expected " +
                      std::string(kReadModelTypes));
  return "";
}

/// Defaults of absent keys: transformers' LlamaConfig.
NetworkShape read_llama(JsonCursor& cursor) {
  NetworkShape shape;
  shape.layers = cursor.at("num_hidden_layers").as_count(kLayers);
  shape.hidden = cursor.at("hidden_size").as_count(kHidden);
  shape.heads = cursor.at("num_attention_heads").as_count(kWide);
  shape.kv_heads = optional_count(cursor, "num_key_value_heads", kWide).value_or(shape.heads);
  shape.head_size = optional_count(cursor, "head_dim", kWide).value_or(0);
  shape.feed_forward = cursor.at("intermediate_size").as_count(kWide);
  shape.vocabulary = cursor.at("vocab_size").as_count(kVocabulary);
  shape.max_positions = cursor.at("max_position_embeddings").as_count(kPositions);
  shape.attention_window = optional_count(cursor, "sliding_window", kPositions).value_or(0);
  if (cursor.has("hidden_act")) {
    cursor.at("hidden_act").as_choice({"silu"});
  }
  shape.activation = Activation::swiglu;
  shape.norm = Norm::rmsnorm;
  shape.positions = Positions::rotary;
  shape.attention_biases = optional_boolean(cursor, "attention_bias", false);
  shape.feed_forward_biases = optional_boolean(cursor, "mlp_bias", false);
  shape.tied_embeddings = optional_boolean(cursor, "tie_word_embeddings", false);
  return shape;
}

/// Defaults of absent keys: transformers' GPT2Config.
NetworkShape read_gpt2(JsonCursor& cursor) {
  NetworkShape shape;
  shape.layers = cursor.at("n_layer").as_count(kLayers);
  shape.hidden = cursor.at("n_embd").as_count(kHidden);
  shape.heads = cursor.at("n_head").as_count(kWide);
  shape.kv_heads = shape.heads;
  shape.feed_forward = optional_count(cursor, "n_inner", kWide).value_or(4 * shape.hidden);
  shape.vocabulary = cursor.at("vocab_size").as_count(kVocabulary);
  shape.max_positions = cursor.at("n_positions").as_count(kPositions);
  if (cursor.has("activation_function")) {
    cursor.at("activation_function").as_choice({"gelu", "gelu_new", "gelu_fast"});
  }
  shape.activation = Activation::gelu;
  shape.norm = Norm::layernorm;
  shape.positions = Positions::learned;
  shape.attention_biases = true;
  shape.feed_forward_biases = true;
  shape.tied_embeddings = optional_boolean(cursor, "tie_word_embeddings", true);
  return shape;
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
  const std::string activation = cursor.at("activation").as_choice({"gelu", "swiglu"});
  shape.activation = activation == "swiglu" ? Activation::swiglu : Activation::gelu;
  const std::string norm = cursor.at("norm").as_choice({"layernorm", "rmsnorm"});
  shape.norm = norm == "rmsnorm" ? Norm::rmsnorm : Norm::layernorm;
  const std::string positions = cursor.at("positions").as_choice({"learned", "rotary"});
  shape.positions = positions == "rotary" ? Positions::rotary : Positions::learned;
  shape.attention_biases = cursor.at("biases").as_boolean();
  shape.feed_forward_biases = shape.attention_biases;
  shape.tied_embeddings = cursor.at("tied_embeddings").as_boolean();
  cursor.reject_unknown_keys();
  return shape;
}

/// What no single key can tell; fills in the head size.
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
  if (shape.head_size > kWide.maximum / shape.heads) {
    cursor.error(heads + " heads of size " + std::to_string(shape.head_size) + " are more than " +
                 std::to_string(kWide.maximum) + " wide");
  }
}

}  // namespace

std::optional<NetworkShape> read_network(JsonCursor cursor) {
  const std::size_t mistakes = cursor.diagnostics().count();
  if (!cursor.present()) {
    return std::nullopt;
  }
  if (cursor.value().kind != JsonValue::Kind::object) {
    cursor.expected("a network, by name or as an object");
    return std::nullopt;
  }
  NetworkShape shape;
  const std::string name = cursor.find("name").as_string();
  if (cursor.has("model_type") || cursor.has("architectures")) {
    const std::string type = model_type(cursor);
    if (type.empty()) {
      return std::nullopt;
    }
    shape = type == "gpt2" ? read_gpt2(cursor) : read_llama(cursor);
  } else {
    shape = read_own_form(cursor);
  }
  shape.name = name;
  if (cursor.diagnostics().count() == mistakes) {
    check_heads(shape, cursor);
  }
  if (cursor.diagnostics().count() != mistakes) {
    return std::nullopt;
  }
  return shape;
}

}  // namespace orrery
