#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace orrery::kernels {

/// Names and values of a row's sizes, as they stand in the files that are written.
using Shape = std::vector<std::pair<std::string, std::int64_t>>;

// Where `orrery list ops` has an op for a kernel, its sizes have the op's names, so that `orrery
// calibrate` reads the rows as they are; what the op does not know stands behind them under names
// of its own. No CUDA here: a test elsewhere writes rows with these.

/// Op gemm.
inline Shape gemm_shape(int m, int n, int k, int sms) {
  return {{"m", m}, {"n", n}, {"k", k}, {"sms", sms}};
}

/// Op context_attention. Causal queries are the last of the keys.
struct BlockAttention {
  int batch, heads, kv_heads, queries, keys, head_dim;
  bool causal;
};
inline Shape block_attention_shape(const BlockAttention& s) {
  return {{"batch_size", s.batch},
          {"isl", s.queries},
          {"num_heads", s.heads},
          {"num_key_value_heads", s.kv_heads},
          {"head_dim", s.head_dim},
          {"cached", s.keys - s.queries},
          {"attended", s.causal ? 0 : s.keys},  // by a query on average; 0: as causality has it
          {"cache_write", 0},
          {"causal", s.causal ? 1 : 0}};
}

/// Op generation_attention: of a cache of `keys` the `pages` that are looked at.
struct DecodeAttention {
  int sequences, heads, kv_heads, head_dim, keys, page, pages, splits;
};
inline Shape decode_attention_shape(const DecodeAttention& s) {
  return {{"batch_size", s.sequences}, {"isl", std::int64_t{s.pages} * s.page},
          {"num_heads", s.heads},      {"num_key_value_heads", s.kv_heads},
          {"head_dim", s.head_dim},    {"cache_write", 0},
          {"cached_keys", s.keys},     {"page", s.page},
          {"splits", s.splits}};
}
/// Format of keys and values of so many bits.
inline const char* cache_dtype(int bits) {
  return bits == 16 ? "fp16" : bits == 8 ? "int8" : "int4";
}

/// Op moe, of whose kernels each is timed by itself.
struct Experts {
  int tokens, width, hidden, choices, experts, skew, most_loaded;
};
inline Shape experts_shape(const Experts& s) {
  return {{"num_tokens", s.tokens},      {"hidden_size", s.width},   {"inter_size", s.hidden},
          {"topk", s.choices},           {"num_experts", s.experts}, {"skew", s.skew},
          {"most_loaded", s.most_loaded}};
}

/// Chunked linear attention, for which there is no op: gated_delta_net's names without its kernels.
inline Shape linear_attention_shape(int heads, int tokens, int head_dim, int chunk) {
  return {{"batch_size", 1},        {"seq_len", tokens},    {"num_k_heads", heads},
          {"head_k_dim", head_dim}, {"num_v_heads", heads}, {"head_v_dim", head_dim},
          {"chunk", chunk}};
}

/// Op conv3x3.
inline Shape convolution_shape(int images, int rows, int width, int inputs, int outputs) {
  return {{"batch_size", images},
          {"height", rows},
          {"width", width},
          {"in_channels", inputs},
          {"out_channels", outputs}};
}

}  // namespace orrery::kernels
