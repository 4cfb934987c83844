#include "workloads/attention_core.hpp"

#include <string>
#include <utility>

#include "workloads/kernel_forms.hpp"
#include "workloads/layer_parts.hpp"
#include "workloads/linear_attention.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/separate_passes.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kRotary = 3;           // x cos + rotated x sin
constexpr std::int64_t kSoftmax = 6;          // scale, mask, maximum, exponential, sum, divide
constexpr std::int64_t kDropout = 2;          // mask and rescale
constexpr std::int64_t kSoftmaxBackward = 4;  // p (g - sum p g)

struct Sizes {
  std::int64_t maps = 0;    // heads of one rank, times sequences
  std::int64_t scores = 0;  // elements of their s x s matrices; mask: one byte each
  Bytes score_bytes;
  Bytes mask;
  Bytes query;
  Bytes context;
  Bytes key;
  Bytes value;
};

/// Throws OverflowError where the matrices leave 64 bits.
Sizes sizes_of(const NetworkShape& shape, const Division& division) {
  const std::int64_t length = division.sequence_length;
  Sizes sizes;
  sizes.maps = division.micro_batch * (shape.heads / division.tensor);
  sizes.scores = (Bytes(sizes.maps) * length * length).count();
  sizes.score_bytes = matrix_bytes(division.precision, sizes.scores, 1);
  sizes.mask = division.dropout ? Bytes(sizes.scores) : Bytes(0);
  sizes.query =
      matrix_bytes(division.precision, division.tokens(), shape.query_size() / division.tensor);
  sizes.context =
      matrix_bytes(division.precision, division.tokens(), shape.context_size() / division.tensor);
  sizes.key = matrix_bytes(division.precision, division.tokens(), shape.key_size(division.tensor));
  sizes.value = matrix_bytes(division.precision, division.tokens(),
                             shape.kv_heads_on_rank(division.tensor) * shape.value_size());
  return sizes;
}

/// In place, on Q and K or on their gradients.
Step rotary_step(const NetworkShape& shape, const Division& division) {
  const std::int64_t heads =
      shape.heads / division.tensor + shape.kv_heads_on_rank(division.tensor);
  const std::int64_t width = heads * shape.rotary_size;
  const Bytes bytes = matrix_bytes(division.precision, division.tokens(), width);
  return kernel_step("attention.rotary",
                     elementwise({.elements = division.tokens() * width,
                                  .operations_per_element = kRotary,
                                  .read = bytes,
                                  .written = bytes}),
                     {});
}

/// Latent attention rotates where it puts its keys together.
bool rotates_here(const NetworkShape& shape) {
  return shape.positions == Positions::rotary && !shape.has_latent();
}

/// Queries and keys, head by head.
Step qk_norm_forward(const NetworkShape& shape, const Division& division) {
  const std::int64_t width = shape.query_size() / division.tensor + shape.key_size(division.tensor);
  const Kernel kernel = norm_kernel(shape, division.precision, division.tokens(), width);
  return kernel_step("attention.qk_norm", kernel, {.saved = kernel.written});
}

/// The gradient changes in place; what the norm read is dropped.
Step qk_norm_backward(const NetworkShape& shape, const Division& division) {
  const std::int64_t width = shape.query_size() / division.tensor + shape.key_size(division.tensor);
  const Kernel kernel = norm_gradient_kernel(shape, division.precision, division.tokens(), width);
  Step step = kernel_step("attention.qk_norm", kernel, {.dropped = kernel.written});
  step.gradients = 2 * norm_parameters(shape, shape.head_size);
  return step;
}

/// Dropout is a kernel of its own behind the fused scale, mask and softmax: Megatron-LM v3.0,
/// megatron/model/transformer.py, CoreAttention.forward.
void materialized_forward(Steps& steps, const NetworkShape& shape, const Division& division) {
  const Sizes sizes = sizes_of(shape, division);
  const std::int64_t length = division.sequence_length;
  steps.push_back(kernel_step("attention.scores",
                              gemm(division.precision, length, length, shape.head_size, sizes.maps),
                              {.buffer = sizes.score_bytes}));
  steps.push_back(kernel_step("attention.softmax",
                              elementwise({.kind = "softmax",
                                           .elements = sizes.scores,
                                           .operations_per_element = kSoftmax,
                                           .read = read_of_scores(division, sizes.score_bytes),
                                           .written = sizes.score_bytes}),
                              {.saved = sizes.score_bytes, .unbuffer = sizes.score_bytes}));
  if (division.dropout) {
    steps.push_back(kernel_step("attention.dropout",
                                elementwise({.elements = sizes.scores,
                                             .operations_per_element = kDropout,
                                             .read = sizes.score_bytes,
                                             .written = sizes.score_bytes + sizes.mask}),
                                {.saved = sizes.score_bytes + sizes.mask}));
  }
  const Kernel context = gemm(division.precision, length, shape.value_size(), length, sizes.maps);
  if (!division.megatron_kernels) {
    steps.push_back(kernel_step("attention.context", context, {.saved = sizes.context}));
    return;
  }
  steps.push_back(kernel_step("attention.context", context, {.buffer = sizes.context}));
  Step copy = copy_step("attention.context.copy", division, shape.context_size() / division.tensor);
  copy.memory = {.saved = sizes.context, .unbuffer = sizes.context};
  steps.push_back(std::move(copy));
}

void materialized_backward(Steps& steps, const NetworkShape& shape, const Division& division) {
  const Sizes sizes = sizes_of(shape, division);
  const std::int64_t length = division.sequence_length;
  const Kernel to_scores = gemm(division.precision, length, length, shape.value_size(), sizes.maps);
  const Kernel from_context =
      gemm(division.precision, length, shape.value_size(), length, sizes.maps);
  const Kernel from_scores = gemm(division.precision, length, shape.head_size, length, sizes.maps);
  steps.push_back(kernel_step("attention.context.scores_gradient", to_scores,
                              {.dropped = sizes.value, .buffer = sizes.score_bytes}));
  steps.push_back(kernel_step("attention.context.value_gradient", from_context,
                              {.dropped = division.dropout ? sizes.score_bytes : Bytes(0),
                               // of all three; V's is written here
                               .buffer = sizes.query + sizes.key + sizes.value,
                               .unbuffer = sizes.context}));
  if (division.dropout) {
    steps.push_back(kernel_step("attention.dropout",
                                elementwise({.elements = sizes.scores,
                                             .operations_per_element = kDropout,
                                             .read = sizes.score_bytes + sizes.mask,
                                             .written = sizes.score_bytes}),
                                {.dropped = sizes.mask}));
  }
  steps.push_back(kernel_step("attention.softmax",
                              elementwise({.kind = "softmax",
                                           .elements = sizes.scores,
                                           .operations_per_element = kSoftmaxBackward,
                                           .read = read_of_scores(division, sizes.score_bytes) * 2,
                                           .written = sizes.score_bytes}),
                              {.dropped = sizes.score_bytes}));
  steps.push_back(kernel_step("attention.scores.query_gradient", from_scores, {}));
  steps.push_back(kernel_step("attention.scores.key_gradient", from_scores,
                              {.dropped = sizes.query + sizes.key, .unbuffer = sizes.score_bytes}));
}

}  // namespace

void attention_core_forward(Steps& steps, const NetworkShape& shape, const Division& division) {
  if (shape.attends_linearly) {
    linear_attention_forward(steps, shape, division);
    return;
  }
  if (shape.qk_norm) {
    steps.push_back(qk_norm_forward(shape, division));
  }
  if (rotates_here(shape)) {
    steps.push_back(rotary_step(shape, division));
  }
  if (division.sequence > 1) {
    steps.push_back(shared_step(SharedCore::forward, false));
    return;
  }
  if (!division.flash_attention) {
    materialized_forward(steps, shape, division);
    return;
  }
  const Kernel kernel = flash_attention_forward(shape, division);
  steps.push_back(kernel_step("attention.flash", kernel, {.saved = kernel.written}));
}

void attention_core_backward(Steps& steps, const NetworkShape& shape, const Division& division) {
  if (shape.attends_linearly) {
    linear_attention_backward(steps, shape, division);
    return;
  }
  if (division.sequence > 1) {
    steps.push_back(shared_step(SharedCore::backward, false));
  } else if (division.flash_attention) {
    const Kernel kernel = flash_attention_backward(shape, division);
    const Bytes output =
        matrix_bytes(division.precision, division.tokens(), shape.context_size() / division.tensor);
    steps.push_back(kernel_step("attention.flash", kernel,
                                {.dropped = kernel.read - output,  // all it reads but the gradient
                                 .buffer = kernel.written,
                                 .unbuffer = output}));
  } else {
    materialized_backward(steps, shape, division);
  }
  if (rotates_here(shape)) {
    steps.push_back(rotary_step(shape, division));
  }
  if (shape.qk_norm) {
    steps.push_back(qk_norm_backward(shape, division));
  }
}

}  // namespace orrery
