#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "models/cost/builtin.hpp"

namespace orrery {
namespace {

/// Output tiles of one thread block, rows x columns; a library takes what suits the shape.
struct Tile {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};
constexpr std::array<Tile, 11> kTiles = {{{256, 128},
                                          {128, 256},
                                          {128, 128},
                                          {64, 128},
                                          {128, 64},
                                          {64, 64},
                                          {64, 32},
                                          {32, 64},
                                          {16, 64},
                                          {64, 16},
                                          {32, 32}}};
/// Into how many parts the inner dimension may be cut when there are fewer tiles than cores.
constexpr std::array<std::int64_t, 5> kSplits = {1, 2, 4, 8, 16};
/// Attention in blocks: FlashAttention-2's of 128 queries (its forward pass at head size 128,
/// flash_fwd_launch_template.h, recalled), and what starting and ending one takes, in keys.
constexpr double kBlock = 128;
constexpr double kStart = 70;  // derived: (block_us + rows_us) over the time of a key in a block,
                               // of hw/calibration/a100_sxm_80gb.json, context_attention
constexpr double kBackward = 2.5;      // operations over forward, as workloads count them
constexpr double kPartialSum = 2 * 4;  // bytes: each part is written and read once, in fp32

enum class AttentionBy : unsigned char { rate, blocks };

std::int64_t quotient_up(std::int64_t dividend, std::int64_t divisor) {
  return (dividend + divisor - 1) / divisor;
}

struct Shape {
  std::int64_t batch = 1;
  std::int64_t m = 1;
  std::int64_t n = 1;
  std::int64_t k = 1;
};

Shape shape_of(const Kernel& kernel) {
  Shape shape;
  for (const Kernel::Dimension& dimension : kernel.shape) {
    (dimension.name == "batch" ? shape.batch
     : dimension.name == "m"   ? shape.m
     : dimension.name == "n"   ? shape.n
                               : shape.k) = std::max<std::int64_t>(1, dimension.size);
  }
  return shape;
}

std::int64_t size_of(const Kernel& kernel, std::string_view name, std::int64_t fallback) {
  for (const Kernel::Dimension& dimension : kernel.shape) {
    if (dimension.name == name) return dimension.size;
  }
  return fallback;
}

/// FlashAttention by blocks of queries (of keys in the backward pass), as seconds of the device at
/// the rate that it reaches inside a block, "efficiency": {"attention"}:
///
///   block   128 rows x (keys of a row on average + 64 under a causal mask + start) x 4 head size
///   time    max(blocks / cores x block + longest / 2, longest)
///
/// Under a causal mask the tile on the diagonal is computed whole, half of it for nothing, and the
/// longest block is twice the average one. Of list scheduling's end, between the average and one
/// longest block more (Graham 1969, SIAM J. Appl. Math. 17(2)), the middle is taken. Of packed rows
/// half a block is empty in each sequence. Leaves out: thread blocks that share a core.
double attention_seconds(const Kernel& kernel, const DeviceSpec& device) {
  const bool is_backward = kernel.kind == "attention_backward";
  const auto size = [&kernel](std::string_view name, std::int64_t fallback) {
    return static_cast<double>(size_of(kernel, name, fallback));
  };
  const double queries = size("queries", 1);
  const double keys = size("keys", 1);
  const double rows = is_backward ? keys : queries;
  const double across = is_backward ? queries : keys;
  const double width = size("batch", 1) * size("heads", 1);
  const double per_pair = 4 * size("head_size", 1) * (is_backward ? kBackward : 1);
  const double mean = kernel.operations.as_double() / (per_pair * width * rows);
  const bool is_causal = size_of(kernel, "causal", 0) != 0;
  const double packed = size("packed", 1);
  const double blocks =
      width * (packed > 1 ? rows / kBlock + packed / 2 : std::ceil(rows / kBlock));
  const double block = mean + (is_causal ? kBlock / 2 : 0) + kStart;
  const double longest = (is_causal ? std::min(across, 2 * mean) : mean) + kStart;
  const auto cores = static_cast<double>(device.cores);
  const double rate =
      device.peak_of(kernel.precision)->as_double() * device.attention_efficiency / cores;
  return std::max(blocks / cores * block + longest / 2 * std::min(1.0, blocks / cores), longest) *
         kBlock * per_pair / rate;
}

/// Matrix products by tiles and waves, and with "attention": "blocks" fused attention over blocks
/// of queries and keys (attention_seconds); everything else as the roofline prices it.
///
///   waves      ceil(tiles of the output x parts of the inner dimension / cores)
///   math       waves x 2 x rows x columns x (k / parts + fill_depth) / (efficiency x peak / cores)
///   operands   waves x (rows + columns) x k / parts x element / (L2 bandwidth / cores)
///   partial    parts x m x n x 8 B / memory bandwidth, when there is more than one part
///   time       launch + max(math, operands, bytes / memory bandwidth) + partial
///
/// with the tile and the number of parts that take least. Waves and tiles are exact (NVIDIA, Matrix
/// Multiplication Background User's Guide, "Tile Quantization" and "Wave Quantization"); the five
/// figures of the device's "gemm" are fitted to measured products. Leaves out: what a library's
/// choice loses against the best tile, the clock falling under load, reuse in L2 between waves.
class TiledRoofline final : public CostModel {
 public:
  TiledRoofline(std::unique_ptr<CostModel> roofline, AttentionBy attention)
      : roofline_(std::move(roofline)), attention_(attention) {}

  KernelCost cost(const Kernel& kernel, const DeviceSpec& device) const override {
    KernelCost cost = roofline_->cost(kernel, device);
    if (is_in_blocks(kernel)) price_attention(cost, kernel, device);
    if (!is_product(kernel)) return cost;
    const Shape shape = shape_of(kernel);
    const GemmSpec& gemm = *device.gemm;
    const double bandwidth = device.memory_bandwidth.as_double() * gemm.memory_efficiency;
    const double bytes = (kernel.read + kernel.written).as_double();
    const Choice best = fastest(kernel, shape, device, bytes / bandwidth);
    cost.math_seconds = best.busy + best.partial;
    cost.memory_traffic =
        bytes / gemm.memory_efficiency + best.partial * device.memory_bandwidth.as_double();
    const double memory_seconds = bytes / bandwidth + best.partial;
    const double busy = std::max(cost.math_seconds, memory_seconds);
    cost.launch = launch_of(kernel, gemm.launch, busy);
    cost.bound = to_seconds(cost.launch) >= busy       ? Bound::launch
                 : cost.math_seconds >= memory_seconds ? Bound::math
                                                       : Bound::memory;
    const bool was_measured =
        kernel.precision == Precision::bf16 || kernel.precision == Precision::fp16;
    cost.outside_measured = shape.batch > 1 || !was_measured;
    cost.why = explain(cost, memory_seconds, best);
    return cost;
  }

  /// One that begins with a pointer is shown there, and not at the precision.
  std::string refusal(const Kernel& kernel, const DeviceSpec& device) const override {
    const std::string refusal = roofline_->refusal(kernel, device);
    if (refusal.empty() && attention_ == AttentionBy::blocks && is_attention(kernel) &&
        !is_in_blocks(kernel)) {
      return "/cost/attention: \"blocks\" needs kernels that say their queries and keys, those of "
             "sequence parallelism";
    }
    if (refusal.empty() && is_in_blocks(kernel) && device.cores <= 0) {
      return device.name + " has no \"cores\", which attention in blocks needs";
    }
    if (refusal.empty() && is_product(kernel) && !device.gemm) {
      return device.name + " has no \"gemm\" figures, which the cost model tiled_roofline needs";
    }
    return refusal;
  }

 private:
  struct Choice {
    Tile tile;
    std::int64_t parts = 1;
    std::int64_t waves = 1;
    double busy = std::numeric_limits<double>::infinity();  // seconds in the cores
    double partial = 0;                                     // seconds for the sums of the parts
  };

  static bool is_product(const Kernel& kernel) {
    return kernel.kind == "gemm" && kernel.unit == MathUnit::matrix;
  }

  static bool is_attention(const Kernel& kernel) {
    return kernel.unit == MathUnit::matrix &&
           (kernel.kind == "attention" || kernel.kind == "attention_backward");
  }

  /// Of blocks of queries and keys; other kinds of attention say other sizes.
  bool is_in_blocks(const Kernel& kernel) const {
    return attention_ == AttentionBy::blocks && is_attention(kernel) &&
           size_of(kernel, "queries", 0) > 0 && size_of(kernel, "keys", 0) > 0;
  }

  static void price_attention(KernelCost& cost, const Kernel& kernel, const DeviceSpec& device) {
    cost.math_seconds = attention_seconds(kernel, device);
    const double memory_seconds = cost.memory_traffic / device.memory_bandwidth.as_double();
    const double busy = std::max(cost.math_seconds, memory_seconds);
    cost.launch = launch_of(kernel, device.kernel_launch, busy);
    cost.bound = to_seconds(cost.launch) >= busy       ? Bound::launch
                 : cost.math_seconds >= memory_seconds ? Bound::math
                                                       : Bound::memory;
    std::array<char, 160> text{};
    std::snprintf(text.data(), text.size(),
                  "%s-bound: attention in blocks of %.0f: math %.3g us, memory %.3g us, launch "
                  "%.3g us",
                  std::string(to_string(cost.bound)).c_str(), kBlock, cost.math_seconds * 1e6,
                  memory_seconds * 1e6, to_seconds(cost.launch) * 1e6);
    cost.why = text.data();
  }

  static Choice fastest(const Kernel& kernel, const Shape& shape, const DeviceSpec& device,
                        double memory_seconds) {
    Choice best;
    double least = std::numeric_limits<double>::infinity();
    for (const Tile tile : kTiles) {
      for (const std::int64_t parts : kSplits) {
        const Choice choice = price(kernel, shape, device, tile, parts);
        const double seconds = std::max(choice.busy, memory_seconds) + choice.partial;
        if (seconds < least) {
          least = seconds;
          best = choice;
        }
      }
    }
    return best;
  }

  static Choice price(const Kernel& kernel, const Shape& shape, const DeviceSpec& device,
                      const Tile tile, std::int64_t parts) {
    const GemmSpec& gemm = *device.gemm;
    const auto cores = static_cast<double>(device.cores);
    const auto size = [](std::int64_t number) { return static_cast<double>(number); };
    Choice choice{.tile = tile, .parts = parts};
    const double blocks = size(quotient_up(shape.m, tile.rows)) *
                          size(quotient_up(shape.n, tile.columns)) * size(shape.batch) *
                          size(parts);
    const double waves = std::ceil(blocks / cores);
    choice.waves = static_cast<std::int64_t>(waves);
    const double depth = size(quotient_up(shape.k, parts));
    const double rate = device.peak_of(kernel.precision)->as_double() * gemm.efficiency / cores;
    const double area = size(tile.rows) * size(tile.columns);
    const double math = waves * 2 * area * (depth + size(gemm.fill_depth)) / rate;
    const double element = storage(kernel.precision, 2).as_double() / 2;
    const double operands = waves * size(tile.rows + tile.columns) * depth * element /
                            (gemm.l2_bandwidth.as_double() / cores);
    choice.busy = std::max(math, operands);
    if (parts > 1) {
      choice.partial = kPartialSum * size(shape.m) * size(shape.n) * size(shape.batch) *
                       size(parts) / (device.memory_bandwidth.as_double() * gemm.memory_efficiency);
    }
    return choice;
  }

  static std::string explain(const KernelCost& cost, double memory_seconds, const Choice& choice) {
    std::array<char, 200> text{};
    std::snprintf(text.data(), text.size(),
                  "%s-bound: %lld waves of %lldx%lld tiles, %lld parts: math %.3g us, memory %.3g "
                  "us, launch %.3g us",
                  std::string(to_string(cost.bound)).c_str(), static_cast<long long>(choice.waves),
                  static_cast<long long>(choice.tile.rows),
                  static_cast<long long>(choice.tile.columns), static_cast<long long>(choice.parts),
                  cost.math_seconds * 1e6, memory_seconds * 1e6, to_seconds(cost.launch) * 1e6);
    return text.data();
  }

  std::unique_ptr<CostModel> roofline_;
  AttentionBy attention_;
};

}  // namespace

std::unique_ptr<CostModel> make_tiled_roofline(JsonCursor parameters, const CostSite& site) {
  JsonCursor attention = parameters.find("attention");
  const bool in_blocks = attention.present() && attention.as_choice({"rate", "blocks"}) == "blocks";
  return with_stages(std::make_unique<TiledRoofline>(
      make_roofline(parameters, site), in_blocks ? AttentionBy::blocks : AttentionBy::rate));
}

}  // namespace orrery
