// Times of the architectures of a layer against closed forms, with an all-reduce of a given time T.
// Of a pass with n layers whose attention takes a, whose feed-forward takes f > a, and whose ends
// take e (with the embedding's all-reduce, T) and h:
//
//   standard            e + n (a + f) + h + 2n T
//   parallel_attention  the same with n T, of its own kernels
//   upper_bound         without any T
//   ladder              T <= a       e + n (a + f) + h + T         all but the last are hidden
//                       a < T < f    e + a + n (f + T) + h         attention hides nothing whole
//                       T >= f       e + a + 2n T + h              all-reduces follow each other
#include <map>

#include "tests/theory/small_cluster.hpp"
#include "tests/workloads/inference_fixture.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;
using testing::inference_job;
using testing::SmallGpt;

constexpr std::int64_t kLayers = 5;
constexpr Duration kLaunch = 2_us;
constexpr double kBandwidth = 1e12;  // achievable, of memory; arithmetic takes nothing
const LinkSpec kInstant = wire(Bandwidth(1'000'000'000'000'000'000), Duration(0));

ClusterSpec cluster() {
  ClusterSpec cluster = crossbar_of(
      2, kInstant,
      {.peak = FlopRate(1'000'000'000'000'000'000),
       .memory = Bandwidth(static_cast<std::int64_t>(2 * kBandwidth)),  // half is achievable
       .launch = kLaunch});
  DeviceSpec& device = cluster.node.device;
  const auto fp32 = static_cast<std::size_t>(Precision::fp32);
  device.peak[fp32] = FlopRate(1'000'000'000'000'000'000);
  device.math_efficiency[fp32] = 0.5;
  device.attention_efficiency = 0.5;
  return cluster;
}

/// One pass over two prompts of one token.
Job pass(const std::string& architecture, const std::string& crossing = "0 ns") {
  return inference_job(SmallGpt{.layers = kLayers,
                                .hidden = 2048,
                                .heads = 16,
                                .kv_heads = 16,
                                .feed_forward = 16384,
                                .positions = "rotary"}
                           .json(),
                       R"({"parallel": {"tensor": 2}, "batch": 2, "input_length": 1,
      "output_length": 1, "vocabulary": "divided", "host_launch": "0 ns", "architecture": ")" +
                           architecture + R"(", "stream_crossing": ")" + crossing + "\"}",
                       2);
}

/// Times of the kernels, by the part of the network in their label; the gather of the logits takes
/// T too, at the end of each.
struct Parts {
  Duration embedding;
  Duration attention;  // of one layer
  Duration feed_forward;
  Duration layer;  // what belongs to neither block alone
  Duration head;

  Duration all() const { return embedding + kLayers * (attention + feed_forward + layer) + head; }
};
Parts parts_of(const Job& job) {
  std::map<std::string, Duration> sums;
  for (const Op& op : job.graph.ops()) {
    if (op.kind != OpKind::compute) continue;
    const Kernel& kernel = job.graph.kernel(op.kernel);
    const std::string& label = job.graph.text(op.label);  // "prefill.attention.qkv"
    const std::size_t begin = label.find('.') + 1;
    sums[label.substr(begin, label.find('.', begin) - begin)] +=
        kLaunch + duration_from_seconds((kernel.read + kernel.written).as_double() / kBandwidth);
  }
  return {.embedding = sums["embedding"],
          .attention = sums["attention"] / kLayers,
          .feed_forward = sums["feed_forward"] / kLayers,
          .layer = sums["layer"] / kLayers,
          .head = sums["head"]};
}

/// What the messages of all collectives take of the memories, where nothing is beside them: a ring
/// of two moves five halves of a buffer over each to reduce it, one to gather it twice.
Duration messages_of(const Job& job) {
  double bytes = 0;
  for (const Op& op : job.graph.ops()) {
    if (op.kind != OpKind::collective) continue;
    bytes += op.bytes.as_double() * (op.collective == CollectiveKind::all_reduce ? 2.5 : 1);
  }
  return duration_from_seconds(bytes / kBandwidth);
}

/// `expected` with all-reduces that take no more than `reduce`; their messages come on top, as far
/// as they are waited for.
void expect_time(const std::string& architecture, Duration reduce, Duration expected,
                 const std::string& crossing = "0 ns") {
  const Job job = pass(architecture, crossing);
  const Duration found =
      run(cluster(), job.graph, {.launch = reduce}).end.since_start() - reduce;  // the gather's
  const Duration rounding(3 * static_cast<std::int64_t>(job.graph.ops().size()));
  ASSERT_LT(messages_of(job), reduce / 10) << "else it would say little";
  EXPECT_GE(found, expected - rounding) << architecture;
  EXPECT_LE(found, expected + messages_of(job) + rounding) << architecture;
}

TEST(ArchitectureTime, FollowsFromBlocksAndAllReduces) {
  const Parts parts = parts_of(pass("standard"));
  const Duration blocks = kLayers * (parts.attention + parts.feed_forward);
  const Duration ends = parts.embedding + parts.head;
  const Parts ladder = parts_of(pass("ladder"));
  const Duration a = ladder.attention;
  const Duration f = ladder.feed_forward;
  ASSERT_GT(f, a + 10_us);
  const Duration begin = ladder.embedding;
  const Duration rungs = kLayers * (a + f);
  for (const Duration t : {5_us, a, a + 4_us, f, f + 30_us}) {
    SCOPED_TRACE(t.count());
    expect_time("standard", t, ends + blocks + (2 * kLayers + 1) * t);
    expect_time("parallel_attention", t,
                parts_of(pass("parallel_attention")).all() + (kLayers + 1) * t);
    expect_time("upper_bound", t, ends + blocks);
    const Duration hidden = rungs + t;
    const Duration partly = a + kLayers * (f + t);
    const Duration chained = a + 2 * kLayers * t;
    expect_time("ladder", t,
                begin + t + ladder.head +
                    (t <= a  ? hidden
                     : t < f ? partly
                             : chained));
  }
}

/// An all-reduce that is waited for is crossed to and from. Of ladder only the way back counts, in
/// front of every block but the first of each kind. The gather of the logits is as all-reduces are.
TEST(ArchitectureTime, StreamsThatWaitForEachOtherPayForIt) {
  const Duration c = 3_us;
  const Duration t = 4_us;
  const Parts parts = parts_of(pass("standard"));
  const Parts ladder = parts_of(pass("ladder"));
  const Duration blocks = kLayers * (parts.attention + parts.feed_forward);
  const Duration ends = parts.embedding + parts.head + 2 * c;
  ASSERT_LT(t + 2 * c, ladder.attention);
  expect_time("standard", t, ends + blocks + (2 * kLayers + 1) * (t + 2 * c), "3 us");
  expect_time("upper_bound", t, ends + blocks, "3 us");
  expect_time("ladder", t, ladder.all() + 2 * (t + 2 * c) + 2 * (kLayers - 1) * c + 2 * c, "3 us");
}

}  // namespace
}  // namespace orrery
