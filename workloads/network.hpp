#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/base/json_cursor.hpp"

namespace orrery {

enum class Activation : unsigned char { gelu, swiglu };
enum class Norm : unsigned char { layernorm, rmsnorm };
enum class Positions : unsigned char { learned, rotary, alibi };

/// How a layer puts its two blocks together.
///   sequential   y = x + attention(norm x),  z = y + feed_forward(norm y)
///   parallel     z = x + attention(norm x) + feed_forward(norm' x)   (Black et al. 2022,
///                GPT-NeoX-20B, arXiv:2204.06745, §2.1)
///   shared_norm  the same with one norm for both (PaLM, arXiv:2204.02311, §2; Falcon-7B)
enum class LayerForm : unsigned char { sequential, parallel, shared_norm };

/// Keys and values made from one latent vector per token, and queries from another: multi-head
/// latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1). Every head has keys and values of its
/// own, but the `rotary_size` last elements of its key are the same for all heads.
struct LatentAttention {
  std::int64_t kv_rank = 0;     // d_c; 0: no latent attention
  std::int64_t query_rank = 0;  // d'_c; 0: queries come straight from the hidden state
  std::int64_t value_size = 0;  // of one head's values; keys have head_size
};

/// Layers whose attention is linear: o(t) = q(t) M(t) with one state per head, M(t) the sum of
/// k(s)^T v(s) over s <= t, in place of a softmax over all keys (Katharopoulos et al. 2020,
/// arXiv:2006.16236, §3.2-3.3). Queries and keys go through a feature map first, the output through
/// a norm without parameters, as TransNormerLLM (Qin et al. 2023, arXiv:2307.14995, §3.1) has it.
/// Such layers rotate nothing: their order is in the state, and in the decay that a network may
/// have, which is free here.
struct LinearAttention {
  std::string pattern;      // of layers, repeated: 'L' linear, 'N' standard; empty: all standard
  std::int64_t block = 64;  // tokens that its kernels take at a time
  bool gate = false;        // the normed output is multiplied by a linear map of the layer's input
};

/// Shape of a dense decoder-only transformer: counts only, no precision, no parallelism.
struct NetworkShape {
  std::string name;
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;      // of queries
  std::int64_t kv_heads = 0;   // of keys, and of values; divides heads
  std::int64_t head_size = 0;  // of queries and keys
  std::int64_t feed_forward = 0;
  std::int64_t vocabulary = 0;
  std::int64_t max_positions = 0;     // binds with learned positions only
  std::int64_t attention_window = 0;  // tokens that a token sees, itself among them; 0: all before
  std::int64_t rotary_size = 0;       // elements of a head that are rotated; 0 unless rotary
  LatentAttention latent;
  LinearAttention linear;
  bool attends_linearly = false;  // what is asked of a layer is asked of a linear one
  Activation activation = Activation::gelu;
  Norm norm = Norm::layernorm;
  Positions positions = Positions::learned;
  LayerForm form = LayerForm::sequential;
  bool qk_norm = false;              // one for all heads of queries, one for all of keys
  bool qkv_biases = false;           // of the linear map to queries, keys and values
  bool projection_biases = false;    // of the one behind attention
  bool feed_forward_biases = false;  // of the two or three linear maps after it
  bool tied_embeddings = false;      // the head uses the embedding's weights

  bool has_latent() const { return latent.kv_rank > 0; }
  /// Whether the layer, counted from 0, is a linear one.
  bool is_linear(std::int64_t layer) const {
    return !linear.pattern.empty() &&
           linear.pattern[static_cast<std::size_t>(layer) % linear.pattern.size()] == 'L';
  }
  /// Linear ones among `count` layers from `first` on.
  std::int64_t linear_layers(std::int64_t first, std::int64_t count) const;
  std::int64_t linear_layers() const { return linear_layers(0, layers); }
  /// The shape of a layer of either kind.
  NetworkShape of_layer(bool linear_one) const;
  /// Of the values, and of attention's output, in one head.
  std::int64_t value_size() const { return has_latent() ? latent.value_size : head_size; }
  /// Heads of keys, and of values, that each of `tensor` ranks holds: with fewer of them than ranks
  /// several ranks hold the same one (requires one of the two numbers to divide the other).
  std::int64_t kv_heads_on_rank(std::int64_t tensor) const {
    return kv_heads < tensor ? 1 : kv_heads / tensor;
  }

  std::int64_t query_size() const { return heads * head_size; }
  /// Width of attention's output.
  std::int64_t context_size() const { return heads * value_size(); }
  /// Widths on one of `tensor` ranks.
  std::int64_t key_size(std::int64_t tensor = 1) const {
    return kv_heads_on_rank(tensor) * head_size;
  }
  /// Of a linear layer that has one the gate is among them.
  std::int64_t qkv_size(std::int64_t tensor = 1) const {
    return query_size() / tensor + kv_heads_on_rank(tensor) * (head_size + value_size()) +
           gate_size() / tensor;
  }
  std::int64_t gate_size() const { return attends_linearly && linear.gate ? context_size() : 0; }
  /// Width of what goes into the activation function: SwiGLU has a gate beside it.
  std::int64_t up_size() const {
    return activation == Activation::swiglu ? 2 * feed_forward : feed_forward;
  }
};

/// Reads a shape in our own form (strictly), or a Hugging Face config.json of a family that is
/// known (hugging_face.hpp); networks/README.md describes both. Mistakes go to the cursor's
/// diagnostics, and then there may be no result.
std::optional<NetworkShape> read_network(JsonCursor cursor);
/// The key "network" of a workload. Of a name that stands there unresolved after mistakes nothing
/// more is said: it is reported already.
std::optional<NetworkShape> read_network_of(JsonCursor& workload);

}  // namespace orrery
