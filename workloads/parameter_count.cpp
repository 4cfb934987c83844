#include "workloads/parameter_count.hpp"

#include "workloads/attended_pairs.hpp"

namespace orrery {
namespace {

/// The matrices of attention, from the hidden state and back to it.
ParameterCount attention_matrices(const NetworkShape& shape, std::int64_t tensor) {
  if (!shape.has_latent()) {
    return {shape.hidden * (tensor * shape.qkv_size(tensor) + shape.context_size()), 0};
  }
  const LatentAttention& latent = shape.latent;
  const std::int64_t content = shape.head_size - shape.rotary_size;
  ParameterCount count;
  count.divided = (latent.query_rank > 0 ? latent.query_rank : shape.hidden) * shape.query_size() +
                  latent.kv_rank * shape.heads * (content + latent.value_size) +
                  shape.context_size() * shape.hidden;
  count.replicated = shape.hidden * (latent.query_rank + latent.kv_rank + shape.rotary_size);
  return count;
}

/// Norms inside attention.
std::int64_t attention_norms(const NetworkShape& shape) {
  const std::int64_t latent =
      (shape.latent.query_rank > 0 ? norm_parameters(shape, shape.latent.query_rank) : 0) +
      (shape.has_latent() ? norm_parameters(shape, shape.latent.kv_rank) : 0);
  return latent + (shape.qk_norm ? 2 * norm_parameters(shape, shape.head_size) : 0);
}

}  // namespace

std::int64_t norm_parameters(const NetworkShape& shape, std::int64_t width) {
  return shape.norm == Norm::layernorm ? 2 * width : width;
}

std::int64_t norm_parameters(const NetworkShape& shape) {
  return norm_parameters(shape, shape.hidden);
}

ParameterCount layer_parameters(const NetworkShape& shape, std::int64_t tensor) {
  const std::int64_t norms = shape.form == LayerForm::shared_norm ? 1 : 2;
  ParameterCount count = attention_matrices(shape, tensor);
  count.divided += shape.hidden * (shape.up_size() + shape.feed_forward);
  count.replicated += norms * norm_parameters(shape) + attention_norms(shape);
  if (shape.qkv_biases) {
    count.divided += tensor * shape.qkv_size(tensor);
  }
  if (shape.projection_biases) {
    count.replicated += shape.hidden;
  }
  if (shape.feed_forward_biases) {
    count.divided += shape.up_size();
    count.replicated += shape.hidden;
  }
  return count;
}

ParameterCount embedding_parameters(const NetworkShape& shape, std::int64_t vocabulary) {
  const bool learned = shape.positions == Positions::learned;
  return {vocabulary * shape.hidden, learned ? shape.max_positions * shape.hidden : 0};
}

ParameterCount head_parameters(const NetworkShape& shape, std::int64_t vocabulary,
                               bool holds_weights) {
  return {holds_weights ? vocabulary * shape.hidden : 0, norm_parameters(shape)};
}

std::int64_t network_parameters(const NetworkShape& shape) {
  const std::int64_t linear = shape.linear_layers();
  return linear * layer_parameters(shape.of_layer(true)).total() +
         (shape.layers - linear) * layer_parameters(shape.of_layer(false)).total() +
         embedding_parameters(shape, shape.vocabulary).total() +
         head_parameters(shape, shape.vocabulary, !shape.tied_embeddings).total();
}

std::int64_t padded_vocabulary(const NetworkShape& shape, std::int64_t tensor) {
  const std::int64_t multiple = 128 * tensor;
  return (shape.vocabulary + multiple - 1) / multiple * multiple;
}

namespace {

/// Of one layer's linear maps, for one token.
double map_operations(const NetworkShape& shape) {
  return 2 * (static_cast<double>(attention_matrices(shape, 1).total()) +
              static_cast<double>(shape.hidden) *
                  static_cast<double>(shape.up_size() + shape.feed_forward));
}

}  // namespace

double model_operations_for_pairs(const NetworkShape& shape, double twice_pairs,
                                  AttentionSpan span) {
  const double products = static_cast<double>(2 * (shape.query_size() + shape.context_size()));
  const double attention = products * (span == AttentionSpan::full ? twice_pairs : twice_pairs / 2);
  const double recurrence = static_cast<double>(2 * (shape.kv_heads + shape.heads)) *
                            static_cast<double>(shape.head_size * shape.value_size());
  const double head = 2 * static_cast<double>(shape.hidden) * static_cast<double>(shape.vocabulary);
  const auto linear = static_cast<double>(shape.linear_layers());
  const double standard = static_cast<double>(shape.layers) - linear;
  return standard * (map_operations(shape.of_layer(false)) + attention) +
         (linear > 0 ? linear * (map_operations(shape.of_layer(true)) + recurrence) : 0) + head;
}

double model_operations_per_token(const NetworkShape& shape, const Division& division,
                                  AttentionSpan span) {
  return model_operations_for_pairs(shape,
                                    static_cast<double>(twice_causal_pairs(shape, division)) /
                                        static_cast<double>(division.whole_tokens()),
                                    span);
}

double model_operations_per_token(const NetworkShape& shape, std::int64_t sequence_length,
                                  AttentionSpan span) {
  return model_operations_per_token(shape, Division{.sequence_length = sequence_length}, span);
}

}  // namespace orrery
