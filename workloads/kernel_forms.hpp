#pragma once

#include <cstdint>

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Bytes of a matrix in the precision of the run; throws OverflowError beyond 64 bits.
Bytes matrix_bytes(Precision precision, std::int64_t rows, std::int64_t columns);

/// C(m, n) = A(m, k) B(k, n), `batch` times. Each operand is read once, C written once.
Kernel gemm(Precision precision, std::int64_t m, std::int64_t n, std::int64_t k,
            std::int64_t batch = 1);
/// The product of a linear map: in fp8 where the run has fp8 linear maps, which read operands of
/// one byte and write the precision of the run.
Kernel linear_gemm(const Division& division, std::int64_t m, std::int64_t n, std::int64_t k);
/// Scales and rounds a tensor to fp8, once as it is and once transposed (Hopper's fp8 products read
/// both operands along k, so the backward pass needs the other order), and takes the maximum that
/// the next step's scale comes from. Source: NVIDIA Transformer Engine, "cast_transpose" with
/// delayed scaling; Micikevicius et al. 2022, arXiv:2209.05433, §3.
Kernel cast_to_fp8(const Division& division, std::int64_t elements);
/// Gradient of a weight matrix (k, n) from m tokens, added to the gradient buffer in the same
/// kernel (Megatron-LM, gradient_accumulation_fusion): the buffer is read and written.
Kernel weight_gradient_gemm(const Division& division, std::int64_t m, std::int64_t n,
                            std::int64_t k);

/// Work that moves memory and computes little; arithmetic is in fp32 on the vector units.
struct ElementwiseWork {
  const char* kind = "elementwise";  // "activation", "normalization", "softmax"
  std::int64_t elements = 0;
  std::int64_t operations_per_element = 0;
  Bytes read;
  Bytes written;
};
Kernel elementwise(const ElementwiseWork& work);

/// Causal FlashAttention of one rank's heads: of each product 2 operations per element of a head
/// and pair that the mask leaves, which is half of 4 * b * s^2 * (heads * head_size) for both over
/// whole sequences; reads Q, K, V once and writes O and the fp32 log-sum-exp of each row. Source:
/// Dao 2023, FlashAttention-2, arXiv:2307.08691, §3.1. Leaves out the re-reading of K and V by
/// blocks of queries (it hits in L2) and the work on masked parts of blocks.
Kernel flash_attention_forward(const NetworkShape& shape, const Division& division);
/// 2.5 times the operations: five products instead of two, as the scores are computed again
/// (ibid.).
Kernel flash_attention_backward(const NetworkShape& shape, const Division& division);
/// The log-sum-exp that FlashAttention keeps.
Bytes flash_statistics(const NetworkShape& shape, const Division& division);

}  // namespace orrery
