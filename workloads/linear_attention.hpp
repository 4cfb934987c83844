#pragma once

#include <cstdint>

#include <optional>

#include "workloads/network.hpp"
#include "workloads/sequence/sequence_method.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// What the linear attention of one rank works on: so many tokens of each sequence (all of them, or
/// the rank's part), so many heads. Key-value heads that query heads share have one state for all.
struct LinearCore {
  std::int64_t sequences = 1;
  std::int64_t tokens = 1;  // of each sequence, on this rank
  std::int64_t heads = 1;
  std::int64_t kv_heads = 1;
  std::int64_t key_size = 1;
  std::int64_t value_size = 1;
  std::int64_t block = 64;
  Precision precision = Precision::bf16;

  std::int64_t rows() const { return sequences * tokens; }
  Bytes query() const;
  Bytes key_value() const;
  Bytes output() const;
  /// M = K^T V of all sequences and heads, as it goes between kernels and ranks.
  Bytes state() const;
};
LinearCore linear_core(const NetworkShape& shape, const Division& division);
/// One of `degree` ranks' part of a layer.
LinearCore linear_core(const SequenceLayer& layer, std::int64_t degree);
/// Why states cannot go between such ranks: methods of linear attention call it, by their name.
std::optional<SequenceRefusal> linear_refusal(const std::string& method, const SequenceLayer& layer,
                                              std::int64_t degree);

/// Kernels of linear attention in blocks of B tokens, with d x v states (Sun et al. 2025, LASP-2,
/// arXiv:2502.07563, §3, Algorithms 1 and 2; TransNormerLLM's Lightning Attention; in this tree
/// kernels/linear_attention). Per token, 2 operations a multiply-add, h heads, g key-value heads;
/// products of a block compute its masked half and throw it away:
///
///   state     2 g d v                          K^T V of all tokens
///   forward   2 h B (d + v) + 2 (g + h) d v    [(Q K^T) * lower triangle] V, K^T V, Q M
///   apply     2 h d v                          O += Q M of what lies before all tokens
///   apply backward  6 h d v                    dQ += dO M^T, dK += V dM^T, dV += K dM, of these
///   gradient of the state, as state with heads for g:   Q^T dO
///   backward  2 h B (3 d + 2 v) + (2 g + 8 h) d v       five products of a block; Q^T dO and,
///   again,
///             K^T V; and dQ += dO M^T, dK += V dM^T, dV += K dM
///
/// Each operand moves once; states between blocks stay in caches. Leaves out: decay, which changes
/// no product, and the states of blocks in memory where a kernel parts them among thread blocks.
Kernel linear_state(const LinearCore& core);
Kernel linear_forward(const LinearCore& core);
Kernel linear_apply(const LinearCore& core);
Kernel linear_apply_backward(const LinearCore& core);
Kernel linear_state_gradient(const LinearCore& core);
Kernel linear_backward(const LinearCore& core);
/// Sum of those of `parts` states that lie before a rank (behind it, in the backward pass): all are
/// read, and the others multiplied by 0, so that ranks do the same.
Kernel linear_prefix_sum(const LinearCore& core, std::int64_t parts);
/// One token of each sequence: decay the state, add k^T v, multiply by q; the state in fp32 is read
/// and written (kind "linear_recurrence": op gated_delta_net of the calibrated cost model).
Kernel linear_recurrence(const LinearCore& core);
/// What such a recurrence keeps of all sequences.
Bytes recurrent_state(const LinearCore& core);

/// Of queries and keys, into tensors of their own.
Kernel linear_feature_map(const LinearCore& core);
/// Of the output, head by head, times the gate where there is one.
Kernel linear_output_norm(const NetworkShape& shape, const LinearCore& core);

/// From Q, K, V and the gate to the normed output of a rank's heads, and back:
///
///   feature_map  linear  output_norm
///
/// The first saves mapped Q and K, the others their outputs; dropped as in attention_core.hpp, but
/// for the normed output, which who comes next drops.
void linear_attention_forward(Steps& steps, const NetworkShape& shape, const Division& division);
void linear_attention_backward(Steps& steps, const NetworkShape& shape, const Division& division);

}  // namespace orrery
