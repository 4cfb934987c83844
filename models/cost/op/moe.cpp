#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

enum Parameter : std::size_t { math_efficiency, memory_efficiency, launch, padding, spread };
constexpr std::array<OpParameter, 5> kParameters = {{
    {"math_efficiency", 0.02, 1, 0.4, 0, "share of the device's peak in the experts' products"},
    {"memory_efficiency", 0.05, 1, 0.6, 0, "share of the memory's bandwidth"},
    {"launch_us", 1, 200, 30, 0, "of all kernels together: routing, sorting, products, sum"},
    {"padding_rows", 0.5, 256, 16, 0, "rows that each active expert computes in vain"},
    {"spread", 0.05, 2, 0.7, 0, "of tokens over experts: 1 as if drawn evenly, less when skewed"},
}};
constexpr std::array<OpSize, 7> kSizes = {{{"num_tokens", {}},
                                           {"hidden_size", {}},
                                           {"inter_size", {}},
                                           {"topk", {}},
                                           {"num_experts", {}},
                                           {"moe_tp_size", 1},
                                           {"moe_ep_size", 1}}};

/// A layer of experts on one rank: the product to 2 x inter/tp (gate and up), their activation, and
/// the product back, of the topk x tokens rows that its experts/ep experts get (fused_moe of SGLang
/// and vLLM: one kernel a product, blocks by expert).
///
///   active   experts x (1 - exp(-spread x rows / experts)) of those here
///   product  max(2 (rows + padding x active) n k / (efficiency x peak),
///                (active x n k + rows (n + k)) element / (efficiency x bandwidth))
///   time     launch + both products
///
/// Leaves out: waves, the slowest core under skew (`spread` stands for both on average).
class Moe final : public OpModel {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return kParameters; }

  Work work(const OpShape& shape) const override {
    const Sizes s(shape);
    return {2 * s.rows * 3 * s.hidden * s.inter,
            s.element *
                (3 * std::min(s.rows, s.experts) * s.hidden * s.inter + s.tokens * 2 * s.hidden)};
  }

  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    const Sizes s(shape);
    const double peak = core_rate(device, shape.precision) * static_cast<double>(device.cores);
    const double bandwidth = device.memory_bandwidth.as_double();
    const double active = std::min(
        s.experts, std::max(1.0, s.experts * -std::expm1(-values[spread] * s.rows / s.experts)));
    OpTime time;
    time.launch = values[launch] * 1e-6;
    const auto add = [&](double n, double k) {
      const double math =
          2 * (s.rows + values[padding] * active) * n * k / (peak * values[math_efficiency]);
      const double bytes = s.element * (active * n * k + s.rows * (n + k));
      const double memory = bytes / (bandwidth * values[memory_efficiency]);
      time.math += math;
      time.memory += memory;
      time.traffic += bytes;
      time.busy += std::max(math, memory);
    };
    add(2 * s.inter, s.hidden);
    add(s.hidden, s.inter);
    return time;
  }

 private:
  struct Sizes {
    double tokens, hidden, inter, experts, rows, element;
    explicit Sizes(const OpShape& shape)
        : tokens(static_cast<double>(shape.sizes[0])),
          hidden(static_cast<double>(shape.sizes[1])),
          inter(static_cast<double>(shape.sizes[2]) / static_cast<double>(shape.sizes[5])),
          experts(std::max(
              1.0, static_cast<double>(shape.sizes[4]) / static_cast<double>(shape.sizes[6]))),
          rows(tokens * static_cast<double>(shape.sizes[3]) / static_cast<double>(shape.sizes[6])),
          element(element_bytes(shape.precision)) {}
  };
};

}  // namespace

std::unique_ptr<OpModel> make_moe_op() {
  return std::make_unique<Moe>();
}

}  // namespace orrery
