#include "workloads/linear_attention.hpp"

#include <algorithm>
#include <utility>

#include "workloads/kernel_forms.hpp"
#include "workloads/layer_parts.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kFeatureMap = 3;  // x / (1 + exp(-x)), or elu(x) + 1
constexpr std::int64_t kBackwardFactor = 2;
constexpr std::int64_t kRecurrence = 7;  // decay 1, k^T v 2, addition 1, q M 2, scale 1
constexpr Bytes kRecurrentElement{4};    // fp32

Kernel linear_kernel(const LinearCore& core, const char* kind) {
  Kernel kernel;
  kernel.kind = kind;
  kernel.precision = core.precision;
  kernel.unit = MathUnit::matrix;
  kernel.shape = {{"batch", core.sequences},    {"tokens", core.tokens},
                  {"heads", core.heads},        {"kv_heads", core.kv_heads},
                  {"head_size", core.key_size}, {"value_size", core.value_size},
                  {"block", core.block}};
  return kernel;
}

Flops per_token(const LinearCore& core, std::int64_t operations) {
  return Flops(operations) * core.rows();
}

std::int64_t state_elements(const LinearCore& core) {
  return core.key_size * core.value_size;
}

}  // namespace

Bytes LinearCore::query() const {
  return matrix_bytes(precision, rows(), heads * key_size);
}

Bytes LinearCore::key_value() const {
  return matrix_bytes(precision, rows(), kv_heads * (key_size + value_size));
}

Bytes LinearCore::output() const {
  return matrix_bytes(precision, rows(), heads * value_size);
}

Bytes LinearCore::state() const {
  return matrix_bytes(precision, sequences * kv_heads, state_elements(*this));
}

LinearCore linear_core(const NetworkShape& shape, const Division& division) {
  return {.sequences = division.micro_batch,
          .tokens = division.tokens() / division.micro_batch,
          .heads = shape.heads / division.tensor,
          .kv_heads = shape.kv_heads_on_rank(division.tensor),
          .key_size = shape.head_size,
          .value_size = shape.value_size(),
          .block = std::min(shape.linear.block, division.tokens() / division.micro_batch),
          .precision = division.precision};
}

LinearCore linear_core(const SequenceLayer& layer, std::int64_t degree) {
  const std::int64_t own = layer.tokens() / degree;
  return {.sequences = layer.batch,
          .tokens = own,
          .heads = layer.heads,
          .kv_heads = layer.kv_heads,
          .key_size = layer.head_size,
          .value_size = layer.head_size,
          .block = std::min(layer.linear_block, own),
          .precision = layer.precision};
}

std::optional<SequenceRefusal> linear_refusal(const std::string& method, const SequenceLayer& layer,
                                              std::int64_t degree) {
  if (layer.linear_block == 0) {
    return SequenceRefusal{"method", method + " is of linear attention, not of one with a softmax"};
  }
  if (layer.lengths.size() > 1) {
    return SequenceRefusal{"method", method + " of packed sequences is not modelled"};
  }
  if (layer.mask == AttentionMask::causal && layer.layout != TokenLayout::contiguous) {
    return SequenceRefusal{"layout", method +
                                         " adds up states in the order of ranks: each has one "
                                         "chunk, layout \"contiguous\""};
  }
  const auto why = layout_refusal(layer, degree);
  return why ? std::optional(SequenceRefusal{"degree", *why}) : std::nullopt;
}

Kernel linear_state(const LinearCore& core) {
  Kernel kernel = linear_kernel(core, "linear_state");
  kernel.operations = per_token(core, 2 * core.kv_heads * state_elements(core));
  kernel.read = core.key_value();
  kernel.written = core.state();
  return kernel;
}

Kernel linear_forward(const LinearCore& core) {
  Kernel kernel = linear_kernel(core, "linear_attention");
  kernel.operations =
      per_token(core, 2 * core.heads * core.block * (core.key_size + core.value_size) +
                          2 * (core.kv_heads + core.heads) * state_elements(core));
  kernel.read = core.query() + core.key_value();
  kernel.written = core.output();
  return kernel;
}

Kernel linear_apply(const LinearCore& core) {
  Kernel kernel = linear_kernel(core, "linear_apply");
  kernel.operations = per_token(core, 2 * core.heads * state_elements(core));
  kernel.read = core.query() + core.output() + core.state();
  kernel.written = core.output();
  return kernel;
}

Kernel linear_apply_backward(const LinearCore& core) {
  Kernel kernel = linear_kernel(core, "linear_apply_backward");
  kernel.operations = per_token(core, 6 * core.heads * state_elements(core));
  kernel.read = (core.query() + core.key_value()) * 2 - core.query() + core.output() +
                core.state() * 2;  // K, V, dO, both states, the three gradients
  kernel.written = core.query() + core.key_value();
  return kernel;
}

Kernel linear_state_gradient(const LinearCore& core) {
  Kernel kernel = linear_kernel(core, "linear_state");
  kernel.operations = per_token(core, 2 * core.heads * state_elements(core));
  kernel.read = core.query() + core.output();
  kernel.written = core.state();
  return kernel;
}

Kernel linear_backward(const LinearCore& core) {
  Kernel kernel = linear_kernel(core, "linear_attention_backward");
  kernel.operations =
      per_token(core, 2 * core.heads * core.block * (3 * core.key_size + 2 * core.value_size) +
                          (2 * core.kv_heads + 8 * core.heads) * state_elements(core));
  kernel.read = core.query() + core.key_value() + core.output();
  kernel.written = core.query() + core.key_value();
  return kernel;
}

Kernel linear_prefix_sum(const LinearCore& core, std::int64_t parts) {
  return elementwise({.elements = parts * core.sequences * core.kv_heads * state_elements(core),
                      .operations_per_element = 2,
                      .read = core.state() * parts,
                      .written = core.state()});
}

Kernel linear_recurrence(const LinearCore& core) {
  Kernel kernel = linear_kernel(core, "linear_recurrence");
  kernel.unit = MathUnit::vector;
  kernel.operations = Flops(kRecurrence) * core.sequences * core.heads * state_elements(core);
  kernel.read = recurrent_state(core) + core.query() + core.key_value();
  kernel.written = recurrent_state(core) + core.output();
  return kernel;
}

Bytes recurrent_state(const LinearCore& core) {
  return kRecurrentElement * core.sequences * core.kv_heads * state_elements(core);
}

namespace {

/// Mapped queries and keys.
Bytes maps_of(const LinearCore& core) {
  return core.query() + matrix_bytes(core.precision, core.rows(), core.kv_heads * core.key_size);
}

Bytes gate_of(const NetworkShape& shape, const LinearCore& core) {
  return shape.linear.gate ? core.output() : Bytes(0);
}

}  // namespace

Kernel linear_feature_map(const LinearCore& core) {
  return elementwise({.kind = "activation",
                      .elements = core.rows() * (core.heads + core.kv_heads) * core.key_size,
                      .operations_per_element = kFeatureMap,
                      .read = maps_of(core),
                      .written = maps_of(core)});
}

Kernel linear_output_norm(const NetworkShape& shape, const LinearCore& core) {
  Kernel kernel = norm_kernel(shape, core.precision, core.rows(), core.heads * core.value_size);
  kernel.read += gate_of(shape, core);
  if (shape.linear.gate) {
    kernel.operations += Flops(1) * core.rows() * (core.heads * core.value_size);
  }
  return kernel;
}

void linear_attention_forward(Steps& steps, const NetworkShape& shape, const Division& division) {
  const LinearCore core = linear_core(shape, division);
  steps.push_back(
      kernel_step("attention.feature_map", linear_feature_map(core), {.saved = maps_of(core)}));
  if (division.sequence > 1) {
    steps.push_back(shared_step(SharedCore::forward, true));
  } else {
    steps.push_back(
        kernel_step("attention.linear", linear_forward(core), {.saved = core.output()}));
  }
  steps.push_back(kernel_step("attention.output_norm", linear_output_norm(shape, core),
                              {.saved = core.output()}));
}

void linear_attention_backward(Steps& steps, const NetworkShape& shape, const Division& division) {
  const LinearCore core = linear_core(shape, division);
  const Bytes maps = maps_of(core);
  const Bytes gate = gate_of(shape, core);
  Step norm = kernel_step("attention.output_norm", linear_output_norm(shape, core));
  norm.kernel.operations = norm.kernel.operations * kBackwardFactor;
  norm.kernel.read += core.output();
  norm.kernel.written += gate;
  // The output's gradient, which comes in, makes room for that of what the norm read, and its gate.
  const bool shared = division.sequence > 1;  // and drops its output itself
  norm.memory = {.dropped = (shared ? Bytes(0) : core.output()) + gate,
                 .buffer = core.output() + gate,
                 .unbuffer = core.output()};
  steps.push_back(std::move(norm));
  if (shared) {
    steps.push_back(shared_step(SharedCore::backward, true));
  } else {
    steps.push_back(
        kernel_step("attention.linear", linear_backward(core),
                    {.dropped = core.key_value() + core.query(),  // V, and mapped Q and K
                     .buffer = core.key_value() + core.query(),
                     .unbuffer = core.output()}));
  }
  Kernel kernel = linear_feature_map(core);
  kernel.operations = kernel.operations * kBackwardFactor;
  kernel.read += maps;
  steps.push_back(kernel_step("attention.feature_map", std::move(kernel), {.dropped = maps}));
}

}  // namespace orrery
