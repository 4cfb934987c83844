#pragma once

#include <cstdint>

#include "workloads/inference_pass.hpp"
#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Steps of one rank, in the fused form of vLLM (v0.6, model_executor/models/llama.py):
///
///   residual+norm [attention] [all-reduce]              attention: inference_attention.hpp
///   residual+norm up activation down [all-reduce]
///
/// With a parallel residual the outputs of both blocks are summed before they are reduced, once (as
/// vLLM's models/falcon.py does; that GPT-NeoX is run so, too, is assumed after Black et al. 2022,
/// arXiv:2204.06745, §2.1):
///
///   residual+norm [attention] [norm] up activation down sum [all-reduce]
///
/// Of another architecture than the standard one (architecture.hpp), ladder adds the output of the
/// block before last by a kernel of its own in front of each norm, of both blocks before that of
/// the head; parallel attention has one product for queries, keys, values and up (PaLM,
/// arXiv:2204.02311, section 2: the products of the inputs can be fused):
///
///   residual+norm input … flash projection activation down sum [all-reduce]
///
/// In memory.saved: keys and values that stay after the pass. A pass is given the residual stream
/// and the output of the block before, two hidden states of `buffers`, and leaves two (three of
/// ladder); the head leaves one. Each step follows the one before.
Steps inference_layer(const NetworkShape& shape, const InferenceForm& form,
                      const InferencePass& pass);

/// Lookup in the rank's part of `vocabulary` rows, all-reduce, learned positions. Where each rank
/// has all of it nothing is reduced, nor gathered by the head.
Steps inference_embedding(const NetworkShape& shape, const InferenceForm& form,
                          const InferencePass& pass);

/// Norm of all tokens; logits of the last token of each sequence only (of gpt-fast's prefill of all
/// tokens: its model.py leaves the choice to the caller), gathered among the group;
/// the likeliest token. (vLLM gathers to one rank, which samples; here each does.)
Steps inference_head(const NetworkShape& shape, const InferenceForm& form,
                     const InferencePass& pass);

/// Weights on one rank of a stage with so many layers.
struct StageParts {
  std::int64_t layers = 0;
  std::int64_t linear_layers = 0;  // of these
  bool embedding = false;
  bool head = false;
  bool head_holds_weights = true;  // else it uses the embedding's, on the same rank
};
Bytes inference_weights(const NetworkShape& shape, const InferenceForm& form,
                        const StageParts& parts);

}  // namespace orrery
