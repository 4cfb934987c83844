#pragma once

#include "workloads/layer_parts.hpp"
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
/// A parallel residual: see parallel_layer.hpp. Latent attention: see latent_attention.hpp. Of a
/// linear layer (`shape.attends_linearly`): see linear_attention.hpp.
Passes layer_passes(const NetworkShape& shape, const Division& division);

/// What the forms of a layer share: the linear maps as one rank has them, and the activation
/// function, which saves its output.
LinearMap qkv_map(const NetworkShape& shape, const Division& division);
LinearMap projection_map(const NetworkShape& shape, const Division& division);
LinearMap up_map(const NetworkShape& shape, const Division& division);
LinearMap down_map(const NetworkShape& shape, const Division& division);
Step activation_step(const NetworkShape& shape, const Division& division);
/// Drops the activation's input; the gradient of its output becomes that of its input.
Step activation_gradient_step(const NetworkShape& shape, const Division& division);

}  // namespace orrery
