#pragma once

#include <cstdint>

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Parameters of a part of a network, by what tensor parallelism (Shoeybi et al. 2019, §3) does
/// with them: split evenly among its ranks, or held by each.
struct ParameterCount {
  std::int64_t divided = 0;
  std::int64_t replicated = 0;

  std::int64_t total() const { return divided + replicated; }
  std::int64_t on_rank(std::int64_t tensor) const { return divided / tensor + replicated; }
};

/// A norm of a vector of `width` elements; of the hidden state.
std::int64_t norm_parameters(const NetworkShape& shape, std::int64_t width);
std::int64_t norm_parameters(const NetworkShape& shape);
/// One transformer layer. Of fewer key-value heads than `tensor` ranks there are copies, which
/// count as divided: each rank holds one head.
ParameterCount layer_parameters(const NetworkShape& shape, std::int64_t tensor = 1);
/// Token embedding with `vocabulary` rows, and learned positions.
ParameterCount embedding_parameters(const NetworkShape& shape, std::int64_t vocabulary);
/// The final norm and, when `holds_weights`, a linear map to `vocabulary` (the embedding's, or a
/// copy of it, does that with tied embeddings).
ParameterCount head_parameters(const NetworkShape& shape, std::int64_t vocabulary,
                               bool holds_weights);
/// The whole network as published: vocabulary not padded, tied weights counted once.
std::int64_t network_parameters(const NetworkShape& shape);

/// Megatron-LM pads the vocabulary to a multiple of 128 per tensor-parallel rank
/// (--make-vocab-size-divisible-by 128).
std::int64_t padded_vocabulary(const NetworkShape& shape, std::int64_t tensor);

/// How far a token looks: at half of its sequence on average, which is what a causal network needs,
/// or at all of it, as published utilisations count. With a sliding window `full` is twice what the
/// causal window needs, too.
enum class AttentionSpan { causal, full };

/// Operations of the matrix products of one forward pass over one token of a micro-batch, on
/// average: 2 per weight, and per layer 2 * (query size + context size) * (tokens looked at), or of
/// a linear one what its recurrence needs, k^T v and q M: 2 * (kv heads + heads) * head * value.
/// With AttentionSpan::full as Narayanan et al. 2021 (arXiv:2104.04473, appendix, eq. 2) and PaLM
/// (arXiv:2204.02311, App. B) count them.
double model_operations_per_token(const NetworkShape& shape, const Division& division,
                                  AttentionSpan span);
/// The same where attention works on half so many pairs per token.
double model_operations_for_pairs(const NetworkShape& shape, double twice_pairs,
                                  AttentionSpan span);
/// The same of one whole sequence.
double model_operations_per_token(const NetworkShape& shape, std::int64_t sequence_length,
                                  AttentionSpan span);

}  // namespace orrery
