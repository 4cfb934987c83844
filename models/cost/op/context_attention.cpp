#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "models/cost/op/builtin.hpp"

namespace orrery {
namespace {

constexpr double kRows = 128;    // queries of a block
constexpr double kColumns = 64;  // keys that a block takes at once

enum Parameter : std::size_t {
  math_efficiency,
  block_us,
  rows_us,
  launch,
  write_efficiency,
  token_ns,
  resident,
  tail,
  regroup
};
constexpr std::array<OpParameter, 9> kParameters = {{
    {"math_efficiency", 0.1, 1, 0.6, Carried::same, "share of a core's peak along the keys"},
    {"block_us", 0.01, 20, 1.5, Carried::same, "of a block of queries, whatever its length"},
    {"rows_us", 0.01, 20, 2, Carried::same, "of a block full of queries; in part where it is not"},
    {"launch_us", 0.5, 30, 8, Carried::launch,
     "around everything else, with the kernel that writes the cache"},
    {"write_efficiency", 0.05, 1, 0.6, Carried::same,
     "share of the memory's bandwidth of that kernel"},
    {"token_ns", 0.01, 50, 1.5, Carried::cycles, "of that kernel, for a token"},
    {"resident", 0.3, 4, 1.5, Carried::same, "blocks that share a core"},
    {"tail", 0.05, 4, 1, Carried::same, "in half blocks: cores that wait for the last ones"},
    {"regroup_us", 0.001, 20, 1, Carried::cycles,
     "where single queries are brought together by a kernel of its own"},
}};
constexpr std::array<OpSize, 9> kSizes = {{{"batch_size", {}},
                                           {"isl", {}},
                                           {"num_heads", {}},
                                           {"num_key_value_heads", {}},
                                           {"head_dim", {}},
                                           {"value_dim", 0},
                                           {"cached", 0},
                                           {"attended", 0},
                                           {"cache_write", 1}}};

/// Fused causal attention (FlashAttention-2, Dao 2023, section 3.2: a block of queries a thread
/// block, along all keys that it sees), and the kernel that writes keys and values to a paged
/// cache.
///
///   blocks   batch x heads x ceil(queries / 128); where the heads of a group are packed together,
///            as FlashAttention-3 does (Hopper on; assumed: recalled from its pack_gqa), batch x KV
///            heads x ceil(queries x group / 128)
///   block    block_us + rows_us x (share of its rows that are queries)
///            + 2 x 128 (head + value size) x keys / (efficiency x rate of a core),
///            keys in whole steps of 64: on average over the blocks, or the most
///   core     max(blocks x average / cores + tail x average / 2, longest x blocks sharing its core)
///   time     launch + core + 2 KV bytes / (write_efficiency x bandwidth) + tokens x token_ns
///
/// `value_dim` 0: that of the head. `cached` tokens stand before the new ones and are attended too.
/// `attended`: keys of a query on average, for windows and packed documents; 0: causal over all.
/// `cache_write` 0: without that kernel. Leaves out: bandwidth of K and V, which L2 serves.
class ContextAttention final : public OpModel {
 public:
  std::span<const OpSize> sizes() const override { return kSizes; }
  std::span<const OpParameter> parameters() const override { return kParameters; }

  std::string refusal(const OpShape& shape) const override {
    const std::int64_t keys = shape.sizes[6] + shape.sizes[1];
    if (shape.sizes[7] > keys) {
      return "attended: expected at most cached + isl (" + std::to_string(keys) + "), got " +
             std::to_string(shape.sizes[7]);
    }
    return divides("num_heads", shape.sizes[2], "num_key_value_heads", shape.sizes[3]);
  }
  std::string outside_measured(const OpShape& shape) const override {
    const std::int64_t value = shape.sizes[5] > 0 ? shape.sizes[5] : shape.sizes[4];
    const bool measured = shape.sizes[4] == kMeasuredHead && value == kMeasuredHead;
    return std::string(measured ? "" : kOtherHeads);
  }

  Work work(const OpShape& shape) const override {
    const Sizes s(shape);
    const double tokens = s.batch * s.queries;
    return {2 * tokens * s.heads * s.attended * (s.head + s.value),
            s.element * tokens * s.heads * (s.head + s.value) + storable(shape) * shape.stored};
  }
  double storable(const OpShape& shape) const override {
    const Sizes s(shape);
    return s.element * s.batch * (s.queries + s.cached) * s.kv_heads * (s.head + s.value);
  }
  std::string_view stored_as() const override { return "kv_cache_dtype"; }

  OpTime time(const OpShape& shape, const DeviceSpec& device,
              std::span<const double> values) const override {
    const Sizes s(shape);
    const double cores = static_cast<double>(device.cores);
    const double bandwidth = device.memory_bandwidth.as_double();
    const double group = packs(device, s) ? s.heads / s.kv_heads : 1;
    const double rows = s.queries * group;
    const double blocks = s.batch * s.heads / group * std::ceil(rows / kRows);
    const double all = s.cached + s.queries;
    const double most = whole_steps(all);
    const double mean =
        rows <= kRows ? most : std::min(most, s.attended + kRows / group / 2 + kColumns / 2);
    const double per_key = 2 * kRows * (s.head + s.value) /
                           (core_rate(device, shape.precision) * values[math_efficiency]);
    const double start = (values[block_us] + values[rows_us] * std::min(1.0, rows / kRows)) * 1e-6;
    const double average = start + per_key * mean;
    const double longest = start + per_key * most;
    const double per_core = blocks / cores;
    OpTime time;
    time.math = std::max(per_core * average + values[tail] * average / 2 * std::min(1.0, per_core),
                         longest * std::min(values[resident], std::max(1.0, per_core)));
    const double tokens = s.batch * s.queries;
    const double kv = tokens * s.kv_heads * (s.head + s.value) * s.element;
    time.busy = time.math;
    time.launch = values[launch] * 1e-6;
    if (s.queries == 1 && regroups_heads(s.heads, s.kv_heads, s.batch)) {
      time.launch += values[regroup] * 1e-6;
    }
    time.traffic = work(shape).bytes;
    if (s.writes) {
      const double moved = kv * (1 + shape.stored);
      time.memory =
          moved / (bandwidth * values[write_efficiency]) + tokens * values[token_ns] * 1e-9;
      time.busy += time.memory;
      time.traffic += moved;
    } else {
      time.launch = std::max(0.0, time.launch - to_seconds(device.kernel_launch));
    }
    // Roofline: the model must not beat the memory.
    time.memory = std::max(time.memory, time.traffic / bandwidth);
    time.busy = std::max(time.busy, time.memory);
    return time;
  }

  std::string details(const OpShape& shape, const DeviceSpec& device,
                      std::span<const double>) const override {
    const Sizes s(shape);
    const double group = packs(device, s) ? s.heads / s.kv_heads : 1;
    const double blocks = s.batch * s.heads / group * std::ceil(s.queries * group / kRows);
    std::array<char, 100> text{};
    std::snprintf(text.data(), text.size(), "%.0f blocks of %.0f queries%s, %.2f a core", blocks,
                  kRows, group > 1 ? " of a packed group" : "",
                  blocks / static_cast<double>(device.cores));
    return text.data();
  }

 private:
  struct Sizes {
    double batch, queries, heads, kv_heads, head, value, cached, attended, element;
    bool writes;
    explicit Sizes(const OpShape& shape)
        : batch(at(shape, 0)),
          queries(at(shape, 1)),
          heads(at(shape, 2)),
          kv_heads(at(shape, 3)),
          head(at(shape, 4)),
          value(at(shape, 5) > 0 ? at(shape, 5) : head),
          cached(at(shape, 6)),
          attended(at(shape, 7) > 0 ? at(shape, 7) : cached + (queries + 1) / 2),
          element(element_bytes(shape.precision)),
          writes(shape.sizes[8] != 0) {}
    static double at(const OpShape& shape, std::size_t index) {
      return static_cast<double>(shape.sizes[index]);
    }
  };

  /// FlashAttention-2 does so for a single query only.
  static bool packs(const DeviceSpec& device, const Sizes& s) {
    return has_warp_groups(device) || s.queries == 1;
  }
  static double whole_steps(double keys) { return std::ceil(keys / kColumns) * kColumns; }
};

}  // namespace

std::unique_ptr<OpModel> make_context_attention_op() {
  return std::make_unique<ContextAttention>();
}

}  // namespace orrery
