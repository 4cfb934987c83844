#include "workloads/transformer_layer.hpp"

#include <string>
#include <utility>

#include "workloads/attention_core.hpp"
#include "workloads/kernel_forms.hpp"
#include "workloads/latent_attention.hpp"
#include "workloads/layer_parts.hpp"
#include "workloads/parallel_layer.hpp"
#include "workloads/separate_passes.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kGelu = 9;    // 0.5 x (1 + tanh(c (x + 0.044715 x^3)))
constexpr std::int64_t kSwiglu = 5;  // x / (1 + exp(-x)) * gate
constexpr std::int64_t kBackwardFactor = 2;

}  // namespace

LinearMap qkv_map(const NetworkShape& shape, const Division& division) {
  return {.label = "attention.qkv",
          .in = shape.hidden,
          .out = shape.qkv_size(division.tensor),
          .biases = shape.qkv_biases};
}

LinearMap projection_map(const NetworkShape& shape, const Division& division) {
  return {.label = "attention.projection",
          .in = shape.context_size() / division.tensor,
          .out = shape.hidden,
          .biases = shape.projection_biases};
}

LinearMap up_map(const NetworkShape& shape, const Division& division) {
  return {.label = "feed_forward.up",
          .in = shape.hidden,
          .out = shape.up_size() / division.tensor,
          .biases = shape.feed_forward_biases};
}

LinearMap down_map(const NetworkShape& shape, const Division& division) {
  return {.label = "feed_forward.down",
          .in = shape.feed_forward / division.tensor,
          .out = shape.hidden,
          .biases = shape.feed_forward_biases};
}

Step activation_step(const NetworkShape& shape, const Division& division) {
  const std::int64_t width = shape.feed_forward / division.tensor;
  Step step;
  step.label = "feed_forward.activation";
  step.kernel = elementwise(
      {.kind = "activation",
       .elements = division.tokens() * width,
       .operations_per_element = shape.activation == Activation::swiglu ? kSwiglu : kGelu,
       .read =
           matrix_bytes(division.precision, division.tokens(), shape.up_size() / division.tensor),
       .written = matrix_bytes(division.precision, division.tokens(), width)});
  step.memory.saved = step.kernel.written;
  return step;
}

Step activation_gradient_step(const NetworkShape& shape, const Division& division) {
  const Step forward = activation_step(shape, division);
  const Bytes input = forward.kernel.read;
  const Bytes output = forward.kernel.written;
  Step step = forward;
  step.kernel.operations = forward.kernel.operations * kBackwardFactor;
  step.kernel.read = input + output;
  step.kernel.written = input;
  step.memory = {.saved = Bytes(0), .dropped = input, .buffer = input, .unbuffer = output};
  return step;
}

namespace {

/// The norm's gradient and the one that came around the block, in one kernel or in two.
void norm_backward_around(Steps& steps, const NetworkShape& shape, const Division& division,
                          const std::string& block) {
  const bool separate = division.megatron_kernels;
  steps.push_back(norm_backward(shape, division, block + ".norm",
                                separate ? Residual::none : Residual::around));
  if (separate) steps.push_back(around_step(block + ".around", shape, division));
}

void feed_forward(const NetworkShape& shape, const Division& division, Passes& passes) {
  const LinearMap up = up_map(shape, division);
  const LinearMap down = down_map(shape, division);
  const Bytes up_output = matrix_bytes(division.precision, division.tokens(), up.out);

  Steps& forward = passes.forward;
  forward.push_back(norm_forward(shape, division, "feed_forward.norm"));
  column_linear_forward(forward, division, up, {.saved = up_output});
  forward.push_back(activation_step(shape, division));
  row_linear_forward(forward, division, down, "feed_forward.residual");

  Steps& backward = passes.backward;
  row_linear_backward(backward, division, down, "feed_forward.residual",
                      matrix_bytes(division.precision, division.tokens(), down.in));
  backward.push_back(activation_gradient_step(shape, division));
  if (division.megatron_kernels && up.biases) {
    backward.push_back(
        bias_gradient_step("feed_forward.up.bias", division, division.tokens(), up.out));
  }
  column_linear_backward(backward, division, up);
  norm_backward_around(backward, shape, division, "feed_forward");
}

void attention(const NetworkShape& shape, const Division& division, Passes& passes) {
  const LinearMap qkv = qkv_map(shape, division);
  const LinearMap projection = projection_map(shape, division);
  const Bytes qkv_output = matrix_bytes(division.precision, division.tokens(), qkv.out);
  const Bytes core_output = matrix_bytes(division.precision, division.tokens(), projection.in);

  Steps& forward = passes.forward;
  forward.push_back(norm_forward(shape, division, "attention.norm"));
  if (shape.has_latent()) {
    latent_inputs_forward(forward, shape, division);
  } else {
    column_linear_forward(forward, division, qkv, {.saved = qkv_output});
  }
  if (division.megatron_kernels && qkv.biases) {
    forward.push_back(bias_step("attention.qkv.bias", division, qkv.out));
  }
  const std::size_t core = forward.size();
  attention_core_forward(forward, shape, division);
  for (std::size_t step = core; step < forward.size(); ++step) forward[step].kept = Bytes(0);
  forward.back().kept = core_output;
  row_linear_forward(forward, division, projection, "attention.residual");

  // FlashAttention's backward pass reads its output once more.
  const bool rereads = division.flash_attention && !shape.attends_linearly;
  const Bytes dropped = rereads ? Bytes(0) : core_output;
  Steps& backward = passes.backward;
  row_linear_backward(backward, division, projection, "attention.residual", dropped);
  const std::size_t core_backward = backward.size();
  attention_core_backward(backward, shape, division);
  backward[core_backward].uses_core = true;
  if (shape.has_latent()) {
    Step norm = norm_backward(shape, division, "attention.norm", Residual::around);
    norm.after = {1};  // a kernel
    norm.memory.unbuffer =
        latent_inputs_backward(backward, shape, division) + hidden_state(shape, division);
    backward.push_back(std::move(norm));
    return;
  }
  if (division.megatron_kernels) {
    backward.push_back(copy_step("attention.qkv.gradient_copy", division, qkv.out));
    if (qkv.biases) {
      backward.push_back(
          bias_gradient_step("attention.qkv.bias", division, division.tokens(), qkv.out));
    }
  }
  column_linear_backward(backward, division, qkv);
  norm_backward_around(backward, shape, division, "attention");
}

}  // namespace

Passes layer_passes(const NetworkShape& shape, const Division& division) {
  if (shape.form != LayerForm::sequential) {
    return parallel_layer_passes(shape, division);
  }
  Passes attention_half;
  attention(shape, division, attention_half);
  Passes layer;
  feed_forward(shape, division, layer);
  layer.forward.insert(layer.forward.begin(), attention_half.forward.begin(),
                       attention_half.forward.end());
  layer.backward.insert(layer.backward.end(), attention_half.backward.begin(),
                        attention_half.backward.end());
  return layer;
}

}  // namespace orrery
