#include <algorithm>
#include <bit>
#include <cstdio>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "models/cost/builtin.hpp"
#include "models/cost/calibration.hpp"

namespace orrery {
namespace {

// Five products for two, one of them computed again (FlashAttention-2, Dao 2023, section 4.1).
constexpr double kBackward = 2.5;

std::int64_t size_of(const Kernel& kernel, std::string_view name, std::int64_t fallback) {
  for (const Kernel::Dimension& dimension : kernel.shape) {
    if (dimension.name == name) return dimension.size;
  }
  return fallback;
}

/// Kernels whose op was measured by its model and the figures fitted for the device, or those of
/// its nearest relative (values_for); all others as the roofline prices them. Backward attention
/// takes as many times longer than forward as it has more operations (nothing measured says so).
/// What was not measured is marked (KernelCost::outside_measured): other kernels, unless the device
/// has a share for them, backward attention, formats but bf16 and fp16, and what the op says
/// (OpModel::outside_measured): several products at once, head sizes other than 128. Weights and
/// caches take the bytes that the kernel reads of them; that they are turned into the precision of
/// the arithmetic costs nothing here, and is marked too.
///
/// A kernel holds its device's math as long as it runs alone, and its memory as far as its traffic
/// goes. Prices are kept by device and shape: one model must not be shared by threads.
class Calibrated final : public CostModel {
 public:
  Calibrated(std::unique_ptr<CostModel> roofline, std::vector<Calibration> calibrations)
      : roofline_(std::move(roofline)), calibrations_(std::move(calibrations)) {}

  KernelCost cost(const Kernel& kernel, const DeviceSpec& device) const override {
    std::string key = key_of(kernel, device);
    const auto known = prices_.find(key);
    if (known != prices_.end()) return known->second;
    return prices_.emplace(std::move(key), price(kernel, device)).first->second;
  }

  std::string refusal(const Kernel& kernel, const DeviceSpec& device) const override {
    const std::string refusal = roofline_->refusal(kernel, device);
    if (refusal.empty() && !op_of(kernel).empty() && device.cores <= 0) {
      return device.name + " has no \"cores\", which the cost model calibrated needs";
    }
    return refusal;
  }

 private:
  struct Fitted {
    std::unique_ptr<OpModel> model;
    OpValues values;
  };

  KernelCost price(const Kernel& kernel, const DeviceSpec& device) const {
    KernelCost cost = roofline_->cost(kernel, device);
    const std::string op = op_of(kernel);
    if (op.empty() || kernel.operations == Flops(0)) {
      cost.outside_measured = !has_share(kernel, device);
      return cost;
    }
    const Fitted& fitted = fitted_for(op, device);
    const OpShape shape = as_stored(shape_of(kernel, op), *fitted.model, kernel);
    const OpTime time = fitted.model->time(shape, device, fitted.values.values);
    const double factor = kernel.kind == "attention_backward" ? kBackward : 1;
    const double busy = time.busy * factor;
    cost.math_seconds = busy;
    cost.memory_traffic =
        std::min(time.traffic * factor, busy * device.memory_bandwidth.as_double());
    cost.launch = launch_of(kernel, duration_from_seconds(time.launch), busy);
    cost.bound = time.bound();
    cost.floor_seconds = floor_of(kernel, op, shape, device);
    cost.outside_measured =
        is_outside(kernel) || shape.stored != 1 || !fitted.model->outside_measured(shape).empty();
    cost.transferred_from = fitted.values.transferred ? fitted.values.device : "";
    cost.why = explain(cost, time, fitted.model->details(shape, device, fitted.values.values),
                       fitted.values);
    return cost;
  }

  /// All that a price depends on, in few bytes. Devices of one name are one.
  static std::string key_of(const Kernel& kernel, const DeviceSpec& device) {
    std::string key = device.name + ' ' + kernel.kind;
    const auto add = [&key](std::int64_t number) {
      key.append(reinterpret_cast<const char*>(&number), sizeof number);
    };
    add(static_cast<std::int64_t>(kernel.precision));
    add(kernel.unit == MathUnit::matrix ? 1 : 0);
    add(std::bit_cast<std::int64_t>(kernel.operations.as_double()));
    add(kernel.read.count());
    add(kernel.written.count());
    add(kernel.host.count());
    for (const Kernel::Dimension& dimension : kernel.shape) {
      key += dimension.name;
      add(dimension.size);
    }
    return key;
  }

  static std::string op_of(const Kernel& kernel) {
    if (kernel.kind == "linear_recurrence") return "gated_delta_net";
    if (kernel.unit != MathUnit::matrix) return {};
    if (kernel.kind == "gemm") return "gemm";
    if (kernel.kind == "attention" || kernel.kind == "attention_backward") {
      return "context_attention";
    }
    return kernel.kind == "attention_decode" ? "generation_attention" : "";
  }

  const Fitted& fitted_for(const std::string& op, const DeviceSpec& device) const {
    Fitted& fitted = fitted_[{op, device.name}];
    if (fitted.model == nullptr) {
      fitted.model = models_.find(op)->make();
      fitted.values = values_for(op, *fitted.model, device, calibrations_);
    }
    return fitted;
  }

  /// Average keys of a query, from the operations: causal, with a window, packed, after a cache.
  static std::int64_t attended(const Kernel& kernel, std::int64_t queries) {
    const std::int64_t head = size_of(kernel, "head_size", 1);
    const double width = static_cast<double>(head + size_of(kernel, "value_size", head));
    const double rows = static_cast<double>(size_of(kernel, "batch", 1)) *
                        static_cast<double>(size_of(kernel, "heads", 1)) *
                        static_cast<double>(queries);
    const double backward = kernel.kind == "attention_backward" ? kBackward : 1;
    return std::max<std::int64_t>(
        1, static_cast<std::int64_t>(kernel.operations.as_double() / (2 * rows * width * backward) +
                                     0.5));
  }

  static OpShape shape_of(const Kernel& kernel, const std::string& op) {
    OpShape shape{kernel.precision, {}};
    if (op == "gemm") {
      for (const char* name : {"m", "n", "k", "batch"}) {
        shape.sizes.push_back(std::max<std::int64_t>(1, size_of(kernel, name, 1)));
      }
      return shape;
    }
    const std::int64_t queries = size_of(kernel, "queries", size_of(kernel, "sequence", 1));
    const std::int64_t keys = size_of(kernel, "keys", queries);
    const std::int64_t head = size_of(kernel, "head_size", 1);
    const std::int64_t value = size_of(kernel, "value_size", head);
    const std::int64_t batch = size_of(kernel, "batch", 1);
    const std::int64_t heads = size_of(kernel, "heads", 1);
    const std::int64_t kv_heads = size_of(kernel, "kv_heads", heads);
    if (op == "gated_delta_net") {
      const std::int64_t recurrence = 2;  // of the op's kernels
      shape.sizes = {recurrence, batch, 1, kv_heads, head, kv_heads, value, 4};
      return shape;
    }
    if (op == "generation_attention") {
      shape.sizes = {batch, keys, heads, kv_heads, head, value, 0, 0};
    } else {
      shape.sizes = {batch, queries, heads,          kv_heads,
                     head,  value,   keys - queries, attended(kernel, queries),
                     0};
    }
    return shape;
  }

  /// The shape, with what the kernel moves besides it or less: weights and caches of fewer bits.
  static OpShape as_stored(OpShape shape, const OpModel& model, const Kernel& kernel) {
    const double storable = model.storable(shape);
    const double more = (kernel.read + kernel.written).as_double() - model.work(shape).bytes;
    if (more < 0 && storable > 0) shape.stored = std::max(0.0, 1 + more / storable);
    shape.besides = std::max(0.0, more);
    return shape;
  }

  /// Of a product the left operand may be in the L2 cache.
  static double floor_of(const Kernel& kernel, const std::string& op, const OpShape& shape,
                         const DeviceSpec& device) {
    double bytes = (kernel.read + kernel.written).as_double();
    if (op == "gemm") {
      const double left = element_bytes(kernel.precision) * static_cast<double>(shape.sizes[0]) *
                          static_cast<double>(shape.sizes[2]) * static_cast<double>(shape.sizes[3]);
      bytes -= std::min(left, device.l2.as_double());
    }
    return std::max(kernel.operations.as_double() / device.peak_of(kernel.precision)->as_double(),
                    std::max(0.0, bytes) / device.memory_bandwidth.as_double());
  }

  /// Whether the catalogue says what share of the bandwidth kernels of this kind reach.
  static bool has_share(const Kernel& kernel, const DeviceSpec& device) {
    const auto at = std::find(kMemoryKinds.begin(), kMemoryKinds.end(), kernel.kind);
    return at != kMemoryKinds.end() &&
           device.kind_efficiency.at(static_cast<std::size_t>(at - kMemoryKinds.begin()));
  }

  static bool is_outside(const Kernel& kernel) {
    const bool measured_format =
        kernel.precision == Precision::bf16 || kernel.precision == Precision::fp16;
    return !measured_format || kernel.kind == "attention_backward";
  }

  static std::string explain(const KernelCost& cost, const OpTime& time, const std::string& details,
                             const OpValues& values) {
    char text[300];
    std::snprintf(text, sizeof text,
                  "%s-bound: math %.3g us, memory %.3g us, launch %.3g us%s%s; figures of %s%s",
                  std::string(to_string(cost.bound)).c_str(), time.math * 1e6, time.memory * 1e6,
                  to_seconds(cost.launch) * 1e6, details.empty() ? "" : "; ", details.c_str(),
                  values.device.empty() ? "nobody" : values.device.c_str(),
                  values.transferred ? ", scaled" : "");
    return text;
  }

  std::unique_ptr<CostModel> roofline_;
  std::vector<Calibration> calibrations_;
  Registry<OpModelFactory> models_ = builtin_op_models();
  mutable std::map<std::pair<std::string, std::string>, Fitted> fitted_;  // by op and device
  mutable std::unordered_map<std::string, KernelCost> prices_;            // by key_of
};

}  // namespace

std::unique_ptr<CostModel> make_calibrated(JsonCursor parameters, const CostSite& site) {
  return with_stages(std::make_unique<Calibrated>(
      make_roofline(parameters, site),
      site.calibrations == nullptr ? std::vector<Calibration>{} : *site.calibrations));
}

}  // namespace orrery
