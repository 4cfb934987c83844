#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

/// Rows x columns of the output that one thread block makes.
struct Tile {
  double rows = 0;
  double columns = 0;
};

// Tile shapes that the libraries choose from (assumed: recalled from the names of cuBLAS kernels).
// Warp-group products (Hopper on) take widths between the powers of two as well.
constexpr std::array<Tile, 28> kTiles = {
    {{256, 128}, {128, 256}, {128, 128}, {64, 256},  {256, 64},  {64, 128},  {128, 64},
     {64, 64},   {64, 32},   {32, 64},   {32, 128},  {16, 64},   {64, 16},   {32, 32},
     {16, 128},  {16, 32},   {32, 16},   {128, 192}, {192, 128}, {256, 192}, {64, 192},
     {128, 96},  {64, 96},   {128, 160}, {64, 160},  {128, 32},  {64, 8},    {16, 256}}};
constexpr std::size_t kOlderTiles = 17;
constexpr std::array<double, 8> kParts = {1, 2, 3, 4, 6, 8, 12, 16};
constexpr double kStepBytes = 128;  // of a row of the inner dimension, that a block takes at once
constexpr double kLargestTile = 256 * 128;
constexpr double kStartBytes = 4e6;  // about what is in flight to keep the memory busy (assumed)
constexpr double kWarmRamp = 1;  // over so many times what stays the rest comes to be read again

enum Parameter : std::size_t {
  math_efficiency,
  step_ns,
  operand_rate,
  store_rate,
  memory_efficiency,
  memory_start,
  launch,
  part,
  vector_part,
  small_tile,
  warm,
  blend
};
constexpr std::array<OpParameter, 12> kParameters = {{
    {"math_efficiency", 0.3, 1, 0.9, Carried::same,
     "share of a core's peak inside the largest tile"},
    {"step_ns", 10, 2000, 150, Carried::core_time,
     "least time of a step of 128 B of the inner dimension"},
    {"operand_GBps", 5, 1000, 70, Carried::core_rate, "operands that reach one core"},
    {"store_GBps", 2, 500, 20, Carried::core_rate, "results that leave one core, not overlapped"},
    {"memory_efficiency", 0.3, 1, 0.8, Carried::memory_share, "share of the memory's bandwidth"},
    {"memory_start_us", 0.01, 5, 0.5, Carried::cycles, "until the memory is busy"},
    {"launch_us", 0.5, 20, 2.7, Carried::launch, "around everything else"},
    {"part_us", 0.1, 20, 2.5, Carried::same, "for adding up parts of the inner dimension"},
    {"vector_part", 0.05, 1, 0.6, Carried::same,
     "share of part_us that a matrix-vector product pays"},
    {"small_tile", 0.001, 0.9, 0.1, Carried::same,
     "share of the peak that the smallest tiles lose"},
    {"warm", 0.05, 1, 0.5, Carried::same, "share of the L2 cache in which the left operand stays"},
    {"blend", 1, 16, 4, Carried::same, "exponent by which cores and memory add up"},
}};
constexpr std::array<OpSize, 4> kSizes = {{{"m", {}}, {"n", {}}, {"k", {}}, {"batch", 1}}};

/// C (m, n) = A (m, k) B (k, n), `batch` times, by tiles.
///
///   waves    ceil(tiles x parts / cores)
///   step     of the inner dimension, per element and tile: the larger of
///            2 rows columns / (efficiency of the tile x rate of a core) and
///            (rows + columns) element / operand rate
///   core     max(waves x depth x step, depth x least time of a step) + waves x tile / store rate
///   memory   bytes / (efficiency x bandwidth) + start; A from L2 where it fits there
///   time     launch + (core^p + memory^p)^(1/p), and for parts > 1: + part + partial sums / (2
///            bandwidth)
///
/// with the tile and the number of parts that take least, p the `blend`: where both take about as
/// long, neither hides the other wholly. The efficiency of a tile falls with its
/// area, by `small_tile` at most. A right operand that is stored in fewer bits (weights) is read
/// so, and turned into the precision of the product on the way for nothing. Waves and tiles:
/// NVIDIA, Matrix Multiplication Background User's Guide, "Tile Quantization" and "Wave
/// Quantization". Measured products repeat with the same A and other B (by their times): that A
/// stays in L2 as it would behind the kernel that made it. Leaves out: libraries' choices that are
/// not the best, the clock falling under load.
class Gemm final : public OpModel {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return kParameters; }

  std::string outside_measured(const OpShape& shape) const override {
    return shape.sizes[3] > 1 ? "several products at once" : "";
  }

  Work work(const OpShape& shape) const override {
    const Sizes s(shape);
    return {2 * s.m * s.n * s.k * s.batch,
            (s.element * (s.m * s.k + s.m * s.n) + s.right * s.k * s.n) * s.batch + shape.besides};
  }
  double storable(const OpShape& shape) const override {
    const Sizes s(shape);
    return s.element * s.k * s.n * s.batch;
  }
  std::string_view stored_as() const override { return "weights_dtype"; }

  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    return fastest(shape, device, values).time;
  }

  std::string details(const OpShape& shape, const DeviceSpec& device,
                      std::span<const double> values) const override {
    const Choice best = fastest(shape, device, values);
    std::array<char, 140> text{};
    std::array<char, 40> sum{};
    if (best.parts > 1) {
      std::snprintf(sum.data(), sum.size(), " added up in %.3g us", best.sum * 1e6);
    }
    std::snprintf(text.data(), text.size(), "%.0fx%.0f tiles, %.0f part%s%s, %.0f wave%s",
                  best.tile.rows, best.tile.columns, best.parts, best.parts > 1 ? "s" : "",
                  sum.data(), best.waves, best.waves > 1 ? "s" : "");
    return text.data();
  }

 private:
  struct Sizes {
    double m, n, k, batch, element, right;  // bytes of an element of A and C, and of B
    explicit Sizes(const OpShape& shape)
        : m(static_cast<double>(shape.sizes[0])),
          n(static_cast<double>(shape.sizes[1])),
          k(static_cast<double>(shape.sizes[2])),
          batch(static_cast<double>(shape.sizes[3])),
          element(element_bytes(shape.precision)),
          right(element * shape.stored) {}
  };
  struct Choice {
    Tile tile;
    double parts = 1;
    double waves = 1;
    double sum = 0;  // seconds for adding up parts, of busy
    OpTime time;
  };

  static Choice fastest(const OpShape& shape, const DeviceSpec& device,
                        std::span<const double> values) {
    const Sizes s(shape);
    const double cores = static_cast<double>(device.cores);
    const double rate = core_rate(device, shape.precision);
    const double bandwidth = device.memory_bandwidth.as_double();
    const double left = s.element * s.m * s.k * s.batch;
    const double stays = values[warm] * device.l2.as_double();
    const double cold = stays > 0 ? std::clamp((left / stays - 1) / kWarmRamp, 0.0, 1.0) : 1.0;
    OpTime base;
    base.traffic =
        left * cold + (s.right * s.k * s.n + s.element * s.m * s.n) * s.batch + shape.besides;
    base.launch = values[launch] * 1e-6;
    base.memory = base.traffic / (bandwidth * values[memory_efficiency]) +
                  values[memory_start] * 1e-6 * std::min(1.0, base.traffic / kStartBytes);
    const double least_step = values[step_ns] * 1e-9 * s.element / kStepBytes;  // per element of k
    const double add = values[part] * 1e-6 * (s.m == 1 ? values[vector_part] : 1);
    Choice best;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t t = 0; t < tiles_of(device); ++t) {
      const Tile tile = kTiles[t];
      const double area = tile.rows * tile.columns;
      const double efficiency = values[math_efficiency] *
                                (1 - values[small_tile] * (1 - std::min(1.0, area / kLargestTile)));
      const double tiles = std::ceil(s.m / tile.rows) * std::ceil(s.n / tile.columns) * s.batch;
      const double math_step = 2 * area / (rate * efficiency);
      const double operands = tile.rows * s.element + tile.columns * s.right;
      const double step = std::max(math_step, operands / (values[operand_rate] * 1e9));
      const double store = area * s.element / (values[store_rate] * 1e9);
      for (const double parts : kParts) {
        const double depth = std::ceil(s.k / parts / 32) * 32;
        const double waves = std::ceil(tiles * parts / cores);
        const double core = std::max(waves * depth * step, depth * least_step) + waves * store;
        const double longer = std::max(core, base.memory);
        if (longer >= least) continue;
        const double share = std::min(core, base.memory) / longer;
        double busy = longer * std::pow(1 + std::pow(share, values[blend]), 1 / values[blend]);
        const double sum =
            parts > 1 ? add + 8 * s.m * s.n * s.batch * parts / (2 * bandwidth) : 0.0;
        busy += sum;
        if (busy >= least) continue;
        least = busy;
        best = {tile, parts, waves, sum, base};
        best.time.busy = busy;
        best.time.math = core;
        if (parts > 1) best.time.traffic = base.traffic + 4 * s.m * s.n * s.batch * parts;
      }
    }
    return best;
  }

  static std::size_t tiles_of(const DeviceSpec& device) {
    return has_warp_groups(device) ? kTiles.size() : kOlderTiles;
  }
};

}  // namespace

std::unique_ptr<OpModel> make_gemm_op() {
  return std::make_unique<Gemm>();
}

}  // namespace orrery
