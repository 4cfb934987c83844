#pragma once

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1 and App. C) up to Q, K and V of
/// a rank's heads, as Megatron-LM's MLASelfAttention divides it: the maps down to the latents are
/// held by every rank and work on the tokens whose hidden state it has (on all, each rank the same,
/// without sequence parallelism); the maps up from them are divided by heads.
///
///   hidden -> query.down  norm [gather]  query.up --------> Q --.
///   hidden -> key_value.down  norm [gather]  key_value.up -> K', V  rotary -> Q, K, V
///                        `- key's rotated part, for all heads --'
///
/// `rotary` rotates its part of Q in place and writes K and V apart from each other. Without a
/// query rank Q comes straight from the hidden state, which is gathered for it. The maps up are not
/// folded into their neighbours, which pays in decoding only (ibid., §2.1.2).

/// Saves Q, K, V, and both latents before and after their norms.
void latent_inputs_forward(Steps& steps, const NetworkShape& shape, const Division& division);
/// Takes the gradient of Q, K and V, a buffer, and drops what the forward part saved and the saved
/// hidden state. Leaves the hidden state's gradient, a buffer of the size that it returns.
Bytes latent_inputs_backward(Steps& steps, const NetworkShape& shape, const Division& division);

}  // namespace orrery
