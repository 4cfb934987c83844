#pragma once

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// One layer whose attention and feed-forward blocks read the same hidden state, as one rank of a
/// tensor-parallel group runs it:
///
///   norm  [gather] qkv [rotary] attention projection --+-> sum [reduce] residual
///   norm' [gather] up activation down ----------------'
///
/// The rank's outputs of both are added before they are reduced: one reduction forward instead of
/// two (Black et al. 2022, GPT-NeoX-20B, arXiv:2204.06745, §2.1). Backward both need the gradient
/// of the sum, gathered once under sequence parallelism; the gradients of their inputs are added
/// and reduced once when they share a norm, and reduced apart from each other when each has its
/// own. Dropout has one mask, of the sum. Left out: one gemm for qkv and up together (PaLM), and
/// running the two blocks at the same time.
Passes parallel_layer_passes(const NetworkShape& shape, const Division& division);

}  // namespace orrery
