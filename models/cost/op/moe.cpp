#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

// SGLang and vLLM, fused_moe.py, get_default_config: rows of a block while there are no more tokens
// than experts, and beyond; columns of the output and of the inner dimension.
constexpr double kFewRows = 16;
constexpr double kManyRows = 64;
constexpr double kColumns = 64;
constexpr double kDepth = 32;
constexpr double kVector = 16;       // elements
constexpr double kMostLoaded = 0.8;  // share of the tokens, below
constexpr int kQuantiles = 64;
constexpr double kDrawnSkew = 1;  // of the loads that aiconfigurator draws, below

// Numbers of experts, and widths of a rank's part of one, of which the library has a file of tuned
// blocks for the device (SGLang, fused_moe_triton/configs; recalled: that such files decide. Which
// shapes have one shows in the measured times: they are of two kinds, and nothing lies between).
struct Tuned {
  double experts, width;
  bool warp_groups;  // only for devices that have them
};
constexpr std::array<Tuned, 8> kTuned = {{{8, 1792, false},
                                          {8, 2048, false},
                                          {8, 3584, false},
                                          {8, 4096, false},
                                          {8, 7168, false},
                                          {128, 192, true},
                                          {128, 384, true},
                                          {128, 768, true}}};

enum Parameter : std::size_t {
  math_efficiency,
  few_efficiency,
  memory_efficiency,
  launch,
  skew,
  blend,
  tuned_gain,
  odd_share
};
constexpr std::array<OpParameter, 8> kParameters = {{
    {"math_efficiency", 0.02, 1, 0.4, Carried::same,
     "share of the device's peak, blocks of 64 rows"},
    {"few_efficiency", 0.005, 1, 0.3, Carried::same, "share of it, blocks of 16 rows"},
    {"memory_efficiency", 0.05, 1, 0.7, Carried::memory_share, "share of the memory's bandwidth"},
    {"launch_us", 1, 1000, 50, Carried::same, "of all kernels: routing, sorting, products, sum"},
    {"skew", 0.02, 3, 0.7, Carried::same, "of rows over experts; 0: evenly"},
    {"blend", 1, 16, 2, Carried::same, "exponent by which math and memory of a product add up"},
    {"tuned_gain", 1, 4, 1.4, Carried::same,
     "times the efficiency, with blocks tuned for the shape"},
    {"odd_share", 0.2, 1, 0.6, Carried::same,
     "of the rates, where a rank's part is no multiple of 16 wide"},
}};
constexpr std::array<OpSize, 7> kSizes = {{{"num_tokens", {}},
                                           {"hidden_size", {}},
                                           {"inter_size", {}},
                                           {"topk", {}},
                                           {"num_experts", {}},
                                           {"moe_tp_size", 1},
                                           {"moe_ep_size", 1}}};

/// A layer of experts on one rank: the product to 2 x inter/tp (gate and up), their activation, the
/// product back, and the sum over the experts of a token, of the topk x tokens rows that its
/// experts/ep experts get (fused_moe of SGLang and vLLM: one kernel a product, blocks by expert).
///
///   load     rows of an expert: mean x L^(skew u) / its mean over u in (0, 1), L = 0.8 tokens.
///            That is how aiconfigurator draws a power law with an exponent near 1
///            (collector/helper.py, power_law_logits_v3; recalled), skew 1
///   active   experts that get a row: the sum of 1 - exp(-load)
///   padded   rows in whole blocks: 16 a block while tokens <= experts, else 64
///   blocks   of a product: padded / block x n / 64, dealt to the cores one by one. The slowest
///   core
///            gets blocks / cores, rounded up; it sets the time
///   product  2 block x 64 k / (efficiency x rate of a core) for each block of the slowest core, k
///   in
///            whole 32, and (active x n k + rows (n + k)) element / (efficiency x bandwidth),
///            blended
///   tuned    the efficiency is tuned_gain times as high where the library has blocks for the
///   shape,
///            at most 1
///   odd      a product takes 1/odd_share as long where inter/tp is no multiple of 16: Triton loads
///            vectors only along strides that it knows to be one
///   time     launch + both products + (3 rows inter/tp + rows hidden + tokens hidden) element /
///            (efficiency x bandwidth) for activation and sum
///
/// Leaves out: which blocks those are.
class Moe final : public OpModel {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return kParameters; }

  std::string refusal(const OpShape& shape) const override {
    const std::int64_t topk = shape.sizes[3];
    const std::int64_t experts = shape.sizes[4];
    const auto at_most = [&](const char* name, std::int64_t got) {
      return std::string(name) + ": expected at most num_experts (" + std::to_string(experts) +
             "), got " + std::to_string(got);
    };
    if (topk > experts) return at_most("topk", topk);
    if (shape.sizes[6] > experts) return at_most("moe_ep_size", shape.sizes[6]);
    const std::string uneven = divides("num_experts", experts, "moe_ep_size", shape.sizes[6]);
    return uneven.empty() ? divides("inter_size", shape.sizes[2], "moe_tp_size", shape.sizes[5])
                          : uneven;
  }

  Work work(const OpShape& shape) const override {
    const Sizes s(shape);
    const double active = loads_of(s, 1, kDrawnSkew).active;
    return {2 * s.rows * 3 * s.hidden * s.inter,
            s.element * (3 * active * s.hidden * s.inter + s.tokens * 2 * s.hidden)};
  }

  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    const Sizes s(shape);
    const bool few = s.tokens <= s.all_experts;
    const double block = few ? kFewRows : kManyRows;
    const Loads loads = loads_of(s, block, values[skew]);
    const double odd = std::fmod(s.inter, kVector) == 0 ? 1 : values[odd_share];
    const double rate = odd * core_rate(device, shape.precision) *
                        std::min(1.0, values[few ? few_efficiency : math_efficiency] *
                                          (is_tuned(s, device) ? values[tuned_gain] : 1));
    const double bandwidth = device.memory_bandwidth.as_double() * values[memory_efficiency];
    OpTime time;
    time.launch = values[launch] * 1e-6;
    const auto add = [&](double n, double k) {
      const double blocks = loads.padded / block * std::ceil(n / kColumns);
      const double of_slowest = std::ceil(blocks / static_cast<double>(device.cores));
      const double math = of_slowest * 2 * block * kColumns * std::ceil(k / kDepth) * kDepth / rate;
      const double bytes = s.element * (loads.active * n * k + s.rows * (n + k));
      const double memory = bytes / (odd * bandwidth);
      time.math += math;
      time.memory += memory;
      time.traffic += bytes;
      const double p = values[blend];
      time.busy += std::pow(std::pow(math, p) + std::pow(memory, p), 1 / p);
    };
    add(2 * s.inter, s.hidden);
    add(s.hidden, s.inter);
    const double others =
        s.element * (s.rows * 3 * s.inter + s.rows * s.hidden + s.tokens * s.hidden);
    time.memory += others / bandwidth;
    time.traffic += others;
    time.busy += others / bandwidth;
    return time;
  }

 private:
  struct Sizes {
    double tokens, hidden, inter, all_experts, experts, rows, element;
    explicit Sizes(const OpShape& shape)
        : tokens(at(shape, 0)),
          hidden(at(shape, 1)),
          inter(at(shape, 2) / at(shape, 5)),
          all_experts(at(shape, 4)),
          experts(std::max(1.0, at(shape, 4) / at(shape, 6))),
          rows(tokens * at(shape, 3) / at(shape, 6)),
          element(element_bytes(shape.precision)) {}
    static double at(const OpShape& shape, std::size_t index) {
      return static_cast<double>(shape.sizes[index]);
    }
  };
  static bool is_tuned(const Sizes& s, const DeviceSpec& device) {
    return std::any_of(kTuned.begin(), kTuned.end(), [&](const Tuned& tuned) {
      return tuned.experts == s.all_experts && tuned.width == s.inter &&
             (!tuned.warp_groups || has_warp_groups(device));
    });
  }

  struct Loads {
    double active = 0;  // experts with a row
    double padded = 0;  // rows, in whole blocks
  };

  static Loads loads_of(const Sizes& s, double block, double skewed) {
    const double most = std::log(std::max(2.0, kMostLoaded * s.tokens)) * skewed;
    const auto relative = [&](int i) { return std::exp(most * (i + 0.5) / kQuantiles); };
    double mean = 0;
    for (int i = 0; i < kQuantiles; ++i) mean += relative(i) / kQuantiles;
    Loads loads;
    for (int i = 0; i < kQuantiles; ++i) {
      const double load = s.rows / s.experts * relative(i) / mean;
      const double there = -std::expm1(-load) * s.experts / kQuantiles;
      loads.active += there;
      loads.padded += there * std::ceil(load / block) * block;
    }
    loads.active = std::clamp(loads.active, std::min(1.0, s.experts), std::max(1.0, s.rows));
    loads.padded = std::max(loads.padded, s.rows);
    return loads;
  }
};

}  // namespace

std::unique_ptr<OpModel> make_moe_op() {
  return std::make_unique<Moe>();
}

}  // namespace orrery
