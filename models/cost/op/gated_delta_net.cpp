#include <algorithm>
#include <array>
#include <cmath>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

constexpr std::array<std::string_view, 3> kKernels = {"causal_conv1d_fn", "causal_conv1d_update",
                                                      "fused_recurrent_gated_delta_rule"};
constexpr double kVector = 8;        // tokens: 16 bytes, which the convolution loads at once
constexpr double kWidest = 12'288;   // channels of the measured convolutions, at most
constexpr double kStateElement = 4;  // bytes: the state is kept in fp32

enum Parameter : std::size_t {
  convolution_launch,
  sequence_us,
  short_us,
  token_ns,
  update_launch,
  recurrence_launch,
  recurrence_efficiency
};
constexpr std::array<OpParameter, 7> kParameters = {{
    {"convolution_launch_us", 0.5, 50, 5, Carried::launch, "of the convolution over a prompt"},
    {"sequence_us", 0.01, 20, 2, Carried::core_time, "of it for each sequence"},
    {"short_us", 0.01, 20, 3, Carried::core_time, "of it for each sequence shorter than a vector"},
    {"token_ns", 0.1, 50, 3, Carried::core_time, "of it for each token, when these take longer"},
    {"update_launch_us", 0.5, 50, 4, Carried::launch, "of the convolution of one token"},
    {"recurrence_launch_us", 0.5, 50, 4, Carried::launch, "of the recurrence of one token"},
    {"recurrence_efficiency", 0.05, 1, 0.8, Carried::same, "share of the memory's bandwidth in it"},
}};
constexpr std::array<OpSize, 8> kSizes = {{{"kernel_source", {}, kKernels},
                                           {"batch_size", {}},
                                           {"seq_len", 1},
                                           {"num_k_heads", {}},
                                           {"head_k_dim", {}},
                                           {"num_v_heads", {}},
                                           {"head_v_dim", {}},
                                           {"d_conv", 4}}};

/// Kernels of a gated delta net (Yang, Kautz and Hatamizadeh 2024), each by the bytes that it
/// moves: the causal convolution of queries, keys and values for one token, and one step of the
/// recurrence, which reads and writes the state, key size x value size in fp32 for each value head.
/// Over a prompt the measured convolution takes the same whatever the width of its row: it goes by
/// sequences and tokens, and longer where a sequence is shorter than the vector it loads. That is
/// up to five times faster than memory could move the row's width: what was measured cannot have
/// had it. The model follows the measured times up to the widest measured row, and
/// outside_measured() says so; wider convolutions, and that of one token, are not faster than their
/// bytes at the share of the bandwidth that the catalogue has (memory_efficiency). Nothing is
/// faster than its operations at the fp32 peak. Leaves out: the chunked rule over a prompt, of
/// which nothing was measured.
class GatedDeltaNet final : public OpModel {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return kParameters; }

  std::string refusal(const OpShape& shape) const override {
    if (shape.sizes[0] == 0 || shape.sizes[2] == 1) return {};
    return "seq_len: expected 1, as " +
           std::string(kKernels[static_cast<std::size_t>(shape.sizes[0])]) +
           " takes one token, got " + std::to_string(shape.sizes[2]);
  }
  std::string outside_measured(const OpShape& shape) const override {
    if (shape.sizes[0] != 2) {
      return "the convolution's width, as the measured times are the same at every width";
    }
    const bool measured = shape.sizes[4] == kMeasuredHead && shape.sizes[6] == kMeasuredHead;
    return std::string(measured ? "" : kOtherHeads);
  }

  Work work(const OpShape& shape) const override {
    const Sizes s(shape);
    if (s.kernel == 2) return {7 * s.batch * s.state, 2 * kStateElement * s.batch * s.state};
    return {2 * s.tokens * s.channels * s.width, 2 * s.element * s.tokens * s.channels};
  }

  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    const Sizes s(shape);
    const double bandwidth = device.memory_bandwidth.as_double();
    const double achievable = bandwidth * device.memory_efficiency;
    OpTime time;
    if (s.kernel == 2) {
      time.launch = values[recurrence_launch] * 1e-6;
      time.traffic = 2 * kStateElement * s.batch * s.state + 2 * s.element * s.batch * s.channels;
      time.memory = time.traffic / (bandwidth * values[recurrence_efficiency]);
    } else if (s.kernel == 1) {
      // The last inputs of each channel are its state.
      time.launch = values[update_launch] * 1e-6;
      time.traffic = 2 * s.element * s.batch * s.channels * s.width;
      time.memory = time.traffic / achievable;
    } else {
      time.launch = values[convolution_launch] * 1e-6;
      const double each = values[s.tokens < kVector * s.batch ? short_us : sequence_us];
      time.math = std::max(s.batch * each * 1e-6, s.tokens * values[token_ns] * 1e-9);
      if (s.channels > kWidest) time.memory = work(shape).bytes / achievable;
      const double moved = std::max(time.math, time.memory) * achievable;  // as measured
      time.traffic = std::min(work(shape).bytes, moved);
    }
    time.math = std::max(time.math, work(shape).operations / vector_peak(device, shape.precision));
    time.busy = std::max(time.memory, time.math);
    return time;
  }

 private:
  /// Operations/s of the pipes for single numbers, where the catalogue has them.
  static double vector_peak(const DeviceSpec& device, Precision precision) {
    const auto peak = device.peak_of(Precision::fp32);
    return (peak ? peak : device.peak_of(precision))->as_double();
  }

  struct Sizes {
    std::int64_t kernel;
    double batch, tokens, channels, state, width, element;
    explicit Sizes(const OpShape& shape)
        : kernel(shape.sizes[0]),
          batch(at(shape, 1)),
          tokens(batch * at(shape, 2)),
          channels(2 * at(shape, 3) * at(shape, 4) + at(shape, 5) * at(shape, 6)),
          state(at(shape, 5) * at(shape, 4) * at(shape, 6)),
          width(at(shape, 7)),
          element(element_bytes(shape.precision)) {}
    static double at(const OpShape& shape, std::size_t index) {
      return static_cast<double>(shape.sizes[index]);
    }
  };
};

}  // namespace

std::unique_ptr<OpModel> make_gated_delta_net_op() {
  return std::make_unique<GatedDeltaNet>();
}

}  // namespace orrery
