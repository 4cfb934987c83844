#include "workloads/sequence/builtin.hpp"

namespace orrery {

Registry<SequenceMethodFactory> builtin_sequence_methods() {
  return {
      {"all_gather_kv", make_all_gather_kv,
       "keys and values of all tokens are gathered, queries stay (Llama-3 context parallelism)"},
      {"lasp", make_lasp,
       "linear attention: states go from rank to rank, one after another (LASP)"},
      {"lasp2", make_lasp2,
       "linear attention: the states of all ranks are gathered, whatever the length (LASP-2)"},
      {"megatron_sp", make_megatron_sp,
       "the hidden state of all tokens is gathered, heads are divided, outputs are "
       "reduce-scattered (Megatron-LM)"},
      {"ring", make_ring,
       "blocks of keys and values go around (Ring Attention); layouts contiguous, zigzag, "
       "striped"},
      {"token_ring", make_token_ring,
       "queries go around, partial outputs return straight to their owners (TokenRing)"},
      {"ulysses", make_ulysses,
       "all-to-all from tokens to heads and back (DeepSpeed-Ulysses); at most as many ranks as "
       "key-value heads"},
      {"usp", make_usp, "Ulysses among neighbours, a ring among those groups"}};
}

Bytes SequenceMethod::inputs(const SequenceLayer& layer, std::int64_t degree) const {
  const std::int64_t own = layer.tokens() / degree;
  return layer.query(own) + layer.key_value(own);
}

Bytes SequenceMethod::saved(const SequenceLayer& layer, std::int64_t degree) const {
  const std::int64_t own = layer.tokens() / degree;
  return layer.query(own) + layer.log_sum_exp(own);
}

std::unique_ptr<SequenceMethod> read_sequence_method(JsonCursor cursor) {
  if (!cursor.present()) return nullptr;
  const Registry<SequenceMethodFactory> methods = builtin_sequence_methods();
  const bool is_object = cursor.value().kind == JsonValue::Kind::object;
  JsonCursor name = is_object ? cursor.at("kind") : cursor;
  const auto* entry = methods.find(name.as_choice(methods.names()));
  if (entry == nullptr) return nullptr;
  if (is_object) return entry->make(cursor);
  JsonValue nothing = json_object({});
  nothing.origin = cursor.value().origin;  // where what is missing would stand
  return entry->make(JsonCursor(nothing, cursor.diagnostics()));
}

}  // namespace orrery
