#include <utility>

#include "models/cost/builtin.hpp"

namespace orrery {
namespace {

/// The whole product of which this is a stage: its shape says it.
Kernel whole_of(const Kernel& stage) {
  std::int64_t batch = 1;
  std::int64_t m = 1;
  std::int64_t n = 1;
  std::int64_t k = 1;
  for (const Kernel::Dimension& dimension : stage.shape) {
    (dimension.name == "batch" ? batch
     : dimension.name == "m"   ? m
     : dimension.name == "n"   ? n
                               : k) = dimension.size;
  }
  Kernel whole = stage;
  whole.kind = "gemm";
  whole.operations = Flops(2) * m * n * k * batch;
  whole.read = (storage(stage.precision, m * k) + storage(stage.precision, k * n)) * batch;
  whole.written = storage(stage.precision, m * n) * batch;
  return whole;
}

/// A stage of a product takes the math pipes for its part of the operations of the time that the
/// whole takes them, so that its tiles and waves are the whole's; of memory what it moves itself.
class StageCost final : public CostModel {
 public:
  explicit StageCost(std::unique_ptr<CostModel> model) : model_(std::move(model)) {}

  KernelCost cost(const Kernel& kernel, const DeviceSpec& device) const override {
    KernelCost cost = model_->cost(kernel, device);
    if (!is_stage(kernel)) return cost;
    const Kernel whole = whole_of(kernel);
    const KernelCost of_whole = model_->cost(whole, device);
    const double part = kernel.operations.as_double() / whole.operations.as_double();
    cost.math_seconds = of_whole.math_seconds * part;
    const double memory_seconds = cost.memory_traffic / device.memory_bandwidth.as_double();
    cost.bound = cost.math_seconds >= memory_seconds ? Bound::math : Bound::memory;
    cost.outside_measured = of_whole.outside_measured;
    cost.transferred_from = of_whole.transferred_from;
    cost.why = "a stage of a product that is " + of_whole.why;
    return cost;
  }

  std::string refusal(const Kernel& kernel, const DeviceSpec& device) const override {
    return model_->refusal(is_stage(kernel) ? whole_of(kernel) : kernel, device);
  }

 private:
  /// Of those that only read or store there is nothing to say.
  static bool is_stage(const Kernel& kernel) {
    return kernel.kind == "gemm_stage" && kernel.operations > Flops(0) && !kernel.shape.empty();
  }

  std::unique_ptr<CostModel> model_;
};

}  // namespace

std::unique_ptr<CostModel> with_stages(std::unique_ptr<CostModel> model) {
  return std::make_unique<StageCost>(std::move(model));
}

}  // namespace orrery
