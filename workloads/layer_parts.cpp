#include "workloads/layer_parts.hpp"

#include <utility>

#include "workloads/kernel_forms.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/separate_passes.hpp"

namespace orrery {
namespace {

// Operations per element, one for each addition, multiplication, … of the defining formula.
constexpr std::int64_t kLayerNorm = 8;       // mean 1, variance 3, normalise 2, scale and shift 2
constexpr std::int64_t kRmsNorm = 4;         // squares 2, normalise 1, scale 1
constexpr std::int64_t kBackwardFactor = 2;  // gradients of the input and of the parameters
constexpr std::int64_t kBiasDropoutAdd = 4;  // bias 1, mask and rescale 2, residual 1

constexpr const char* kNormalization = "normalization";

std::int64_t norm_operations(const NetworkShape& shape) {
  return shape.norm == Norm::layernorm ? kLayerNorm : kRmsNorm;
}

}  // namespace

Step reduction(const std::string& label, const Division& division, Bytes bytes) {
  return division.sequence_parallel
             ? collective_step(label + ".reduce_scatter", CollectiveKind::reduce_scatter, bytes)
             : collective_step(label + ".all_reduce", CollectiveKind::all_reduce, bytes);
}

Step gather(std::string label, Bytes bytes) {
  Step step = collective_step(std::move(label), CollectiveKind::all_gather, bytes);
  step.memory.buffer = bytes;
  return step;
}

Kernel norm_kernel(const NetworkShape& shape, Precision precision, std::int64_t rows,
                   std::int64_t columns) {
  const Bytes bytes = matrix_bytes(precision, rows, columns);
  return elementwise({.kind = kNormalization,
                      .elements = rows * columns,
                      .operations_per_element = norm_operations(shape),
                      .read = bytes,
                      .written = bytes});
}

Kernel norm_gradient_kernel(const NetworkShape& shape, Precision precision, std::int64_t rows,
                            std::int64_t columns) {
  Kernel kernel = norm_kernel(shape, precision, rows, columns);
  kernel.operations = kernel.operations * kBackwardFactor;
  kernel.read = kernel.read * 2;
  return kernel;
}

namespace {

/// The division as this map sees it.
Division division_of(const Division& division, const LinearMap& map) {
  Division result = division;
  result.fp8_linear = division.fp8_linear && map.fp8;
  return result;
}

/// The map's input, or the gradient of its output, in fp8. What is cast lives to the end of the
/// product only; the backward pass keeps the input in the precision of the run.
void cast(Steps& steps, const Division& division, const std::string& label, std::int64_t width) {
  if (!division.fp8_linear) return;
  steps.push_back(kernel_step(label + ".cast", cast_to_fp8(division, division.tokens() * width)));
}

}  // namespace

Bytes hidden_state(const NetworkShape& shape, const Division& division) {
  return matrix_bytes(division.precision, division.own_tokens(), shape.hidden);
}

Bytes hidden_mask(const NetworkShape& shape, const Division& division) {
  return division.dropout ? Bytes(division.own_tokens()) * shape.hidden : Bytes(0);
}

Step norm_forward(const NetworkShape& shape, const Division& division, std::string label) {
  const Bytes state = hidden_state(shape, division);
  Step step =
      kernel_step(std::move(label), elementwise({.kind = kNormalization,
                                                 .elements = division.own_tokens() * shape.hidden,
                                                 .operations_per_element = norm_operations(shape),
                                                 .read = state,
                                                 .written = state}));
  step.memory.saved = state * 2;
  return step;
}

Step norm_backward(const NetworkShape& shape, const Division& division, std::string label,
                   Residual residual) {
  const Bytes state = hidden_state(shape, division);
  const bool around = residual == Residual::around;
  Step step = kernel_step(
      std::move(label),
      elementwise({.kind = kNormalization,
                   .elements = division.own_tokens() * shape.hidden,
                   .operations_per_element = kBackwardFactor * norm_operations(shape) + around,
                   .read = state * (around ? 3 : 2),
                   .written = state}));
  step.memory.dropped = state;
  step.memory.unbuffer = matrix_bytes(division.precision, division.tokens(), shape.hidden) +
                         (around ? state : Bytes(0));
  step.gradients = norm_parameters(shape);
  if (division.tensor > 1) {
    step.after = {2};  // the reduction; the weight gradient between them runs beside it
  }
  return step;
}

void column_linear_forward(Steps& steps, const Division& run, const LinearMap& map,
                           StepMemory memory) {
  const Division division = division_of(run, map);
  const Bytes input = matrix_bytes(division.precision, division.tokens(), map.in);
  if (division.sequence_parallel) {
    steps.push_back(
        gather(map.label + ".all_gather",
               matrix_bytes(division.precision, division.tokens(), map.in + map.beside)));
    memory.unbuffer += input;
  }
  cast(steps, division, map.label, map.in);
  Step step = kernel_step(map.label, linear_gemm(division, division.tokens(), map.out, map.in));
  step.memory = memory;
  steps.push_back(std::move(step));
}

void column_linear_backward(Steps& steps, const Division& run, const LinearMap& map) {
  const Division division = division_of(run, map);
  const std::int64_t tokens = division.tokens();
  const Bytes input = matrix_bytes(division.precision, tokens, map.in);
  const Bytes output = matrix_bytes(division.precision, tokens, map.out);
  cast(steps, division, map.label + ".gradient", map.out);
  if (division.sequence_parallel) {
    steps.push_back(gather(map.label + ".input_all_gather", input));
  }
  Step to_input =
      kernel_step(map.label + ".input_gradient", linear_gemm(division, tokens, map.in, map.out));
  to_input.memory.buffer = input;
  to_input.after = {division.sequence_parallel ? 2 : 1};
  steps.push_back(std::move(to_input));
  if (division.tensor > 1) {
    steps.push_back(reduction(map.label, division,
                              matrix_bytes(division.precision, tokens, map.in + map.beside)));
  }
  Step to_weight = kernel_step(map.label + ".weight_gradient",
                               weight_gradient_gemm(division, tokens, map.out, map.in));
  to_weight.after = {division.sequence_parallel ? 3 : division.tensor > 1 ? 2 : 1};
  to_weight.weights_only = true;
  to_weight.memory.dropped = matrix_bytes(division.precision, division.own_tokens(), map.in);
  to_weight.memory.unbuffer = output + (division.sequence_parallel ? input : Bytes(0));
  if (map.holds_gradient) {
    to_weight.gradients = map.in * map.out + (map.biases ? map.out : 0);
  }
  steps.push_back(std::move(to_weight));
}

void row_linear_forward(Steps& steps, const Division& run, const LinearMap& map,
                        const std::string& residual_label) {
  const Division division = division_of(run, map);
  const Bytes output = matrix_bytes(division.precision, division.tokens(), map.out);
  cast(steps, division, map.label, map.in);
  Step product = kernel_step(map.label, linear_gemm(division, division.tokens(), map.out, map.in));
  product.memory.buffer = output;
  steps.push_back(std::move(product));
  if (division.tensor > 1) {
    steps.push_back(reduction(map.label, division, output));
  }
  const Bytes state = matrix_bytes(division.precision, division.own_tokens(), map.out);
  const Bytes mask = division.dropout ? Bytes(division.own_tokens()) * map.out : Bytes(0);
  Step residual =
      kernel_step(residual_label, elementwise({.elements = division.own_tokens() * map.out,
                                               .operations_per_element = kBiasDropoutAdd,
                                               .read = state * 2,
                                               .written = state + mask}));
  residual.memory.saved = mask;
  residual.memory.unbuffer = output;
  steps.push_back(std::move(residual));
}

void row_linear_backward(Steps& steps, const Division& run, const LinearMap& map,
                         const std::string& residual_label, Bytes input) {
  const Division division = division_of(run, map);
  const std::int64_t tokens = division.tokens();
  const Bytes state = matrix_bytes(division.precision, division.own_tokens(), map.out);
  const Bytes output = matrix_bytes(division.precision, tokens, map.out);
  const std::size_t first = steps.size();
  if (division.dropout || map.biases) {
    const Bytes mask = division.dropout ? Bytes(division.own_tokens()) * map.out : Bytes(0);
    Step residual =
        kernel_step(residual_label, elementwise({.elements = division.own_tokens() * map.out,
                                                 .operations_per_element = 2,
                                                 .read = state + mask,
                                                 .written = division.dropout ? state : Bytes(0)}));
    residual.memory.dropped = mask;
    residual.gradients = map.biases ? map.out : 0;
    steps.push_back(std::move(residual));
    if (division.megatron_kernels && map.biases) {
      steps.push_back(
          bias_gradient_step(map.label + ".bias", division, division.own_tokens(), map.out));
    }
  }
  if (division.sequence_parallel) {
    steps.push_back(gather(map.label + ".all_gather", output));
  }
  cast(steps, division, map.label + ".gradient", map.out);
  Step to_input =
      kernel_step(map.label + ".input_gradient", linear_gemm(division, tokens, map.in, map.out));
  to_input.memory.buffer = matrix_bytes(division.precision, tokens, map.in);
  steps.push_back(std::move(to_input));
  Step to_weight = kernel_step(map.label + ".weight_gradient",
                               weight_gradient_gemm(division, tokens, map.out, map.in));
  to_weight.weights_only = true;
  to_weight.memory.dropped = input;
  to_weight.memory.unbuffer = division.sequence_parallel ? output : Bytes(0);
  to_weight.gradients = map.in * map.out;
  steps.push_back(std::move(to_weight));
  steps[first].memory.buffer += state;  // the gradient that comes in, until norm_backward adds it
}

}  // namespace orrery
