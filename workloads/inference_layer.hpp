#pragma once

#include <algorithm>
#include <cstdint>

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// How a tensor-parallel group holds a network for inference: no gradients, nothing saved but keys
/// and values.
struct InferenceForm {
  std::int64_t tensor = 1;                // ranks; divides heads and feed_forward
  Precision precision = Precision::bf16;  // of arithmetic and of what goes between kernels
  /// As stored, of the linear maps in the layers; read in this size and made `precision` inside the
  /// kernel. Scales of groups of weights are left out. Embedding, head, norms and biases stay in
  /// `precision`, as in GPTQ's and AWQ's checkpoints.
  Precision weights = Precision::bf16;
  Precision kv = Precision::bf16;  // keys and values as cached
};

/// What goes through the network at once: `tokens` new tokens of each sequence, after `cached`
/// ones.
struct InferencePass {
  std::int64_t sequences = 1;
  std::int64_t tokens = 1;
  std::int64_t cached = 0;

  std::int64_t rows() const { return sequences * tokens; }
};

/// Keys and values of one token in one layer, on one rank.
Bytes kv_bytes_per_token(const NetworkShape& shape, const InferenceForm& form);

/// The hidden state of all tokens of a pass; each rank holds it whole.
Bytes pass_state(const NetworkShape& shape, const InferenceForm& form, const InferencePass& pass);

/// Steps of one rank, in the fused form of vLLM (v0.6, model_executor/models/llama.py):
///
///   residual+norm qkv [rotary] cache attention projection [all-reduce]
///   residual+norm up activation down [all-reduce]
///
/// In memory.saved: keys and values that stay after the pass. A pass is given the residual stream
/// and the output of the block before, two hidden states of `buffers`, and leaves two; the head
/// leaves one. Each step follows the one before.
Steps inference_layer(const NetworkShape& shape, const InferenceForm& form,
                      const InferencePass& pass);

/// The kernel of the step "attention": FlashAttention, each new token against those before it and
/// itself. Q and the output move once, keys and values of the whole context are read once from the
/// cache (in decode what FlashDecoding does; re-reading by blocks of queries hits in L2).
Kernel inference_attention(const NetworkShape& shape, const InferenceForm& form,
                           const InferencePass& pass);

/// Lookup in the rank's part of `vocabulary` rows, all-reduce, learned positions.
Steps inference_embedding(const NetworkShape& shape, const InferenceForm& form,
                          const InferencePass& pass);

/// Norm of all tokens; logits of the last token of each sequence only, gathered among the group;
/// the likeliest token. (vLLM gathers to one rank, which samples; here each does.)
Steps inference_head(const NetworkShape& shape, const InferenceForm& form,
                     const InferencePass& pass);

/// Weights on one rank of a stage with so many layers.
struct StageParts {
  std::int64_t layers = 0;
  bool embedding = false;
  bool head = false;
  bool head_holds_weights = true;  // else it uses the embedding's, on the same rank
};
Bytes inference_weights(const NetworkShape& shape, const InferenceForm& form,
                        const StageParts& parts);

}  // namespace orrery
