#pragma once

#include <vector>

#include "workloads/inference_pass.hpp"

namespace orrery {

/// The linear maps of attention as one rank has them, the one back to the hidden state last.
std::vector<LinearMap> attention_maps(const NetworkShape& shape, std::int64_t tensor);

/// From the normed hidden state, which is freed or kept, to the output of a rank's heads, mapped
/// back and not yet reduced:
///
///   qkv [qk_norm] [rotary] cache flash projection
///
/// `qk_norm` is one kernel for queries and keys. `cache` writes keys and values of the new tokens,
/// of a sliding window's prompt the last ones only (vLLM v0.6, attention/backends/utils.py,
/// compute_slot_mapping_start_idx); memory.saved is what the cache grows by. `flash`, whose work
/// alone changes from one step of decode to the next, is FlashAttention, each new token against
/// those before it and itself, as far as the window reaches (attended_pairs.hpp). Queries and the
/// output move once; keys and values that any new token sees are read once, in the size they have
/// in the cache (in decode what FlashDecoding does; re-reading by blocks of queries hits in L2).
///
/// What gpt-fast has in flash's place: gpt_fast.hpp.
///
/// Latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1 and App. C) caches what comes down, which
/// every rank has; without a query rank queries come straight from the hidden state:
///
///   query.down query.norm query.up key_value.down key_value.norm rotary cache ...
///   prefill:  ... key_value.up key_value.concat flash projection
///   decode:   ... key.absorb flash value.up projection
///
/// Prefill makes keys and values of each head from the latent, and attends with those, as they were
/// made. Decode has the map up to the keys absorbed into the queries and that to the values into
/// the output (§2.1.2): all heads attend to the cached vectors themselves, kv_rank + rotary_size
/// elements as keys and kv_rank of them as values. Both maps stay products of their own, head by
/// head, with the weights that prefill uses (as DeepSeek-V3's inference/model.py does with
/// attn_impl "absorb"): folded into their neighbours they would be larger. Left out: one product
/// for both maps down, and padding of values to the size of keys where a kernel wants it.
///
/// A linear layer (linear_attention.hpp) keeps a state in the cache's place, memory.saved of the
/// prefill, whose chunked kernel writes it; a step of decode is one recurrence:
///
///   qkv feature_map linear | recurrence output_norm projection
void attention_steps(PassSteps& steps, PassSteps::Input input);

}  // namespace orrery
