#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hw/spec.hpp"
#include "models/cost/cost_model.hpp"
#include "sim/base/registry.hpp"

namespace orrery {

/// A named size of an op, as it heads a column of measured data: "m", "num_heads".
struct OpSize {
  std::string_view name;
  std::optional<std::int64_t> fallback{};       // when it is not given; none: it must be
  std::span<const std::string_view> choices{};  // for a name in place of a number: its index here
};

/// What is asked of an op model: one value for each of its sizes, in their order; the least is the
/// one that its fallback has, else 1.
struct OpShape {
  Precision precision = Precision::bf16;
  std::vector<std::int64_t> sizes;
  double stored = 1;   // bytes of what OpModel::storable counts, over those in `precision`
  double besides = 0;  // bytes moved besides operands and results: a sum that is added to
};

/// How a figure carries over from the device where it was fitted to another.
enum class Carried : unsigned char {
  same,          // as it is
  core_rate,     // grows with the rate of a core at the bf16 peak
  core_time,     // shrinks with it
  cycles,        // a latency of the chip, so many cycles of its clock
  launch,        // the same, but not below the device's kernel_launch
  memory_share,  // with the share of the bandwidth that the catalogue has for either device
};

/// A figure of an op model that measured times fix.
struct OpParameter {
  std::string_view name;  // ends in its unit: "launch_us"
  double lower = 0;       // physical bounds, inclusive; above 0
  double upper = 0;
  double start = 0;  // where a fit begins
  Carried carried = Carried::same;
  std::string_view about;  // what it is, for people
};

/// What an op takes on a device that it has for itself.
struct OpTime {
  double launch = 0;  // seconds in which neither math nor memory is busy
  double busy = 0;    // seconds in which its cores are
  double math = 0;    // of `busy`, what the arithmetic alone would take
  double memory = 0;  // of `busy`, what the traffic alone would take, at the peak bandwidth's share
  double traffic = 0;  // bytes between device memory and caches
  double seconds() const { return launch + busy; }
  Bound bound() const {
    if (launch >= busy) return Bound::launch;
    return memory >= math ? Bound::memory : Bound::math;
  }
};

/// A kind of kernel: its sizes × device × figures → time. Stateless.
class OpModel {
 public:
  virtual ~OpModel() = default;
  virtual std::span<const OpSize> sizes() const = 0;
  virtual std::span<const OpParameter> parameters() const = 0;
  /// The op whose parameters these are, where it has none of its own: its name, else "".
  virtual std::string_view fitted_as() const { return {}; }
  /// Requires a peak rate of the precision (rate_of), sizes in their range, and a value for each
  /// parameter, in their order. Every model: finite, above 0, deterministic.
  virtual OpTime time(const OpShape& shape, const DeviceSpec& device,
                      std::span<const double> values) const = 0;
  /// Operations and bytes that no implementation can do without; 2 operations a multiply-add.
  struct Work {
    double operations = 0;
    double bytes = 0;
  };
  virtual Work work(const OpShape& shape) const = 0;
  /// Bytes in `precision` of what may be stored in another format (OpShape::stored): the right
  /// operand of a product (weights), keys and values of attention. 0: there is nothing.
  virtual double storable(const OpShape&) const { return 0; }
  /// The column that names this format: "weights_dtype", "kv_cache_dtype"; "": none.
  virtual std::string_view stored_as() const { return {}; }
  /// Why there is no such kernel: "topk: expected at most num_experts (8), got 9"; "" when there
  /// is.
  virtual std::string refusal(const OpShape& shape) const;
  /// What of the shape nobody measured, so that the figures may not hold: "head_dim other than
  /// 128";
  /// "" when nothing.
  virtual std::string outside_measured(const OpShape& shape) const;
  /// One clause on how it runs: "128 x 256 tiles, 3 waves". "" when there is nothing to say.
  virtual std::string details(const OpShape& shape, const DeviceSpec& device,
                              std::span<const double> values) const;
};

using OpModelFactory = std::unique_ptr<OpModel> (*)();

/// Named as in `orrery cost DEVICE OP`: "gemm", "context_attention", ….
Registry<OpModelFactory> builtin_op_models();

/// Operations/s of one core at the peak of the precision. Requires that the device has one.
double core_rate(const DeviceSpec& device, Precision precision);
/// What moving bytes takes, at the share of the memory's bandwidth that the catalogue gives for
/// kernels of the kind (one of kMemoryKinds), else at nine tenths, and the device's kernel launch.
OpTime streamed(double bytes, const DeviceSpec& device, std::string_view kind);
/// One core's in bf16, in fp16 where it has no bf16, by which figures are scaled; none without
/// either or without cores.
std::optional<double> scaling_rate(const DeviceSpec& device);
/// The family that a catalogue's text on an architecture names by a word, wherever it stands:
/// "hopper" of "NVIDIA Hopper (GH100)"; "blackwell graphics" of one whose chip is a GB20x; else the
/// text.
std::string family_of(std::string_view architecture);
/// Whether its matrix pipes take products of groups of warps: Hopper and the Blackwell of data
/// centres, not that of graphics cards, which has Ada's. A family of NVIDIA's that we do not know
/// is taken for a newer one (assumed: it keeps them).
bool has_warp_groups(const DeviceSpec& device);
/// Whether query heads of a group, one query each, must be copied to stand beside each other: where
/// there are several groups and sequences (assumed: by measured times, where these stand apart).
bool regroups_heads(double heads, double kv_heads, double sequences);
/// "" when `whole` is a multiple of `part`, else what a refusal says of them.
std::string divides(std::string_view whole_name, std::int64_t whole, std::string_view part_name,
                    std::int64_t part);
/// The head size of the measured attention, and what is said of others.
inline constexpr std::int64_t kMeasuredHead = 128;
inline constexpr std::string_view kOtherHeads = "head sizes other than 128";
/// Bytes of one element; 0.5 for int4.
double element_bytes(Precision precision);

}  // namespace orrery
