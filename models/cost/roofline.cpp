#include <algorithm>
#include <cstdio>
#include <memory>

#include "models/cost/builtin.hpp"

namespace orrery {
namespace {

/// A kernel alone takes launch + max(operations / achievable math rate, bytes / achievable memory
/// bandwidth): the roofline of Williams, Waterman and Patterson 2009 (CACM 52(4), Fig. 1), with the
/// measured share of each peak from the device's catalogue entry and a fixed cost per kernel. Kinds
/// of kernels that move memory may have a share of their own (kMemoryKinds). Where the host issues
/// kernels one by one, none takes less than that takes the host: exact when the host is the slower
/// or the faster one all the time, as its lead over the device is not followed. On
/// a slow device, beside others or with jitter the wait for the host stays what it is here, though
/// more of it would be hidden.
/// Leaves out: wave and tile quantisation, cache reuse, shapes; those belong to a calibrated model.
class Roofline final : public CostModel {
 public:
  KernelCost cost(const Kernel& kernel, const DeviceSpec& device) const override {
    const Precision precision = precision_of(kernel);
    const double peak = device.peak_of(precision)->as_double();
    const double bytes = (kernel.read + kernel.written).as_double();
    const double bandwidth = device.memory_bandwidth.as_double();

    KernelCost cost;
    const double efficiency =
        is_attention(kernel) ? device.attention_efficiency : device.math_efficiency_of(precision);
    cost.math_seconds = kernel.operations.as_double() / (peak * efficiency);
    cost.memory_traffic = bytes / device.memory_efficiency_of(kernel.kind);
    cost.floor_seconds = std::max(kernel.operations.as_double() / peak, bytes / bandwidth);
    const double memory_seconds = cost.memory_traffic / bandwidth;
    const double busy = std::max(cost.math_seconds, memory_seconds);
    cost.launch = launch_of(kernel, device.kernel_launch, busy);
    if (to_seconds(cost.launch) >= busy) {
      cost.bound = Bound::launch;
    } else {
      cost.bound = cost.math_seconds >= memory_seconds ? Bound::math : Bound::memory;
    }
    cost.outside_measured = is_small_gemm(kernel);
    cost.why = explain(cost, memory_seconds);
    return cost;
  }

  std::string refusal(const Kernel& kernel, const DeviceSpec& device) const override {
    const Precision precision = precision_of(kernel);
    if (device.peak_of(precision)) return {};
    return device.name + " has no " + std::string(to_string(precision)) + " peak rate";
  }

 private:
  /// Fused attention, forward and backward: its matrix products are chained through a softmax.
  static bool is_attention(const Kernel& kernel) { return kernel.kind.starts_with("attention"); }

  /// The catalogue's efficiencies of matrix products are those of m, n, k >= 1024.
  static bool is_small_gemm(const Kernel& kernel) {
    const std::int64_t least_measured = 1024;
    return kernel.kind == "gemm" && std::any_of(kernel.shape.begin(), kernel.shape.end(),
                                                [](const Kernel::Dimension& dimension) {
                                                  return dimension.name != "batch" &&
                                                         dimension.size < least_measured;
                                                });
  }

  /// Vector pipes work in fp32 whatever the storage format is.
  static Precision precision_of(const Kernel& kernel) {
    return kernel.unit == MathUnit::vector ? Precision::fp32 : kernel.precision;
  }

  static std::string explain(const KernelCost& cost, double memory_seconds) {
    char text[160];
    std::snprintf(text, sizeof text, "%s-bound: math %.3g us, memory %.3g us, launch %.3g us",
                  std::string(to_string(cost.bound)).c_str(), cost.math_seconds * 1e6,
                  memory_seconds * 1e6, to_seconds(cost.launch) * 1e6);
    return text;
  }
};

}  // namespace

std::unique_ptr<CostModel> make_roofline(JsonCursor parameters, const CostSite& /*site*/) {
  parameters.has("kind");
  parameters.reject_unknown_keys();
  return std::make_unique<Roofline>();
}

}  // namespace orrery
