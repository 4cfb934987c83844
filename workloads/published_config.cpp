#include "workloads/published_config.hpp"

#include <array>
#include <utility>
#include <vector>

#include "workloads/network_keys.hpp"

namespace orrery {
namespace {

/// Keys of our own form, and what configuration classes of transformers call the same.
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kSame = {
    {{"layers", "num_hidden_layers"},
     {"layers", "n_layer"},
     {"hidden", "hidden_size"},
     {"hidden", "n_embd"},
     {"heads", "num_attention_heads"},
     {"heads", "n_head"},
     {"kv_heads", "num_key_value_heads"},
     {"kv_heads", "num_kv_heads"},
     {"head_size", "head_dim"},
     {"feed_forward", "intermediate_size"},
     {"feed_forward", "ffn_hidden_size"},
     {"feed_forward", "n_inner"},
     {"vocabulary", "vocab_size"},
     {"max_positions", "max_position_embeddings"},
     {"max_positions", "n_positions"},
     {"attention_window", "sliding_window"},
     {"parallel_residual", "use_parallel_residual"},
     {"parallel_residual", "parallel_attn"},
     {"qkv_biases", "attention_bias"},
     {"tied_embeddings", "tie_word_embeddings"}}};

std::string_view file_of(const JsonValue& value) {
  return value.origin.file ? std::string_view(*value.origin.file) : std::string_view();
}

}  // namespace

JsonCursor PublishedConfig::at(std::string_view key) {
  asked_.emplace(key);
  return cursor_.at(key);
}

JsonCursor PublishedConfig::find(std::string_view key) {
  asked_.emplace(key);
  return cursor_.find(key);
}

bool PublishedConfig::is_given(std::string_view key) {
  const JsonCursor found = find(key);
  return found.present() && found.value().kind != JsonValue::Kind::null;
}

std::optional<std::int64_t> PublishedConfig::count(std::string_view key, CountRange range) {
  asked_.emplace(key);
  return optional_count(cursor_, key, range);
}

bool PublishedConfig::boolean(std::string_view key, bool otherwise) {
  asked_.emplace(key);
  return optional_boolean(cursor_, key, otherwise);
}

void PublishedConfig::reject_unread_overrides() {
  for (const char* const read : {"name", "description", "source", "architectures", "model_type"}) {
    asked_.emplace(read);
  }
  const JsonCursor architectures = cursor_.find("architectures");
  const JsonCursor family = architectures.present() ? architectures : cursor_.find("model_type");
  for (const JsonValue::Member& member : cursor_.value().members) {
    if (asked_.contains(member.key) || file_of(member.value) == file_of(family.value())) continue;
    report_at(member.value, "no such key in a config.json of this family" + hint_for(member.key),
              cursor_.diagnostics());
  }
}

std::string PublishedConfig::hint_for(std::string_view key) const {
  const auto meant = [](const std::string& name) { return "; did you mean \"" + name + "\"?"; };
  bool is_own = false;  // a key of our own form, for which this family may have none
  for (const auto& [own, published] : kSame) {
    is_own = is_own || own == key;
    if (own == key && asked_.contains(published)) return meant(std::string(published));
  }
  const std::vector<std::string> asked(asked_.begin(), asked_.end());
  const std::string nearest = is_own ? "" : nearest_name(key, asked);
  return nearest.empty() ? "; a network in our own form may have it (workloads/networks/README.md)"
                         : meant(nearest);
}

}  // namespace orrery
