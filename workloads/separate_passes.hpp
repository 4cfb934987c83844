#pragma once

#include <string>

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Passes over memory that Megatron-LM v3.0 (2022) runs as kernels of their own, while other runs
/// here have them inside their neighbours ("kernels": "megatron"). By its functions:
///
/// - the bias of Q, K, V: LinearWithGradAccumulationAndAsyncCommunication.forward, output + bias;
/// - context in one piece: CoreAttention.forward, permute(…).contiguous();
/// - gradient of Q, K, V: autograd of split_tensor_along_last_dim joins the three parts;
/// - gradients of biases: grad_output.sum(dim=0), and autograd's sums behind bias_gelu and
///   bias_dropout_add;
/// - gradient around a block: autograd adds both gradients of the block's input;
/// - cross entropy: the maximum and the sum of what was just written; the gradient is scaled in
///   fp32, then rounded.
///
/// In the other direction, its fused causal softmax reads no masked scores, neither forward nor
/// backward (scaled_upper_triang_masked_softmax.h); it still writes them. The optimizer's passes
/// are in gradient_reduction.cpp. Leaves out: the embedding's transposition, masks and positions of
/// each micro-batch. The sum for the bias of Q, K, V comes before the products that it runs behind
/// there.

/// Adds the bias to what a linear map put out, (tokens, width).
Step bias_step(std::string label, const Division& division, std::int64_t width);
/// A copy of a tensor (tokens, width) in another order.
Step copy_step(std::string label, const Division& division, std::int64_t width);
/// Sums the gradient (tokens, width) of an output over the tokens: reads it.
Step bias_gradient_step(std::string label, const Division& division, std::int64_t tokens,
                        std::int64_t width);
/// Adds the gradient that came around a block to its norm's: frees the former.
Step around_step(std::string label, const NetworkShape& shape, const Division& division);

/// What the softmax reads of the scores: the masked half not, with these kernels.
Bytes read_of_scores(const Division& division, Bytes scores);

}  // namespace orrery
