#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
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
constexpr double kPartialSum = 2 * 4;  // bytes: each part is written and read once, in fp32

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

/// Matrix products by tiles and waves; everything else as the roofline prices it.
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
  explicit TiledRoofline(std::unique_ptr<CostModel> roofline) : roofline_(std::move(roofline)) {}

  KernelCost cost(const Kernel& kernel, const DeviceSpec& device) const override {
    KernelCost cost = roofline_->cost(kernel, device);
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

  std::string refusal(const Kernel& kernel, const DeviceSpec& device) const override {
    const std::string refusal = roofline_->refusal(kernel, device);
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
};

}  // namespace

std::unique_ptr<CostModel> make_tiled_roofline(JsonCursor parameters, const CostSite& site) {
  return with_stages(std::make_unique<TiledRoofline>(make_roofline(parameters, site)));
}

}  // namespace orrery
