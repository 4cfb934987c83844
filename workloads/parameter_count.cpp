#include "workloads/parameter_count.hpp"

namespace orrery {

std::int64_t norm_parameters(const NetworkShape& shape) {
  return shape.norm == Norm::layernorm ? 2 * shape.hidden : shape.hidden;
}

ParameterCount layer_parameters(const NetworkShape& shape) {
  ParameterCount count;
  count.divided = shape.hidden * (shape.qkv_size() + shape.query_size()) +
                  shape.hidden * (shape.up_size() + shape.feed_forward);
  count.replicated = 2 * norm_parameters(shape);
  if (shape.attention_biases) {
    count.divided += shape.qkv_size();
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
  return shape.layers * layer_parameters(shape).total() +
         embedding_parameters(shape, shape.vocabulary).total() +
         head_parameters(shape, shape.vocabulary, !shape.tied_embeddings).total();
}

std::int64_t padded_vocabulary(const NetworkShape& shape, std::int64_t tensor) {
  const std::int64_t multiple = 128 * tensor;
  return (shape.vocabulary + multiple - 1) / multiple * multiple;
}

double model_operations_per_token(const NetworkShape& shape, std::int64_t sequence_length,
                                  AttentionSpan span) {
  const double hidden = static_cast<double>(shape.hidden);
  const double queries = static_cast<double>(shape.query_size());
  const double weights = hidden * static_cast<double>(shape.qkv_size() + shape.query_size() +
                                                      shape.up_size() + shape.feed_forward);
  const double sequence = static_cast<double>(sequence_length);
  const double attention = 4 * queries * (span == AttentionSpan::full ? sequence : sequence / 2);
  const double head = 2 * hidden * static_cast<double>(shape.vocabulary);
  return static_cast<double>(shape.layers) * (2 * weights + attention) + head;
}

}  // namespace orrery
