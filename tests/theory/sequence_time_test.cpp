// Times of sequence_parallel_attention against closed forms, on devices of which one number counts.
#include <algorithm>
#include <cmath>

#include "tests/theory/small_cluster.hpp"
#include "workloads/workload.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kHeads = 8;
constexpr std::int64_t kHeadSize = 128;
constexpr double kElement = 2;                 // bytes
constexpr double kWidth = kHeads * kHeadSize;  // elements of a token's queries
const Bandwidth kInstant(1'000'000'000'000'000'000);

/// Arithmetic at its peak, memory and launches for nothing.
DeviceNumbers device_with(std::int64_t peak) {
  return {.peak = FlopRate(peak), .math_efficiency = 1, .memory = kInstant, .memory_efficiency = 1};
}

ClusterSpec finished(ClusterSpec cluster) {
  DeviceSpec& device = cluster.node.device;
  device.attention_efficiency = 1;
  device.peak[static_cast<std::size_t>(Precision::fp32)] = FlopRate(kInstant.count());
  device.math_efficiency[static_cast<std::size_t>(Precision::fp32)] = 1;
  return cluster;
}

ClusterSpec crossbar(int devices, std::int64_t peak, Bandwidth bandwidth) {
  return finished(crossbar_of(devices, wire(bandwidth, Duration(0)), device_with(peak)));
}

ClusterSpec full_mesh(int devices, std::int64_t peak, Bandwidth bandwidth) {
  ClusterSpec cluster = crossbar(devices, peak, bandwidth);
  cluster.node.fabric = json_object({{"kind", json_string("full_mesh")},
                                     {"link", to_json(wire(bandwidth, Duration(0)))},
                                     {"links_per_pair", json_integer(1)}});
  return cluster;
}

Job job_of(const std::string& method, std::int64_t degree, std::int64_t tokens,
           const std::string& more, std::int64_t kv_heads = kHeads) {
  Diagnostics mistakes;
  const JsonValue keys = parse_json(
      R"({"kind": "sequence_parallel_attention", "heads": 8, "head_size": 128, "method": )" +
          (method.starts_with("{") ? method : '"' + method + '"') + R"(, "sequence_length": )" +
          std::to_string(tokens) + R"(, "kv_heads": )" + std::to_string(kv_heads) + ", " + more +
          "}",
      "workload");
  const auto workloads = builtin_workloads();
  const auto workload = workloads.find("sequence_parallel_attention")
                            ->make(JsonCursor(keys, mistakes), {.devices = degree});
  mistakes.throw_if_any();
  return workload->build();
}

double seconds_of(const Finished& done, const Job& job, const std::string& key) {
  const auto figure = std::find_if(job.timed_figures.begin(), job.timed_figures.end(),
                                   [&](const TimedFigure& each) { return each.key == key; });
  EXPECT_NE(figure, job.timed_figures.end()) << key;
  const Duration from = figure->from.valid() ? done.end_of(figure->from) : Duration(0);
  return to_seconds(done.end_of(figure->to) - from);
}

struct System {
  const char* name;
  std::int64_t flops;
  std::int64_t bandwidth;  // bytes/s
  double block;            // thousands of tokens, as printed
  double sequence;         // six blocks
};

// Ring Attention (arXiv:2310.01889), §3.2 and Table 2: blocks of c >= F/B tokens hide their
// messages, 4 d c^2 / F >= 4 c d / B. A round takes the longer of both, on both sides of the limit.
TEST(SequenceTime, RingHidesItsMessagesFromTheBlockOfTable2On) {
  const System systems[] = {{"A100 NVLink", 312'000, 300, 1.0, 6.2},
                            {"A100 InfiniBand", 312'000'000, 12'500, 24.5, 149.5},
                            {"TPU v3", 123'000, 112, 1.1, 6.6},
                            {"TPU v4", 275'000, 268, 1.0, 6.2},
                            {"TPU v5e", 196'000, 186, 1.1, 6.3}};
  constexpr std::int64_t kGiga = 1'000'000'000;
  const int degree = 4;
  for (const System& system : systems) {
    SCOPED_TRACE(system.name);
    const std::int64_t unit = system.bandwidth > 1000 ? kGiga / 1000 : kGiga;
    const std::int64_t flops = system.flops * unit;
    const std::int64_t bandwidth = system.bandwidth * unit;
    const double limit = static_cast<double>(flops) / static_cast<double>(bandwidth);
    EXPECT_NEAR(limit / 1000, system.block, std::max(0.05, 0.02 * system.block));
    EXPECT_NEAR(6 * limit / 1000, system.sequence, std::max(0.05, 0.02 * system.sequence));
    for (const double factor : {0.98, 1.02}) {
      const auto block = static_cast<std::int64_t>(std::llround(factor * limit));
      const Job job = job_of("ring", degree, degree * block, R"("mask": "full")");
      const Finished done = run(crossbar(degree, flops, Bandwidth(bandwidth)), job.graph);
      const double tokens = static_cast<double>(block);
      const double compute = 4 * tokens * tokens * kWidth / static_cast<double>(flops);
      const double message = 2 * tokens * kWidth * kElement / static_cast<double>(bandwidth);
      EXPECT_EQ(compute < message, factor < 1);
      EXPECT_NEAR(seconds_of(done, job, "round_0_s"), std::max(compute, message), 1e-11);
    }
  }
}

// Naive: the last position works on P-1 blocks and a half, the average one on P/2. Zigzag and
// stripes give all the same.
TEST(SequenceTime, CausalRingsReachTheEfficiencyOfTheirLayout) {
  const std::int64_t peak = 100'000'000'000'000;
  for (const int degree : {2, 4, 8}) {
    const std::int64_t tokens = 4096 * degree;
    const double work = 2.0 * static_cast<double>(tokens) * static_cast<double>(tokens) * kWidth;
    for (const char* layout : {"contiguous", "zigzag", "striped"}) {
      const Job job = job_of("ring", degree, tokens, std::string(R"("layout": ")") + layout + "\"");
      const Finished done = run(crossbar(degree, peak, kInstant), job.graph);
      const double efficiency = work / (static_cast<double>(peak) * degree * to_seconds(done.end));
      const bool naive = std::string(layout) == "contiguous";
      const double expected = naive ? degree / (2.0 * degree - 1) : 1;
      // Stripes differ by the diagonal, one in 4096; merges and messages take a nanosecond.
      EXPECT_NEAR(efficiency, expected, 1e-3) << layout << " of " << degree;
    }
  }
}

// Bound by messages. In a full mesh queries and outputs have links of their own:
//   rounds 0 and 1 send queries (q), 2 … P-2 both, P-1 outputs (o), and the tail outputs
// against (P-1) (k + v) and one attention of a ring. Through one port per device both share.
TEST(SequenceTime, TokenRingTakesHalfOfARingWhereLinksAreApart) {
  const std::int64_t peak = 1'000'000'000'000'000'000;
  const Bandwidth bandwidth(1'000'000'000);
  const int degree = 8;
  const std::int64_t own = 1024;
  const double query = static_cast<double>(own) * kWidth * kElement / bandwidth.as_double();
  const double output = query + static_cast<double>(own) * kHeads * 4 / bandwidth.as_double();
  for (const std::int64_t kv_heads : {8, 2}) {
    const auto time_of = [&](const char* method, const ClusterSpec& cluster) {
      const Job job = job_of(method, degree, degree * own, R"("mask": "full")", kv_heads);
      return to_seconds(run(cluster, job.graph).end);
    };
    const double ring = (degree - 1) * 2 * query * static_cast<double>(kv_heads) / kHeads;
    const ClusterSpec mesh = full_mesh(degree, peak, bandwidth);
    const ClusterSpec ports = crossbar(degree, peak, bandwidth);
    EXPECT_NEAR(time_of("ring", mesh), ring, 1e-6) << "arithmetic takes less than that";
    EXPECT_NEAR(time_of("ring", ports), ring, 1e-6);
    const double apart = 2 * query + (degree - 3) * output + 2 * output;
    EXPECT_NEAR(time_of("token_ring", mesh), apart, 1e-6);
    const double shared = 2 * query + (degree - 3) * (query + output) + 2 * output;
    EXPECT_NEAR(time_of("token_ring", ports), shared, 1e-6);
    if (kv_heads == kHeads) {
      EXPECT_NEAR(apart / ring, 0.5 * (degree + 1) / (degree - 1), 0.02) << "a half, and the tail";
      EXPECT_GT(shared, ring * 0.9) << "through one port nothing is won";
    } else {
      EXPECT_GT(apart, ring * 2) << "keys and values that heads share are cheaper to move";
    }
  }
}

// Nothing overlaps: (P-1)/P of each buffer leaves a rank, and then, or before, it attends.
TEST(SequenceTime, CollectivesAndAttentionAddUpWhereNothingOverlaps) {
  const std::int64_t peak = 100'000'000'000'000;
  const Bandwidth bandwidth(10'000'000'000);
  const int degree = 4;
  const std::int64_t tokens = 4096;
  const double all = static_cast<double>(tokens) * kWidth * kElement;  // of queries, all tokens
  const double share = (degree - 1.0) / degree / bandwidth.as_double();
  const double attention =
      2.0 * static_cast<double>(tokens) * static_cast<double>(tokens) * kWidth / degree / peak;
  const auto time_of = [&](const char* method, int ranks) {
    const Job job = job_of(method, ranks, tokens, R"("mask": "causal")");
    return to_seconds(run(crossbar(ranks, peak, bandwidth), job.graph).end);
  };
  EXPECT_NEAR(time_of("ulysses", degree), attention + 4 * all / degree * share, 1e-9);
  EXPECT_NEAR(time_of("all_gather_kv", degree), attention + 2 * all * share, 1e-9);
  EXPECT_NEAR(time_of("megatron_sp", degree), attention + 2 * all * share, 1e-9);
  for (const char* method : {"ring", "token_ring", "ulysses", "all_gather_kv", "megatron_sp"}) {
    EXPECT_NEAR(time_of(method, 1), attention * degree, 1e-9) << "alone all are the same";
  }
}

// In parts every gather but the first, and every reduce-scatter but the last, is beside attention.
TEST(SequenceTime, PartsOfGatheredKeysHideBehindAttentionBothWays) {
  const std::int64_t peak = 1'000'000'000'000;
  const Bandwidth bandwidth(10'000'000'000);
  const int degree = 4, parts = 4;
  const std::int64_t tokens = 4096;
  const double all = static_cast<double>(tokens) * kWidth * kElement;
  const double part = 2 * all * (degree - 1) / degree / bandwidth.as_double() / parts;  // K and V
  const double attention =
      4.0 * static_cast<double>(tokens) * static_cast<double>(tokens) * kWidth / degree / peak;
  ASSERT_GT(attention / parts, 2 * part);
  const Job job = job_of(R"({"kind": "all_gather_kv", "gathers": 4})", degree, tokens,
                         R"("mask": "full", "pass": "forward_backward")");
  EXPECT_NEAR(to_seconds(run(crossbar(degree, peak, bandwidth), job.graph).end),
              (1 + 2.5) * attention + 2 * part + part, 1e-8);
}

// Full mask, ring of P, one layer: P attentions, P-1 merges and a last rounding, P-1 groups of
// messages. A host that is slower than its device decides alone, layer for layer; one that is
// faster shows until the first attention only.
TEST(SequenceTime, AHostThreadBoundsAFastDeviceAndRunsAheadOfASlowOne) {
  const int degree = 4;
  const std::int64_t own = 1024;
  const int repeats = 3;
  const double kernel = 10e-6, messages = 100e-6;
  const Job job = job_of("ring", degree, degree * own,
                         R"("mask": "full", "repeats": 3,
                            "host": {"kernel": "10 us", "messages": "100 us"})");
  const double host = 2 * degree * kernel + (degree - 1) * messages;
  const auto time_on = [&](std::int64_t peak) {
    return to_seconds(run(crossbar(degree, peak, kInstant), job.graph).end);
  };
  EXPECT_NEAR(time_on(kInstant.count()), repeats * host, 1e-7);
  const std::int64_t slow = 1'000'000'000'000;
  const double block = 4.0 * own * own * kWidth / static_cast<double>(slow);
  ASSERT_GT(degree * block, host);
  EXPECT_NEAR(time_on(slow), messages + kernel + repeats * degree * block, 1e-7);
}

// PyTorch's host takes slices too, each as long as a kernel: where the second round of two is a
// part, four in zigzag and seven in stripes, and copies two back. Contiguous blocks are whole.
// USP's ring of one begins and ends as others do.
TEST(SequenceTime, TheHostTakesSlicesForPartsOfABlock) {
  const double kernel = 10e-6;
  const auto host_kernels = [&](const std::string& method, int degree, const std::string& layout) {
    const Job job =
        job_of(method, degree, 4096,
               R"("kernels": "scripted", "host": {"kernel": "10 us"}, "layout": ")" + layout + '"');
    return to_seconds(run(crossbar(degree, kInstant.count(), kInstant), job.graph).end) / kernel;
  };
  const int whole = 5;  // two attentions, a merge, the sum begun and rounded
  EXPECT_NEAR(host_kernels("ring", 2, "contiguous"), whole, 0.01);
  EXPECT_NEAR(host_kernels("ring", 2, "zigzag"), whole + 4 + 2, 0.01);
  EXPECT_NEAR(host_kernels("ring", 2, "striped"), whole + 7 + 2, 0.01);
  EXPECT_NEAR(host_kernels("ring", 1, "contiguous"), 1, 0.01);
  EXPECT_NEAR(host_kernels(R"({"kind": "usp", "ulysses": 1})", 1, "contiguous"), 3, 0.01);
}

// The sums of rings, of one rank too, are buffers that are given back.
TEST(SequenceTime, RingsGiveBackWhatTheirSumsTake) {
  for (const int ulysses : {1, 2, 4}) {
    const Job job = job_of(R"({"kind": "usp", "ulysses": )" + std::to_string(ulysses) + "}", 4,
                           4096, R"("kernels": "scripted", "pass": "forward_backward")");
    std::int64_t left = 0;
    for (const MemoryEffect& effect : job.graph.memory_effects()) {
      left += effect.taken.count() - effect.freed.count();
    }
    EXPECT_EQ(left, 0) << ulysses;
  }
}

// What rows are packed from is taken by index in zigzag, and the host waits for the device each
// time: one that would be far ahead no longer is.
TEST(SequenceTime, AnIndexMakesTheHostWaitForTheDevice) {
  const int degree = 2;
  const std::string host = R"("layout": "zigzag", "kernels": "pytorch", "repeats": 2,
                              "host": {"kernel": "1 us"}, )";
  const std::int64_t slow = 1'000'000'000'000;
  const auto time_of = [&](const std::string& sequences) {
    const Job job = job_of("ring", degree, 8192, host + sequences);
    const double work = job.model_operations / degree / static_cast<double>(slow);
    return to_seconds(run(crossbar(degree, slow, kInstant), job.graph).end) - work;
  };
  EXPECT_NEAR(time_of(R"("batch": 1)"), 1e-6, 1e-7) << "until the first attention";
  const double packed = time_of(R"("sequences": {"kind": "packed", "lengths": [4096, 4096]})");
  // Of each layer at least the bounds, 1 + 2 x 2 for both halves, and half of the queries: two
  // operations each.
  EXPECT_GT(packed, 2 * 2 * 11 * 1e-6);
}

// With itself alone an all-to-all copies by two cores, where the device says what a core moves; so
// does a message, by all that there are.
TEST(SequenceTime, CoresMoveMessagesAndExchangesOfOneRank) {
  const std::int64_t tokens = 2048;
  const Bandwidth rate(1'000'000'000);
  const auto added_by_cores = [&](const char* method, int degree) {
    ClusterSpec cluster = crossbar(degree, kInstant.count(), kInstant);
    const Job job = job_of(method, degree, tokens, R"("mask": "full")");
    const double free = to_seconds(run(cluster, job.graph).end);
    cluster.node.device.collective_core_rate = rate;
    return to_seconds(run(cluster, job.graph).end) - free;
  };
  const double query = static_cast<double>(tokens) * kWidth * kElement;  // as K, V and the output
  EXPECT_NEAR(added_by_cores("ring", 2), 2 * query / 2 / rate.as_double(), 1e-6)
      << "a half of K and V to the other, by one core";
  EXPECT_NEAR(added_by_cores(R"({"kind": "usp", "ulysses": 1})", 1),
              4 * query / (2 * rate.as_double()), 1e-6);
  EXPECT_NEAR(added_by_cores("ulysses", 1), 0, 1e-9) << "alone it exchanges nothing";
}

}  // namespace
}  // namespace orrery
