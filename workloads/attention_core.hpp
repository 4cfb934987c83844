#pragma once

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// From Q, K, V to the output of a rank's heads, and back: norms of queries and keys and rotary
/// positions where the network has them (but for latent_attention's), then FlashAttention in one
/// kernel, or scores, softmax (with dropout) and context in three, which work on the whole s x s
/// matrix although half of it is masked (as Megatron-LM's unfused attention does; Korthikanti et
/// al. 2022, §4.1 list what it saves). Only Megatron-LM's own softmax does not read the masked half
/// (separate_passes.hpp). Materialized attention with fewer key-value heads reads them once per
/// head, as after repeating them. The bias that ALiBi adds to the scores costs nothing here.
/// A linear layer has linear_attention.hpp's steps in the place of all this.

/// Saves its output and what its backward pass needs beside Q, K and V.
void attention_core_forward(Steps& steps, const NetworkShape& shape, const Division& division);
/// Takes the output's gradient, a buffer, and leaves that of Q, K and V, a buffer. Drops Q, K, V
/// and what the forward part saved; but the output only with FlashAttention.
void attention_core_backward(Steps& steps, const NetworkShape& shape, const Division& division);

}  // namespace orrery
