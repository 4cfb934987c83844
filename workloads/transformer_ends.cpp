#include "workloads/transformer_ends.hpp"

#include <string>
#include <utility>

#include "workloads/kernel_forms.hpp"
#include "workloads/layer_parts.hpp"

namespace orrery {
namespace {

// Operations per element, one for each addition, multiplication, … of the formula.
constexpr std::int64_t kAddDropout = 3;  // position 1, mask and rescale 2
/// Kingma and Ba 2015, Algorithm 1, with decoupled weight decay (Loshchilov and Hutter 2019):
/// momentum 3, variance 4, root and epsilon 2, quotient and learning rate 2, decay 2, update 1.
constexpr std::int64_t kAdam = 14;

/// Over the logits of one rank; then `reduced` is all-reduced: one fp32 number per token.
void cross_entropy_part(Steps& steps, const Division& division, const std::string& name,
                        const ElementwiseWork& work, StepMemory memory) {
  const std::string label = "head.cross_entropy." + name;
  steps.push_back(kernel_step(label, elementwise(work), memory));
  if (division.tensor > 1) {
    steps.push_back(collective_step(label + ".all_reduce", CollectiveKind::all_reduce,
                                    storage(Precision::fp32, division.tokens())));
  }
}

void cross_entropy_forward(Steps& steps, const Division& division, std::int64_t columns) {
  const std::int64_t elements = division.tokens() * columns;
  const Bytes logits = matrix_bytes(division.precision, division.tokens(), columns);
  const Bytes full = matrix_bytes(Precision::fp32, division.tokens(), columns);
  ElementwiseWork work = {.kind = "softmax",
                          .elements = elements,
                          .operations_per_element = 1,
                          .read = logits,
                          .written = full};
  const Bytes once_more = division.megatron_kernels ? full : Bytes(0);
  work.read += once_more;
  cross_entropy_part(steps, division, "maximum", work, {.saved = full, .unbuffer = logits});
  work.read = full;
  cross_entropy_part(steps, division, "target", work, {});
  work.operations_per_element = 2;
  work.read = full + once_more;
  cross_entropy_part(steps, division, "exponentials", work, {});
  work.read = full;
  work.operations_per_element = 1;
  steps.push_back(kernel_step("head.cross_entropy.softmax", elementwise(work), {}));
}

}  // namespace

Passes embedding_passes(const NetworkShape& shape, const Division& division,
                        std::int64_t vocabulary) {
  const bool learned = shape.positions == Positions::learned;
  const bool adds = learned || division.dropout;
  const Bytes output = matrix_bytes(division.precision, division.tokens(), shape.hidden);
  const Bytes state = hidden_state(shape, division);
  const Bytes mask = hidden_mask(shape, division);
  const ElementwiseWork add = {.elements = division.own_tokens() * shape.hidden,
                               .operations_per_element = kAddDropout,
                               .read = state + mask,
                               .written = state};
  Passes passes;
  passes.forward.push_back(kernel_step("embedding.lookup",
                                       elementwise({.elements = division.tokens() * shape.hidden,
                                                    .operations_per_element = 0,
                                                    .read = output,
                                                    .written = output}),
                                       {.buffer = output}));
  if (division.tensor > 1) {
    passes.forward.push_back(
        division.sequence_parallel
            ? collective_step("embedding.reduce_scatter", CollectiveKind::reduce_scatter, output)
            : collective_step("embedding.all_reduce", CollectiveKind::all_reduce, output));
  }
  if (adds) {
    passes.forward.push_back(kernel_step("embedding.positions", elementwise(add), {.saved = mask}));
    Step back = kernel_step("embedding.positions", elementwise(add), {.dropped = mask});
    back.gradients = learned ? shape.max_positions * shape.hidden : 0;
    passes.backward.push_back(std::move(back));
  }
  passes.forward.back().memory.unbuffer += output;

  if (division.sequence_parallel) {
    passes.backward.push_back(
        collective_step("embedding.all_gather", CollectiveKind::all_gather, output));
    passes.backward.back().memory.buffer = output;
  }
  const Bytes rows =
      division.gradient_element * (division.tokens() / division.tensor) * shape.hidden;
  Step lookup = kernel_step("embedding.weight_gradient",
                            elementwise({.elements = division.tokens() * shape.hidden,
                                         .operations_per_element = 1,
                                         .read = output + rows,
                                         .written = rows}),
                            {.unbuffer = division.sequence_parallel ? output : Bytes(0)});
  lookup.gradients = vocabulary / division.tensor * shape.hidden;
  passes.backward.push_back(std::move(lookup));
  return passes;
}

Passes head_passes(const NetworkShape& shape, const Division& division, std::int64_t vocabulary,
                   bool holds_gradient) {
  const LinearMap map = {.label = "head.logits",
                         .in = shape.hidden,
                         .out = vocabulary / division.tensor,
                         .biases = false,
                         .holds_gradient = holds_gradient,
                         .fp8 = false};
  const Bytes logits = matrix_bytes(division.precision, division.tokens(), map.out);
  const Bytes full = matrix_bytes(Precision::fp32, division.tokens(), map.out);
  const Bytes once_more = division.megatron_kernels ? full : Bytes(0);
  Passes passes;
  passes.forward.push_back(norm_forward(shape, division, "head.norm"));
  column_linear_forward(passes.forward, division, map, {.buffer = logits});
  cross_entropy_forward(passes.forward, division, map.out);

  passes.backward.push_back(kernel_step("head.cross_entropy",
                                        elementwise({.kind = "softmax",
                                                     .elements = division.tokens() * map.out,
                                                     .operations_per_element = 2,
                                                     .read = full + once_more,
                                                     .written = logits + once_more}),
                                        {.dropped = full, .buffer = logits}));
  column_linear_backward(passes.backward, division, map);
  passes.backward.push_back(norm_backward(shape, division, "head.norm", Residual::none));
  return passes;
}

Kernel optimizer_kernel(std::int64_t parameters, Bytes gradient_element) {
  const Bytes states = optimizer_states(parameters);
  return elementwise({.elements = parameters,
                      .operations_per_element = kAdam,
                      .read = states + gradient_element * parameters,
                      .written = states + (Bytes(2) + gradient_element) * parameters});
}

Kernel separate_optimizer_kernel(std::int64_t parameters, Bytes gradient_element) {
  Kernel kernel = optimizer_kernel(parameters, gradient_element);
  kernel.written = kernel.written - Bytes(2) * parameters;
  return kernel;
}

Kernel weight_copy_kernel(std::int64_t parameters) {
  return elementwise({.elements = parameters,
                      .operations_per_element = 1,
                      .read = Bytes(4) * parameters,
                      .written = Bytes(2) * parameters});
}

Kernel unscaling_kernel(std::int64_t parameters, Bytes gradient_element) {
  return elementwise({.elements = parameters,
                      .operations_per_element = 2,
                      .read = gradient_element * parameters,
                      .written = gradient_element * parameters});
}

Kernel gradient_norm_kernel(std::int64_t parameters, Bytes gradient_element) {
  return elementwise({.elements = parameters,
                      .operations_per_element = 2,
                      .read = gradient_element * parameters,
                      .written = Bytes(0)});
}

}  // namespace orrery
