#include "workloads/hugging_face.hpp"

#include <array>
#include <string>
#include <string_view>

#include "workloads/network_keys.hpp"
#include "workloads/published_config.hpp"

namespace orrery {
namespace {

void expect_choice(PublishedConfig& config, std::string_view key,
                   std::initializer_list<std::string_view> choices) {
  if (config.has(key)) {
    config.at(key).as_choice(choices);
  }
}

/// For what would change the network and is not modelled.
void expect_false(PublishedConfig& config, std::string_view key, std::string_view what) {
  JsonCursor found = config.find(key);
  if (found.present() && found.as_boolean()) {
    found.error("expected false: " + std::string(what) + " is not modelled");
  }
}

/// The keys that all families but GPT-2 share.
NetworkShape read_common(PublishedConfig& config) {
  NetworkShape shape;
  shape.layers = config.at("num_hidden_layers").as_count(kLayers);
  shape.hidden = config.at("hidden_size").as_count(kHidden);
  shape.heads = config.at("num_attention_heads").as_count(kWide);
  shape.kv_heads = shape.heads;
  shape.vocabulary = config.at("vocab_size").as_count(kVocabulary);
  shape.positions = Positions::rotary;
  return shape;
}

/// SwiGLU and RMSNorm, no biases: Touvron et al. 2023, arXiv:2302.13971, §2.2.
NetworkShape read_llama_style(PublishedConfig& config) {
  NetworkShape shape = read_common(config);
  shape.feed_forward = config.at("intermediate_size").as_count(kWide);
  shape.max_positions = config.at("max_position_embeddings").as_count(kPositions);
  expect_choice(config, "hidden_act", {"silu"});
  shape.activation = Activation::swiglu;
  shape.norm = Norm::rmsnorm;
  shape.tied_embeddings = config.boolean("tie_word_embeddings", false);
  return shape;
}

/// LlamaConfig.
NetworkShape read_llama(PublishedConfig& config) {
  NetworkShape shape = read_llama_style(config);
  shape.kv_heads = config.count("num_key_value_heads", kWide).value_or(shape.heads);
  shape.head_size = config.count("head_dim", kWide).value_or(0);
  shape.qkv_biases = config.boolean("attention_bias", false);
  shape.projection_biases = shape.qkv_biases;
  shape.feed_forward_biases = config.boolean("mlp_bias", false);
  return shape;
}

/// MistralConfig. Files say whether there is a window, null where there is none. An override with
/// null takes the key away (RFC 7396), which would be the class's default of 4096: it says 0.
NetworkShape read_mistral(PublishedConfig& config) {
  NetworkShape shape = read_llama_style(config);
  shape.kv_heads = config.at("num_key_value_heads").as_count(kWide);
  shape.head_size = config.count("head_dim", kWide).value_or(0);
  shape.attention_window = 0;
  if (config.has("sliding_window")) {
    shape.attention_window =
        config.count("sliding_window", {.maximum = kPositions.maximum}).value_or(0);
  } else {
    config.error("missing key \"sliding_window\": a number of tokens, or 0 for no window");
  }
  return shape;
}

/// Qwen2Config: biases on queries, keys and values only (Qwen2 technical report,
/// arXiv:2407.10671, §2.2.1).
NetworkShape read_qwen2(PublishedConfig& config) {
  NetworkShape shape = read_llama_style(config);
  shape.kv_heads = config.at("num_key_value_heads").as_count(kWide);
  shape.head_size = config.count("head_dim", kWide).value_or(0);
  shape.qkv_biases = true;
  expect_false(config, "use_sliding_window", "a window in some of the layers");
  return shape;
}

/// Qwen3Config: no biases, norms on queries and keys (Qwen3 technical report, arXiv:2505.09388,
/// §2).
NetworkShape read_qwen3(PublishedConfig& config) {
  NetworkShape shape = read_llama_style(config);
  shape.kv_heads = config.at("num_key_value_heads").as_count(kWide);
  shape.head_size = config.count("head_dim", kWide).value_or(128);
  shape.qk_norm = true;
  shape.qkv_biases = config.boolean("attention_bias", false);
  shape.projection_biases = shape.qkv_biases;
  expect_false(config, "use_sliding_window", "a window in some of the layers");
  return shape;
}

/// GPT2Config.
NetworkShape read_gpt2(PublishedConfig& config) {
  NetworkShape shape;
  shape.layers = config.at("n_layer").as_count(kLayers);
  shape.hidden = config.at("n_embd").as_count(kHidden);
  shape.heads = config.at("n_head").as_count(kWide);
  shape.kv_heads = shape.heads;
  shape.feed_forward = config.count("n_inner", kWide).value_or(4 * shape.hidden);
  shape.vocabulary = config.at("vocab_size").as_count(kVocabulary);
  shape.max_positions = config.at("n_positions").as_count(kPositions);
  expect_choice(config, "activation_function", {"gelu", "gelu_new", "gelu_fast"});
  shape.qkv_biases = true;
  shape.projection_biases = true;
  shape.feed_forward_biases = true;
  shape.tied_embeddings = config.boolean("tie_word_embeddings", true);
  return shape;
}

/// GPTNeoXConfig.
NetworkShape read_gpt_neox(PublishedConfig& config) {
  NetworkShape shape = read_common(config);
  shape.feed_forward = config.at("intermediate_size").as_count(kWide);
  shape.max_positions = config.at("max_position_embeddings").as_count(kPositions);
  expect_choice(config, "hidden_act", {"gelu", "gelu_new", "gelu_fast"});
  JsonCursor rotated = config.find("rotary_pct");
  const double part = rotated.present() ? rotated.as_ratio() : 0.25;
  if (shape.heads > 0) {
    const double head_size = static_cast<double>(shape.hidden / shape.heads);
    shape.rotary_size = static_cast<std::int64_t>(part * head_size);
  }
  if (shape.hidden > 0 && shape.heads > 0 && shape.rotary_size == 0) {
    config.error("\"rotary_pct\" leaves no element of a head to rotate");
  }
  const bool parallel = config.boolean("use_parallel_residual", true);
  shape.form = parallel ? LayerForm::parallel : LayerForm::sequential;
  shape.qkv_biases = config.boolean("attention_bias", true);
  shape.projection_biases = shape.qkv_biases;
  shape.feed_forward_biases = true;
  shape.tied_embeddings = config.boolean("tie_word_embeddings", false);
  return shape;
}

/// FalconConfig, and what FalconAttention and FalconDecoderLayer make of it.
NetworkShape read_falcon(PublishedConfig& config) {
  NetworkShape shape = read_common(config);
  const bool new_form = config.boolean("new_decoder_architecture", false);
  const bool one_kv_head = config.boolean("multi_query", true) && !new_form;
  const auto kv_heads = config.count("num_kv_heads", kWide);
  shape.kv_heads = one_kv_head ? 1 : kv_heads.value_or(shape.heads);
  shape.feed_forward = config.count("ffn_hidden_size", kWide).value_or(4 * shape.hidden);
  shape.max_positions = config.count("max_position_embeddings", kPositions).value_or(2048);
  expect_choice(config, "activation", {"gelu"});
  const auto norms = config.count("num_ln_in_parallel_attn", {1, 2});
  const bool two_norms = new_form && norms.value_or(2) == 2;
  if (config.boolean("parallel_attn", true)) {
    shape.form = two_norms ? LayerForm::parallel : LayerForm::shared_norm;
  }
  if (config.boolean("alibi", false)) {
    shape.positions = Positions::alibi;
  }
  shape.qkv_biases = config.boolean("bias", false);
  shape.projection_biases = shape.qkv_biases;
  shape.feed_forward_biases = shape.qkv_biases;
  shape.tied_embeddings = config.boolean("tie_word_embeddings", true);
  return shape;
}

/// DeepseekV2Config and DeepseekV3Config where all layers are dense.
NetworkShape read_deepseek(PublishedConfig& config) {
  NetworkShape shape = read_llama_style(config);
  if (config.is_given("n_routed_experts")) {
    config.find("n_routed_experts")
        .error(
            "expected null: a mixture of experts is not modelled yet, only networks whose "
            "feed-forward blocks are all dense");
  }
  shape.latent.kv_rank = config.at("kv_lora_rank").as_count(kWide);
  shape.latent.query_rank = config.count("q_lora_rank", kWide).value_or(0);
  shape.latent.value_size = config.at("v_head_dim").as_count(kWide);
  shape.rotary_size = config.at("qk_rope_head_dim").as_count(kWide);
  shape.head_size = config.at("qk_nope_head_dim").as_count(kWide) + shape.rotary_size;
  expect_false(config, "attention_bias", "latent attention with biases");
  return shape;
}

struct Family {
  std::string_view model_type;
  std::string_view architecture;
  NetworkShape (*read)(PublishedConfig& config);
};

constexpr std::array kFamilies = {Family{"deepseek_v2", "DeepseekV2ForCausalLM", read_deepseek},
                                  Family{"deepseek_v3", "DeepseekV3ForCausalLM", read_deepseek},
                                  Family{"falcon", "FalconForCausalLM", read_falcon},
                                  Family{"gpt2", "GPT2LMHeadModel", read_gpt2},
                                  Family{"gpt_neox", "GPTNeoXForCausalLM", read_gpt_neox},
                                  Family{"llama", "LlamaForCausalLM", read_llama},
                                  Family{"mistral", "MistralForCausalLM", read_mistral},
                                  Family{"qwen2", "Qwen2ForCausalLM", read_qwen2},
                                  Family{"qwen3", "Qwen3ForCausalLM", read_qwen3}};

std::string known_families() {
  std::string text = "a model_type that is read:";
  for (const Family& family : kFamilies) {
    text +=
        (&family == &kFamilies.front() ? " \"" : ", \"") + std::string(family.model_type) + "\"";
  }
  return text;
}

/// nullptr after a report.
const Family* family_of(JsonCursor& cursor) {
  JsonCursor type = cursor.find("model_type");
  if (type.present()) {
    const std::string name = type.as_string();
    for (const Family& family : kFamilies) {
      if (family.model_type == name) {
        return &family;
      }
    }
    type.expected(known_families());
    return nullptr;
  }
  JsonCursor architectures = cursor.find("architectures");
  for (JsonCursor& item : architectures.items()) {
    const std::string name = item.as_string();
    for (const Family& family : kFamilies) {
      if (family.architecture == name) {
        return &family;
      }
    }
  }
  architectures.error("names no architecture that is read; expected " + known_families());
  return nullptr;
}

}  // namespace

bool is_hugging_face(JsonCursor& cursor) {
  return cursor.has("model_type") || cursor.has("architectures");
}

std::optional<NetworkShape> read_hugging_face(JsonCursor& cursor) {
  const Family* family = family_of(cursor);
  if (family == nullptr) {
    return std::nullopt;
  }
  PublishedConfig config(cursor);
  const NetworkShape shape = family->read(config);
  config.reject_unread_overrides();
  return shape;
}

}  // namespace orrery
