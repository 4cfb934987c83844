#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/base/json_cursor.hpp"

namespace orrery {

enum class Activation : unsigned char { gelu, swiglu };
enum class Norm : unsigned char { layernorm, rmsnorm };
enum class Positions : unsigned char { learned, rotary };

/// Shape of a dense decoder-only transformer: counts only, no precision, no parallelism.
struct NetworkShape {
  std::string name;
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;     // of queries
  std::int64_t kv_heads = 0;  // of keys, and of values; divides heads
  std::int64_t head_size = 0;
  std::int64_t feed_forward = 0;
  std::int64_t vocabulary = 0;
  std::int64_t max_positions = 0;     // binds with learned positions only
  std::int64_t attention_window = 0;  // of a sliding window; 0: none
  Activation activation = Activation::gelu;
  Norm norm = Norm::layernorm;
  Positions positions = Positions::learned;
  bool attention_biases = false;     // of the four linear maps of attention
  bool feed_forward_biases = false;  // of the two or three linear maps after it
  bool tied_embeddings = false;      // the head uses the embedding's weights

  /// Heads of keys, and of values, that each of `tensor` ranks holds: with fewer of them than ranks
  /// several ranks hold the same one (requires one of the two numbers to divide the other).
  std::int64_t kv_heads_on_rank(std::int64_t tensor) const {
    return kv_heads < tensor ? 1 : kv_heads / tensor;
  }

  std::int64_t query_size() const { return heads * head_size; }
  std::int64_t key_size() const { return kv_heads * head_size; }
  std::int64_t qkv_size() const { return query_size() + 2 * key_size(); }
  /// Width of what goes into the activation function: SwiGLU has a gate beside it.
  std::int64_t up_size() const {
    return activation == Activation::swiglu ? 2 * feed_forward : feed_forward;
  }
};

/// Reads a shape in our own form (strictly), or a Hugging Face config.json of the Llama or GPT-2
/// family (keys that do not matter are ignored); networks/README.md describes both. Mistakes go to
/// the cursor's diagnostics, and then there may be no result.
std::optional<NetworkShape> read_network(JsonCursor cursor);

}  // namespace orrery
