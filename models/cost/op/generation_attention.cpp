#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

constexpr double kGroup = 64;    // query heads that a block serves at once
constexpr double kColumns = 64;  // keys that a block takes at once
constexpr std::array<double, 8> kParts = {1, 2, 4, 8, 16, 32, 64, 128};

enum Parameter : std::size_t {
  launch,
  block_us,
  block_rate,
  memory_efficiency,
  combine,
  blend,
  sequence_ns,
  regroup,
  key_ns
};
constexpr std::array<OpParameter, 9> kParameters = {{
    {"launch_us", 0.5, 30, 8.5, Carried::launch,
     "around everything else, with the kernel that writes the cache"},
    {"block_us", 0.1, 20, 3.5, Carried::cycles, "of a wave of blocks, whatever their length"},
    {"block_GBps", 2, 500, 40, Carried::core_rate, "of keys and values that one block draws"},
    {"memory_efficiency", 0.3, 1, 0.85, Carried::memory_share, "share of the memory's bandwidth"},
    {"combine_us", 0.1, 30, 6, Carried::cycles, "for putting parts together"},
    {"blend", 1, 8, 1.7, Carried::same, "exponent by which the three times below add up"},
    {"sequence_ns", 0.01, 100, 5, Carried::cycles,
     "of the kernel that writes the cache, for a sequence"},
    {"regroup_us", 0.001, 20, 1, Carried::cycles,
     "where query heads are brought together by a kernel of its own"},
    {"key_ns", 0.001, 5, 0.3, Carried::cycles,
     "of a key of a sequence, however few bytes it has there"},
}};
constexpr std::array<OpSize, 8> kSizes = {{{"batch_size", {}},
                                           {"isl", {}},
                                           {"num_heads", {}},
                                           {"num_key_value_heads", {}},
                                           {"head_dim", {}},
                                           {"value_dim", 0},
                                           {"step", 0},
                                           {"cache_write", 1}}};

/// Attention of one new token of each sequence over isl + step keys, by the bytes of the cache
/// (Flash-Decoding, Dao, Haziza, Massa and Sizov 2023: the keys of a sequence are cut into parts
/// that blocks take side by side, and a second kernel puts their results together).
///
///   blocks   batch x KV heads x ceil(group / 64) x parts
///   waves    ceil(blocks / cores) x block_us
///   chain    bytes of a block, in whole steps of 64 keys / block_GBps
///   memory   max(bytes / (efficiency x bandwidth), batch x keys x key_ns): a paged cache is found
///            page by page, and with few KV heads a page has few bytes
///   time     launch + (waves^p + chain^p + memory^p)^(1/p) + combine for parts > 1
///            + batch x sequence_ns + regroup
///
/// with the parts that take least, p the `blend`. FlashAttention-2 (before Hopper) cuts grouped
/// query heads only, and brings them together with a kernel of its own where there are several
/// groups and sequences (assumed: by the measured times, where these cases stand apart).
/// `cache_write` 0: without the kernel that writes the new token. One KV head whose values are
/// narrower than its keys is latent attention's cached vector, of which the values are a part
/// (DeepSeek-V2, arXiv 2405.04434, section 2.1.2 and appendix C: keys and values are maps of one
/// latent, absorbed by those of queries and output): it is read once. Leaves out: the arithmetic,
/// but for that no kernel beats the peak.
class GenerationAttention final : public OpModel {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return kParameters; }

  std::string refusal(const OpShape& shape) const override {
    return divides("num_heads", shape.sizes[2], "num_key_value_heads", shape.sizes[3]);
  }
  std::string outside_measured(const OpShape& shape) const override {
    const std::int64_t value = shape.sizes[5] > 0 ? shape.sizes[5] : shape.sizes[4];
    const bool measured = shape.sizes[4] == kMeasuredHead && value == kMeasuredHead;
    return std::string(measured ? "" : kOtherHeads);
  }

  Work work(const OpShape& shape) const override {
    const Sizes s(shape);
    return {2 * s.batch * s.heads * s.keys * (s.head + s.value),
            s.batch * (s.keys * s.kv_heads * s.per_key + s.element * s.heads * (s.head + s.value))};
  }
  double storable(const OpShape& shape) const override {
    const Sizes s(shape);
    return s.batch * s.keys * s.kv_heads * s.cached * s.element;
  }
  std::string_view stored_as() const override { return "kv_cache_dtype"; }

  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    return fastest(shape, device, values).time;
  }

  std::string details(const OpShape& shape, const DeviceSpec& device,
                      std::span<const double> values) const override {
    const Choice best = fastest(shape, device, values);
    std::array<char, 140> text{};
    std::array<char, 60> sum{};
    if (best.parts > 1) {
      std::snprintf(sum.data(), sum.size(), "s put together in %.3g us", values[combine]);
    }
    std::snprintf(text.data(), text.size(), "%.0f blocks, keys in %.0f part%s", best.blocks,
                  best.parts, sum.data());
    return text.data();
  }

 private:
  struct Sizes {
    double batch, keys, heads, kv_heads, head, value, element;
    double cached;   // elements of a key and its value
    double per_key;  // their bytes
    bool writes;
    explicit Sizes(const OpShape& shape)
        : batch(at(shape, 0)),
          keys(at(shape, 1) + at(shape, 6)),
          heads(at(shape, 2)),
          kv_heads(at(shape, 3)),
          head(at(shape, 4)),
          value(at(shape, 5) > 0 ? at(shape, 5) : head),
          element(element_bytes(shape.precision)),
          cached(kv_heads == 1 && value < head ? head : head + value),
          per_key(cached * element * shape.stored),
          writes(shape.sizes[7] != 0) {}
    static double at(const OpShape& shape, std::size_t index) {
      return static_cast<double>(shape.sizes[index]);
    }
  };
  struct Choice {
    double parts = 1;
    double blocks = 1;
    OpTime time;
  };

  static Choice fastest(const OpShape& shape, const DeviceSpec& device,
                        std::span<const double> values) {
    const Sizes s(shape);
    const double cores = static_cast<double>(device.cores);
    const double bandwidth = device.memory_bandwidth.as_double();
    const double units = s.batch * s.kv_heads * std::ceil(s.heads / s.kv_heads / kGroup);
    const bool cuts_all = has_warp_groups(device);
    const bool grouped = s.heads > s.kv_heads;
    // Roofline: far larger groups than were measured must not beat the matrix pipes.
    const double arithmetic = 2 * s.batch * s.heads * s.keys * (s.head + s.value) /
                              (core_rate(device, shape.precision) * cores);
    OpTime base;
    const double cache = s.batch * s.keys * s.kv_heads * s.per_key;
    base.traffic = cache + s.batch * s.heads * (s.head + s.value) * s.element;
    base.memory = std::max(cache / (bandwidth * values[memory_efficiency]),
                           s.batch * s.keys * values[key_ns] * 1e-9);
    base.launch = values[launch] * 1e-6;
    if (regroups_heads(s.heads, s.kv_heads, s.batch)) base.launch += values[regroup] * 1e-6;
    if (s.writes) {
      base.launch += s.batch * values[sequence_ns] * 1e-9;
    } else {
      base.launch = std::max(0.0, base.launch - to_seconds(device.kernel_launch));
    }
    Choice best;
    double least = std::numeric_limits<double>::infinity();
    const double p = values[blend];
    for (const double parts : kParts) {
      if (parts > 1 && (s.keys / parts < kColumns || (!cuts_all && !grouped))) break;
      const double waves = std::ceil(units * parts / cores) * values[block_us] * 1e-6;
      const double chain =
          std::ceil(s.keys / parts / kColumns) * kColumns * s.per_key / (values[block_rate] * 1e9);
      double busy =
          std::pow(std::pow(waves, p) + std::pow(chain, p) + std::pow(base.memory, p), 1 / p);
      if (parts > 1) busy += values[combine] * 1e-6;
      if (busy >= least) continue;
      least = busy;
      best = {parts, units * parts, base};
      best.time.busy = std::max({busy, base.traffic / bandwidth, arithmetic});
      best.time.math = std::max({waves, chain, arithmetic});
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<OpModel> make_generation_attention_op() {
  return std::make_unique<GenerationAttention>();
}

}  // namespace orrery
