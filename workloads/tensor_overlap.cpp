#include "workloads/tensor_overlap.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "workloads/rank_grid_settings.hpp"

namespace orrery {
namespace {

constexpr const char* kKey = "tensor_overlap";
constexpr std::int64_t kTile = 128;  // rows and columns that a workgroup makes, as of a sublayer
constexpr std::int64_t kMostBlocks = 256;

std::int64_t size_of(const Kernel& kernel, std::string_view name) {
  for (const Kernel::Dimension& dimension : kernel.shape) {
    if (dimension.name == name) return dimension.size;
  }
  return 1;
}

bool is_product(const Step& step) {
  return !step.collective && (step.kernel.kind == "gemm" || step.kernel.kind == "gemv");
}

bool is_reduction(const Step& step) {
  return step.collective == CollectiveKind::all_reduce ||
         step.collective == CollectiveKind::reduce_scatter;
}

/// As many as the stages that make a chunk.
std::int64_t blocks_of(const Kernel& kernel, const TensorOverlap& overlap, std::int64_t tensor) {
  const auto tiles_along = [&](const char* name) {
    return static_cast<double>((size_of(kernel, name) + kTile - 1) / kTile);
  };
  const double stages =
      tiles_along("m") * tiles_along("n") / static_cast<double>(overlap.workgroups);
  return std::clamp<std::int64_t>(std::llround(stages / static_cast<double>(tensor)), 1,
                                  kMostBlocks);
}

}  // namespace

TensorOverlap read_tensor_overlap(JsonCursor& parallel, const WorkloadContext& context) {
  TensorOverlap overlap{.workgroups = std::max<std::int64_t>(1, context.cores)};
  JsonCursor found = parallel.find(kKey);
  if (!found.present()) return overlap;
  overlap.triggered = found.as_choice({"none", "triggered"}) == "triggered";
  if (!overlap.triggered || context.devices <= 0) return overlap;
  if (!context.trigger) {
    found.error("\"triggered\" needs a device with a \"trigger\" unit; t3_gpu has one");
  } else if (!context.op_and_store) {
    found.error("updates near memory need a device with \"op_and_store\"; t3_gpu has it");
  }
  return overlap;
}

std::string overlap_conflict(Architecture architecture, std::int64_t sequence) {
  if (architecture == Architecture::upper_bound) return "the upper bound, which reduces nothing";
  return sequence > 1 ? "ranks that share sequences, which is not modelled" : "";
}

void check_tensor_overlap(JsonCursor& parameters, const TensorOverlap& overlap, std::int64_t tensor,
                          const NetworkShape& network, const std::string& conflict) {
  if (!overlap.triggered || tensor == 0) return;
  JsonCursor place = place_in_parallel(parameters, kKey);
  if (tensor == 1) {
    place.error("expected two or more tensor-parallel ranks, whose products would be reduced");
  } else if (!conflict.empty()) {
    place.error("does not go with " + conflict);
  } else if (network.form != LayerForm::sequential) {
    place.error(
        "a layer with a parallel residual adds up two products before it reduces them, which is "
        "modelled without triggers");
  } else if (network.hidden % tensor != 0) {
    place.error("tensor " + std::to_string(tensor) + " does not divide the hidden size " +
                std::to_string(network.hidden) + " into chunks of the ring");
  }
}

void trigger_reductions(Steps& steps, const TensorOverlap& overlap, std::int64_t tensor) {
  if (!overlap.triggered) return;
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    if (!is_product(steps[i]) || !is_reduction(steps[i + 1])) continue;
    steps[i].blocks = blocks_of(steps[i].kernel, overlap, tensor);
  }
}

StagedProduct::Plan staged_plan(const Step& product, const Step& reduction, std::int64_t tensor,
                                const std::string& name) {
  return {.kernel = product.kernel,
          .reads = product.kernel.read,
          .output = reduction.bytes,
          .chunks = tensor,
          .blocks = product.blocks,
          .updates = true,
          .remote = 1,
          .name = name + "."};
}

std::int64_t count_ops(const Steps& steps, std::int64_t tensor) {
  std::int64_t count = 0;
  // Of each block a kernel, a trigger and a transfer.
  for (const Step& step : steps) count += step.blocks > 0 ? 3 * step.blocks * tensor : 1;
  return count;
}

}  // namespace orrery
