#include "workloads/inference_pass.hpp"

#include "workloads/gpt_fast.hpp"
#include "workloads/kernel_forms.hpp"

namespace orrery {
Bytes pass_state(const NetworkShape& shape, const InferenceForm& form, const InferencePass& pass) {
  return matrix_bytes(form.precision, pass.rows(), shape.hidden);
}

Division PassSteps::division() const {
  return {.micro_batch = pass_.sequences,
          .sequence_length = pass_.tokens,
          .tensor = form_.tensor,
          .precision = form_.precision};
}

Bytes PassSteps::activations(std::int64_t width) const {
  return matrix_bytes(form_.precision, pass_.rows(), width);
}

void PassSteps::add(std::string label, Kernel kernel, StepMemory memory) {
  steps_.push_back(kernel_step(std::move(label), std::move(kernel), memory));
}

void PassSteps::norm(std::string label, std::int64_t width, StepMemory memory) {
  Kernel kernel = norm_kernel(shape_, form_.precision, pass_.rows(), width);
  if (eager() && shape_.norm == Norm::rmsnorm) gpt_fast::norm_in_passes(kernel);
  add(std::move(label), std::move(kernel), memory);
}

void PassSteps::share(StepMemory memory) {
  steps_.push_back(shared_step(SharedCore::forward, shape_.attends_linearly));
  steps_.back().memory = memory;
}

void PassSteps::residual_norm(std::string label) {
  norm(std::move(label), shape_.hidden, {.buffer = state(), .unbuffer = state()});
  Kernel& kernel = steps_.back().kernel;
  kernel.operations += Flops(1) * pass_.rows() * shape_.hidden;
  kernel.read += state() * (eager() ? 2 : 1);  // where it is fused the output goes to the norm
  kernel.written += state();
}

void PassSteps::enter(Block block) {
  const std::string name = block == Block::attention ? "attention" : "feed_forward";
  if (form_.architecture != Architecture::ladder) {
    residual_norm(name + ".norm");
    return;
  }
  residual(name + ".residual", {block});
  norm(name + ".norm", shape_.hidden, {.buffer = state()});
}

void PassSteps::residual(std::string label, std::vector<Block> waits_for) {
  add(std::move(label),
      elementwise({.elements = pass_.rows() * shape_.hidden,
                   .operations_per_element = 1,
                   .read = state() * 2,
                   .written = state()}),
      {.unbuffer = state()});
  steps_.back().waits_for = std::move(waits_for);
}

Kernel PassSteps::product(std::int64_t rows, std::int64_t out, std::int64_t in) const {
  Kernel kernel = gemm(form_.precision, rows, out, in);
  if (of_gpt_fast() && pass_.decodes() && rows == 1) kernel.kind = "gemv";
  return kernel;
}

void PassSteps::linear(const LinearMap& map, Input input) {
  Kernel kernel = product(pass_.rows(), map.out, map.in);
  kernel.read = activations(map.in) + matrix_bytes(form_.weights, map.in, map.out);
  const Bytes freed = input == Input::freed ? activations(map.in) : Bytes(0);
  add(map.label, std::move(kernel), {.buffer = activations(map.out), .unbuffer = freed});
}

void PassSteps::linear_by_head(const LinearMap& map, StepMemory memory) {
  const std::int64_t heads = shape_.heads / form_.tensor;
  Kernel kernel = gemm(form_.precision, pass_.rows(), map.out, map.in, heads);
  kernel.read = (activations(map.in) + matrix_bytes(form_.weights, map.in, map.out)) * heads;
  add(map.label, std::move(kernel), memory);
}

void PassSteps::all_reduce(const std::string& label, std::optional<Block> block) {
  if (form_.tensor == 1 || form_.architecture == Architecture::upper_bound) return;
  steps_.push_back(collective_step(label + ".all_reduce", CollectiveKind::all_reduce, state()));
  if (form_.architecture == Architecture::ladder) steps_.back().posts = block;
}

void PassSteps::all_gather(const std::string& label, Bytes bytes) {
  steps_.push_back(gather(label + ".all_gather", bytes));
}

}  // namespace orrery
