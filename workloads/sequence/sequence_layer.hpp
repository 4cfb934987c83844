#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/graph/kernel.hpp"
#include "sim/graph/task_graph.hpp"

namespace orrery {

enum class AttentionMask : unsigned char { full, causal };

/// Which tokens of a sequence the position r of P has:
///
///   contiguous   the r-th of P chunks
///   zigzag       the r-th and the (2P-1-r)-th of 2P chunks, so that causal work is the same on all
///   striped      every P-th token from the r-th on (Brandon et al. 2023, Striped Attention,
///                arXiv:2311.09431, §3), likewise
enum class TokenLayout : unsigned char { contiguous, zigzag, striped };

std::string_view to_string(AttentionMask mask);
std::string_view to_string(TokenLayout layout);

/// How partial outputs are merged: in one kernel, as FlashAttention's own merge of splits does; or
/// as PyTorch runs zhuzilin/ring-flash-attention (utils.py, update_out_and_lse; recalled), the
/// merge one kernel by its compiler (scripted), or each operation a pass over memory where that
/// fuses nothing (pytorch). With either also what else that code has PyTorch do between its
/// kernels: sums begun in fp32, slices and halves of packed rows copied out and back, buffers made
/// contiguous, and slices taken, which is an operation of the host (slices_of).
enum class MergeKernels : unsigned char { fused, scripted, pytorch };
std::string_view to_string(MergeKernels kernels);

/// One attention layer whose tokens are divided among the ranks of a sequence-parallel group. Every
/// tensor is as long as the sequence; linear maps are not its business.
struct SequenceLayer {
  std::int64_t batch = 1;             // rows
  std::vector<std::int64_t> lengths;  // of the sequences that a row is packed from, whole
  std::int64_t heads = 0;             // of queries, as far as this group computes them
  std::int64_t kv_heads = 0;          // divides heads
  std::int64_t head_size = 0;
  AttentionMask mask = AttentionMask::causal;
  TokenLayout layout = TokenLayout::contiguous;
  Precision precision = Precision::bf16;
  Precision gradients = Precision::bf16;  // dK and dV while they are summed and sent
  MergeKernels kernels = MergeKernels::fused;
  Duration host{};                // what issuing a kernel takes the host, see Kernel::host
  std::int64_t linear_block = 0;  // of linear attention: tokens its kernels take; 0: a softmax

  std::int64_t tokens() const;  // of a row, whole

  // Of `tokens` tokens of every row, in `precision`. Throw OverflowError beyond 64 bits.
  Bytes query(std::int64_t tokens) const;        // as large as the output
  Bytes key_value(std::int64_t tokens) const;    // keys and values together
  Bytes log_sum_exp(std::int64_t tokens) const;  // fp32, one for each query head
  Bytes kv_gradient(std::int64_t tokens) const;  // of keys and values, in `gradients`
};

/// What queries of one position have to do with keys of one: the part of a row that a kernel takes.
struct AttentionBlock {
  std::int64_t queries = 0;      // tokens; 0: no pair, no kernel
  std::int64_t keys = 0;         // tokens
  std::int64_t twice_pairs = 0;  // of a query and a key that the mask leaves, the diagonal half
  bool causal = false;           // a mask inside the block
  bool part = false;             // its queries are a slice of those that the position has

  friend bool operator==(const AttentionBlock&, const AttentionBlock&) = default;
};

/// Queries of position q against keys of position k, of `degree`; causal blocks that are masked
/// whole are skipped, and of zigzag's chunks those keys or queries that meet none:
///
///   contiguous   k < q: all; k = q: the lower half; k > q: none
///   zigzag       k < q: all queries, the first half of keys; k > q: the second half of queries,
///                all keys; k = q: causal over both chunks
///   striped      causal over the whole block, with the diagonal or without (k > q: a slice without
///                the first query and the last key, here with them)
///
/// Over all pairs of positions twice_pairs sums to length^2 of each sequence (full: 2 length^2).
AttentionBlock block_between(const SequenceLayer& layer, std::int64_t degree, std::int64_t q,
                             std::int64_t k);
/// Queries of position q against all keys.
AttentionBlock block_of_row(const SequenceLayer& layer, std::int64_t degree, std::int64_t q);
/// The whole row on one rank.
AttentionBlock whole_row(const SequenceLayer& layer);

/// FlashAttention over a block: 2 operations per pair and element of a head in both products (Dao
/// 2023, arXiv:2307.08691, §3.1); reads Q, K and V once, writes the output and its log-sum-exp. Its
/// backward pass takes 2.5 times the operations (ibid.), reads besides the output, its gradient and
/// the log-sum-exp, and writes dQ, dK and dV.
Kernel attention_kernel(const SequenceLayer& layer, const AttentionBlock& block);
Kernel attention_backward_kernel(const SequenceLayer& layer, const AttentionBlock& block);

/// Kind of a copy to or from the rows that a mask selects. PyTorch counts them first, for which the
/// host waits for the device (torch.nonzero, "Notes": "causes host-device synchronization").
inline constexpr const char* kIndexKernel = "index";

/// Takes a block's output into the sum so far, by both log-sum-exps:
///   m = max(l, l_b), o <- (o e^(l-m) + o_b e^(l_b-m)) / (e^(l-m) + e^(l_b-m)),
///   l <- m + ln(e^(l-m) + e^(l_b-m))                (Liu et al. 2023, arXiv:2310.01889, §3.1).
/// The sum is kept in fp32. One kernel, or with MergeKernels::pytorch
///   o_b in fp32; l_b - l; its sigmoid g; o - o_b; g (o - o_b); o - that; l - l_b; its log-sigmoid;
///   l - that
/// and but for MergeKernels::fused, where the block is a part, o and l are written back to their
/// place, of packed rows (an index) copied from there too.
std::vector<Kernel> merge_kernels(const SequenceLayer& layer, const AttentionBlock& block);
/// Slices that PyTorch takes for a round's attention and merge, of one row: of keys and values
/// where half are needed; of the output and its log-sum-exp where the block is a part, once to read
/// and once to write; of queries, keys and values too where that part is striped
/// (stripe_flash_attn.py, zigzag_ring_flash_attn.py; recalled). No time of the device.
/// MergeKernels::fused, or packed rows: none.
std::int64_t slices_of(const SequenceLayer& layer, const AttentionBlock& block);
/// But for MergeKernels::fused, which has none: of packed rows in zigzag, what is taken by index
/// once at the start (half of the queries; of their output, its gradient and log-sum-exp too in the
/// backward pass; in the forward pass the host also reads the bounds of each sequence, and the last
/// one, for either half) and before a round's attention (half of the keys, half of the values), of
/// `own` tokens; and after the first round's, where the fp32 sums of a pass begin.
enum class SequencePass : unsigned char { forward, backward };
std::vector<Kernel> halving_kernels(const SequenceLayer& layer, std::int64_t own,
                                    SequencePass pass);
std::vector<Kernel> selecting_kernels(const SequenceLayer& layer, const AttentionBlock& block,
                                      std::int64_t own);
std::vector<Kernel> beginning_kernels(const SequenceLayer& layer, std::int64_t query_tokens,
                                      std::int64_t key_tokens);
/// The sum rounded to the precision of the run.
Kernel finish_kernel(const SequenceLayer& layer, std::int64_t tokens);
/// Adds what a block's backward pass gave to the sums so far: dQ of so many tokens, in fp32, and dK
/// and dV of so many, in `gradients`.
Kernel accumulate_kernel(const SequenceLayer& layer, std::int64_t query_tokens,
                         std::int64_t key_tokens);
/// What a block gives, likewise; but for MergeKernels::fused halves of packed rows, of `own`
/// tokens, are copied out and back.
std::vector<Kernel> accumulate_kernels(const SequenceLayer& layer, const AttentionBlock& block,
                                       std::int64_t own, std::int64_t key_tokens);
/// Copies so much, but for MergeKernels::fused.
std::vector<Kernel> copying_kernels(const SequenceLayer& layer, Bytes bytes);
/// The fp32 sum of outputs, or of dQ.
Bytes accumulator(const SequenceLayer& layer, std::int64_t tokens);

/// Nothing, or why the tokens of some sequence cannot be laid out on `degree` positions.
std::optional<std::string> layout_refusal(const SequenceLayer& layer, std::int64_t degree);

/// Multiply-adds of both products count 2; all ranks, whole rows. Of a linear layer those of its
/// states, 4 head_size^2 for each token and head, whatever the mask (Katharopoulos et al. 2020,
/// arXiv:2006.16236, §3.2).
double attention_operations(const SequenceLayer& layer, AttentionMask mask);

}  // namespace orrery
