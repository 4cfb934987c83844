#pragma once

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// One transformer layer as one rank of a tensor-parallel group runs it.
///
///   norm [gather] qkv [rotary] attention projection [reduce] residual
///   norm [gather] up activation down [reduce] residual            and back
///
/// Saved for the backward pass is what Korthikanti et al. 2022 (arXiv:2205.05198, §4.1) list:
/// s·b·h·(34 + 5·a·s/h) bytes with GeLU, feed_forward = 4h, kv_heads = heads, dropout and
/// materialized attention; without dropout its masks and the copy of the scores fall away, and
/// FlashAttention keeps the log-sum-exp of each row instead of the scores. Norms' statistics
/// (2·s·b numbers) are left out, as there.
Passes layer_passes(const NetworkShape& shape, const Division& division);

}  // namespace orrery
