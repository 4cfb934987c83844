#include "workloads/parallel_layer.hpp"

#include <string>
#include <utility>

#include "workloads/attention_core.hpp"
#include "workloads/kernel_forms.hpp"
#include "workloads/layer_parts.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kBiasDropoutAdd = 4;          // bias 1, mask and rescale 2, residual 1
constexpr std::int64_t kBiasDropoutAddBackward = 2;  // as row_linear_backward

Bytes of_tokens(const Division& division, std::int64_t width) {
  return matrix_bytes(division.precision, division.tokens(), width);
}

Step product(const Division& division, const LinearMap& map, StepMemory memory) {
  return kernel_step(map.label, gemm(division.precision, division.tokens(), map.out, map.in),
                     memory);
}

Step input_gradient(const Division& division, const LinearMap& map, StepMemory memory) {
  return kernel_step(map.label + ".input_gradient",
                     gemm(division.precision, division.tokens(), map.in, map.out), memory);
}

/// `biases`: of a column-parallel map, whose gradient is finished in the same kernel.
Step weight_gradient(const Division& division, const LinearMap& map, std::int64_t biases,
                     StepMemory memory) {
  Step step =
      kernel_step(map.label + ".weight_gradient",
                  weight_gradient_gemm(division, division.tokens(), map.out, map.in), memory);
  step.gradients = map.in * map.out + biases;
  step.weights_only = true;
  return step;
}

class ParallelLayer {
 public:
  ParallelLayer(const NetworkShape& shape, const Division& division)
      : shape_(shape),
        division_(division),
        shares_norm_(shape.form == LayerForm::shared_norm),
        qkv_(qkv_map(shape, division)),
        projection_(projection_map(shape, division)),
        up_(up_map(shape, division)),
        down_(down_map(shape, division)),
        hidden_(of_tokens(division, shape.hidden)),
        state_(hidden_state(shape, division)) {}

  Steps forward() const {
    Steps steps;
    steps.push_back(norm_forward(shape_, division_, "attention.norm"));
    const bool keeps_gathered = shares_norm_ && division_.sequence_parallel;
    column_linear_forward(steps, division_, qkv_, {.saved = of_tokens(division_, qkv_.out)});
    if (keeps_gathered) {
      steps.back().memory.unbuffer = Bytes(0);  // for the feed-forward block
    }
    attention_core_forward(steps, shape_, division_);
    steps.push_back(product(division_, projection_, {.buffer = hidden_}));
    const Bytes up_output = of_tokens(division_, up_.out);
    if (shares_norm_) {
      steps.push_back(product(
          division_, up_, {.saved = up_output, .unbuffer = keeps_gathered ? hidden_ : Bytes(0)}));
    } else {
      steps.push_back(norm_forward(shape_, division_, "feed_forward.norm"));
      steps.back().memory.saved = state_;  // its input is saved already
      column_linear_forward(steps, division_, up_, {.saved = up_output});
    }
    steps.push_back(activation_step(shape_, division_));
    steps.push_back(product(division_, down_, {.buffer = hidden_}));
    add_to_residual(steps);
    return steps;
  }

  Steps backward() const {
    Steps steps;
    output_gradient(steps);
    steps.push_back(input_gradient(division_, down_, {.buffer = of_tokens(division_, down_.in)}));
    steps.front().memory.buffer += state_;  // the gradient that comes in, until norm_backward
    steps.push_back(
        weight_gradient(division_, down_, 0, {.dropped = of_tokens(division_, down_.in)}));
    steps.push_back(activation_gradient_step(shape_, division_));
    shares_norm_ ? up_backward_shared(steps) : up_backward_apart(steps);

    const Bytes context = of_tokens(division_, projection_.in);
    const bool sequence_parallel = division_.sequence_parallel;
    steps.push_back(input_gradient(division_, projection_, {.buffer = context}));
    // FlashAttention's backward pass reads its output once more.
    steps.push_back(weight_gradient(division_, projection_, 0,
                                    {.dropped = division_.flash_attention ? Bytes(0) : context,
                                     .unbuffer = sequence_parallel ? hidden_ : Bytes(0)}));
    attention_core_backward(steps, shape_, division_);
    shares_norm_ ? qkv_backward_shared(steps) : column_linear_backward(steps, division_, qkv_);
    Step norm = norm_backward(shape_, division_, "attention.norm", Residual::around);
    if (!shares_norm_) {  // adds the gradient through the other norm, too
      norm.kernel.operations += Flops(1) * division_.own_tokens() * shape_.hidden;
      norm.kernel.read += state_;
      norm.memory.unbuffer += state_;
    }
    steps.push_back(std::move(norm));
    return steps;
  }

 private:
  Bytes mask() const { return hidden_mask(shape_, division_); }

  /// Both outputs are buffers.
  void add_to_residual(Steps& steps) const {
    const std::int64_t elements = division_.own_tokens() * shape_.hidden;
    const bool reduces = division_.tensor > 1;
    if (reduces) {
      steps.push_back(kernel_step("layer.sum",
                                  elementwise({.elements = division_.tokens() * shape_.hidden,
                                               .operations_per_element = 1,
                                               .read = hidden_ * 2,
                                               .written = hidden_}),
                                  {.unbuffer = hidden_}));
      steps.push_back(reduction("layer", division_, hidden_));
    }
    const std::int64_t inputs = reduces ? 2 : 3;
    steps.push_back(kernel_step("layer.residual",
                                elementwise({.elements = elements,
                                             .operations_per_element = kBiasDropoutAdd + inputs - 2,
                                             .read = state_ * inputs,
                                             .written = state_ + mask()}),
                                {.saved = mask(), .unbuffer = hidden_ * (inputs - 1)}));
  }

  /// Of both blocks; gathered where sequence parallelism divides it.
  void output_gradient(Steps& steps) const {
    if (division_.dropout || projection_.biases || down_.biases) {
      Step residual = kernel_step("layer.residual",
                                  elementwise({.elements = division_.own_tokens() * shape_.hidden,
                                               .operations_per_element = kBiasDropoutAddBackward,
                                               .read = state_ + mask(),
                                               .written = division_.dropout ? state_ : Bytes(0)}),
                                  {.dropped = mask()});
      residual.gradients =
          (projection_.biases ? projection_.out : 0) + (down_.biases ? down_.out : 0);
      steps.push_back(std::move(residual));
    }
    if (division_.sequence_parallel) {
      steps.push_back(gather("layer.all_gather", hidden_));
    }
  }

  /// Leaves the input's gradient, not yet reduced, and the gathered input: buffers.
  void up_backward_shared(Steps& steps) const {
    if (division_.sequence_parallel) {
      steps.push_back(gather("layer.input_all_gather", hidden_));
    }
    const int before_gather = division_.sequence_parallel ? 2 : 1;
    steps.push_back(input_gradient(division_, up_, {.buffer = hidden_}));
    steps.back().after = {before_gather};
    steps.push_back(weight_gradient(division_, up_, up_.biases ? up_.out : 0,
                                    {.unbuffer = of_tokens(division_, up_.out)}));
    steps.back().after = {before_gather};
  }

  void qkv_backward_shared(Steps& steps) const {
    steps.push_back(input_gradient(division_, qkv_, {}));
    steps.back().kernel.read += hidden_;  // added to the gradient that is there
    const bool reduces = division_.tensor > 1;
    if (reduces) {
      steps.push_back(reduction("layer.input", division_, hidden_));
    }
    steps.push_back(weight_gradient(
        division_, qkv_, qkv_.biases ? qkv_.out : 0,
        {.dropped = state_,
         .unbuffer =
             of_tokens(division_, qkv_.out) + (division_.sequence_parallel ? hidden_ : Bytes(0))}));
    steps.back().after = {reduces ? 2 : 1};
  }

  /// Leaves the gradient through its norm, a buffer.
  void up_backward_apart(Steps& steps) const {
    column_linear_backward(steps, division_, up_);
    Step norm = norm_backward(shape_, division_, "feed_forward.norm", Residual::none);
    norm.memory.dropped = Bytes(0);  // attention's norm still needs the input
    norm.memory.buffer = state_;
    steps.push_back(std::move(norm));
  }

  const NetworkShape& shape_;
  const Division& division_;
  bool shares_norm_;
  LinearMap qkv_;
  LinearMap projection_;
  LinearMap up_;
  LinearMap down_;
  Bytes hidden_;  // of all tokens
  Bytes state_;   // of those that this rank holds
};

}  // namespace

Passes parallel_layer_passes(const NetworkShape& shape, const Division& division) {
  const ParallelLayer layer(shape, division);
  return {layer.forward(), layer.backward()};
}

}  // namespace orrery
