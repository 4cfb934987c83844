#include "workloads/separate_passes.hpp"

#include <utility>

#include "workloads/kernel_forms.hpp"
#include "workloads/layer_parts.hpp"

namespace orrery {
namespace {

Step pass_over(std::string label, std::int64_t elements, Bytes read, Bytes written) {
  return kernel_step(
      std::move(label),
      elementwise(
          {.elements = elements, .operations_per_element = 1, .read = read, .written = written}));
}

}  // namespace

Step bias_step(std::string label, const Division& division, std::int64_t width) {
  return copy_step(std::move(label), division, width);  // the bias itself stays in the cache
}

Step copy_step(std::string label, const Division& division, std::int64_t width) {
  const Bytes bytes = matrix_bytes(division.precision, division.tokens(), width);
  return pass_over(std::move(label), division.tokens() * width, bytes, bytes);
}

Step bias_gradient_step(std::string label, const Division& division, std::int64_t tokens,
                        std::int64_t width) {
  return pass_over(std::move(label), tokens * width,
                   matrix_bytes(division.precision, tokens, width), Bytes(0));
}

Step around_step(std::string label, const NetworkShape& shape, const Division& division) {
  const Bytes state = hidden_state(shape, division);
  Step step = pass_over(std::move(label), division.own_tokens() * shape.hidden, state * 2, state);
  step.memory.unbuffer = state;
  return step;
}

Bytes read_of_scores(const Division& division, Bytes scores) {
  if (!division.megatron_kernels) return scores;
  const std::int64_t length = division.sequence_length;
  return scores / (2 * length) * (length + 1);
}

}  // namespace orrery
