#pragma once

#include <cstdint>

#include "workloads/inference_pass.hpp"

namespace orrery::gpt_fast {

/// The kernels of PyTorch's gpt-fast where they are not those of vLLM: model.py and generate.py
/// with their defaults, decode compiled by TorchInductor, prefill run operation by operation. All
/// of it is recalled, from gpt-fast's code of 2024 and from TorchInductor of PyTorch 2.4
/// (decomposition.py, mm and bmm with coordinate_descent_tuning; ir.py, Reduction.num_splits);
/// nothing was run.
///
/// Decode, S sequences (q, k, v: the rank's heads over a static cache of K tokens under a mask):
///
///   feed-forward  S = 1   up_gate down             products of one row are reductions ("gemv"):
///                                                  both maps in one kernel, SwiGLU in the next one
///                 S > 1   gate up activation down  products of the library, each a kernel
///   attention     scores softmax values sum        products of one query are reductions as well;
///                                                  the one over K tokens is cut in two
///
/// Prefill: an operation is a pass over memory. Attention works on all K tokens of the cache, as
/// its mask keeps it from FlashAttention's causal kernel; keys and values are repeated for the
/// query heads first, and what comes out is copied to be in order.
///
/// Assumed: that decode's repeated keys and values are made while they are read, from memory; that
/// prefill's masked attention runs as fast as FlashAttention over as many pairs. Left out: what
/// chooses the next token but one pass over the logits.

/// Attention from rotated queries and a cache that has the new tokens; frees `inputs` elements of
/// each token.
void attend(PassSteps& steps, std::int64_t inputs);

/// From the normed state, or from the mapped one, to the output of a rank's part of SwiGLU.
void feed_forward(PassSteps& steps, PassSteps::Input input);

/// Adds what came before to the last product of one row, in its kernel.
void add_to_product(PassSteps& steps);

/// In prefill the passes of an operation that is one kernel elsewhere, which reads as much as it
/// writes, of elements of 2 bytes (bytes read + written of each).
///
///   RMSNorm (model.py, RMSNorm)  to fp32 2 + 4, square 4 + 4, mean 4, times its inverse root
///                                4 + 4, back 4 + 2, times the weights 2 + 2: 20 + 16
///   rotary (apply_rotary_emb)    to fp32 2 + 4, four products of halves 8 + 8, a difference and a
///                                sum of halves 8 + 4, stacked 4 + 4, back 4 + 2: 26 + 22
void norm_in_passes(Kernel& kernel);
void rotary_in_passes(Kernel& kernel);

}  // namespace orrery::gpt_fast
