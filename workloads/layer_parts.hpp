#pragma once

#include <string>

#include "workloads/network.hpp"
#include "workloads/step.hpp"

namespace orrery {

/// Steps that transformer blocks are made of, under tensor parallelism (Shoeybi et al. 2019,
/// arXiv:1909.08053, §3) and sequence parallelism (Korthikanti et al. 2022, arXiv:2205.05198,
/// §4.2). In the backward pass collectives run beside the gemm that does not need them, as in
/// Megatron-LM's LinearWithGradAccumulationAndAsyncCommunication; elsewhere they are exposed.

/// A linear map as one rank has it: (tokens, in) -> (tokens, out).
struct LinearMap {
  std::string label;
  std::int64_t in = 0;
  std::int64_t out = 0;
  bool biases = false;
  bool holds_gradient = true;  // its weight's gradient is finished here
  bool fp8 = true;             // multiplies in fp8 where the run's linear maps do
  std::int64_t beside = 0;     // elements per token that travel with its input, and back
};

/// Sums a row-parallel output, or an input gradient, over the tensor-parallel group: to all, or to
/// the rank that holds the tokens.
Step reduction(const std::string& label, const Division& division, Bytes bytes);
/// Gathers what sequence parallelism divides, into a buffer.
Step gather(std::string label, Bytes bytes);

/// A norm of each of `rows` vectors (of parts of them: as long), and its backward pass.
Kernel norm_kernel(const NetworkShape& shape, Precision precision, std::int64_t rows,
                   std::int64_t columns);
Kernel norm_gradient_kernel(const NetworkShape& shape, Precision precision, std::int64_t rows,
                            std::int64_t columns);

/// The hidden state of the tokens that a rank holds between tensor-parallel regions.
Bytes hidden_state(const NetworkShape& shape, const Division& division);
/// Dropout's masks of a hidden state, one byte per element; nothing without dropout.
Bytes hidden_mask(const NetworkShape& shape, const Division& division);

/// Saves its input and its output.
Step norm_forward(const NetworkShape& shape, const Division& division, std::string label);
/// Follows column_linear_backward, whose input gradient it frees. With a residual, the gradient
/// that came around the block is added in the same kernel.
enum class Residual : unsigned char { none, around };
Step norm_backward(const NetworkShape& shape, const Division& division, std::string label,
                   Residual residual);

/// Columns are divided: sequence parallelism gathers the input first, and what is beside it, which
/// stays a buffer. Bias in the same kernel. The output is `memory`'s to declare.
void column_linear_forward(Steps& steps, const Division& division, const LinearMap& map,
                           StepMemory memory);
/// The output's gradient is a buffer, freed here; the saved input is dropped; the input's gradient
/// is a buffer, left to norm_backward. Sequence parallelism gathers the saved input again beside
/// the first gemm. The reduction of the input's gradient, and of what is beside it, runs beside the
/// second.
void column_linear_backward(Steps& steps, const Division& division, const LinearMap& map);

/// Rows are divided: the output is reduced, then bias, dropout and the residual are added.
void row_linear_forward(Steps& steps, const Division& division, const LinearMap& map,
                        const std::string& residual_label);
/// Frees `input` at the end (the saved input, unless somebody still needs it); the input's gradient
/// is a buffer, left to the next step.
void row_linear_backward(Steps& steps, const Division& division, const LinearMap& map,
                         const std::string& residual_label, Bytes input);

}  // namespace orrery
