#pragma once

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// What stands before the first layer and after the last, on one rank of a tensor-parallel group,
/// with the vocabulary divided among the group (Shoeybi et al. 2019, §3).

/// Token lookup, [reduce], then positions and dropout where the network has them. Saves dropout's
/// mask. The tokens' gradient rows are added one by one (scatter-add), on the rank that holds them.
Passes embedding_passes(const NetworkShape& shape, const Division& division,
                        std::int64_t vocabulary);

/// Final norm, [gather], logits, cross entropy with its three all-reduces (maximum, logit of the
/// target, sum of exponentials; Megatron-LM, vocab_parallel_cross_entropy), and back. Saves 4·s·b·h
/// bytes for norm and logits and 4·s·b·v for the fp32 softmax (Korthikanti et al. 2022, §4.3).
/// `holds_gradient`: the gradient of the weights is finished here; not so when the embedding, which
/// comes later in the backward pass, adds to the same matrix.
Passes head_passes(const NetworkShape& shape, const Division& division, std::int64_t vocabulary,
                   bool holds_gradient);

/// fp32 master weight, momentum and variance (Rajbhandari et al. 2020, arXiv:1910.02054, §3.1).
inline Bytes optimizer_states(std::int64_t parameters) {
  return Bytes(12) * parameters;
}
/// Adam over one rank's parameters: reads the gradient and the fp32 master weight, momentum and
/// variance; writes these three and the 2-byte weight, and zeroes the gradient for the next step.
Kernel optimizer_kernel(std::int64_t parameters, Bytes gradient_element);
/// The same without the 2-byte weight, and what makes that from the master weight.
Kernel separate_optimizer_kernel(std::int64_t parameters, Bytes gradient_element);
Kernel weight_copy_kernel(std::int64_t parameters);
/// Multiplies one rank's gradients by a number and looks for infinities, in place: by the inverse
/// of the loss scale, or to clip them.
Kernel unscaling_kernel(std::int64_t parameters, Bytes gradient_element);
/// The sum of squares of one rank's gradients: reads them.
Kernel gradient_norm_kernel(std::int64_t parameters, Bytes gradient_element);

}  // namespace orrery
