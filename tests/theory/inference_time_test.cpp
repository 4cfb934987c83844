// Times of transformer_inference against closed forms and a recurrence, kernel by kernel from the
// amounts of the graph: launch + max(operations / rate, bytes / bandwidth), where the host issues
// kernels one by one at least its time for each.
#include <algorithm>
#include <map>

#include "tests/theory/small_cluster.hpp"
#include "tests/workloads/inference_fixture.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;
using testing::inference_job;
using testing::shape_of;
using testing::shipped_network;
using testing::SmallGpt;

constexpr double kMathRate = 5e13;   // of matrix and vector pipes, achievable
constexpr double kBandwidth = 1e12;  // achievable
/// Of pipelines: transfers use the memories at both ends, and should cost next to nothing.
constexpr double kFastBandwidth = 1e15;
constexpr Duration kLaunch = 2_us;
const LinkSpec kInstant = wire(Bandwidth(1'000'000'000'000'000'000), Duration(0));

ClusterSpec cluster_of(int devices, double bandwidth = kBandwidth) {
  const Bandwidth memory(static_cast<std::int64_t>(2 * bandwidth));  // of which half is achievable
  ClusterSpec cluster = crossbar_of(devices, kInstant, {.memory = memory, .launch = kLaunch});
  DeviceSpec& device = cluster.node.device;
  const auto fp32 = static_cast<std::size_t>(Precision::fp32);
  device.peak[fp32] = DeviceNumbers{}.peak;
  device.math_efficiency[fp32] = 0.5;
  device.attention_efficiency = 0.5;
  return cluster;
}

Duration time_of(const Kernel& kernel, double bandwidth = kBandwidth) {
  const double busy_s = std::max(kernel.operations.as_double() / kMathRate,
                                 (kernel.read + kernel.written).as_double() / bandwidth);
  const Duration alone = kLaunch + duration_from_seconds(busy_s);
  return std::max(alone, kernel.host);
}

/// Of the ops whose compute category is `phase`.
Duration kernel_times(const TaskGraph& graph, const std::string& phase) {
  Duration sum;
  for (const Op& op : graph.ops()) {
    if (op.kind == OpKind::compute && graph.text(op.category) == phase) {
      sum += time_of(graph.kernel(op.kernel));
    }
  }
  return sum;
}

/// Each op ends on a whole picosecond, and what the wire adds is below one.
Duration rounding(const TaskGraph& graph) {
  return Duration(2 * static_cast<std::int64_t>(graph.ops().size()));
}

void expect_near(Duration found, Duration expected, Duration tolerance) {
  EXPECT_LE(std::max(found - expected, expected - found), tolerance)
      << found.count() << " ps, expected " << expected.count();
}

Job small_job(const std::string& keys, int devices) {
  return inference_job(SmallGpt{}.json(), keys, devices);
}

TEST(InferenceTime, OnOneDeviceItIsTheSumOfTheKernels) {
  const Job job = small_job(R"({"batch": 4, "input_length": 64, "output_length": 6})", 1);
  const Finished done = run(cluster_of(1), job.graph);
  const Duration first = done.end_of(job.timed_figures[0].to);
  const Duration last = done.end_of(job.timed_figures[1].to);
  expect_near(first, kernel_times(job.graph, "prefill"), rounding(job.graph));
  expect_near(last - first, kernel_times(job.graph, "decode"), rounding(job.graph));
  EXPECT_EQ(Time(last), done.end);
}

struct Decoded {
  JsonValue network;
  int kernels = 0;               // of a layer
  int input = 1000;              // tokens
  double cache = 0;              // bytes that a token takes in a layer
  double heads_by_elements = 0;  // of queries; elements of a key and a value that each works on
};

/// The sizes of DeepSeek-V2 (arXiv:2405.04434, §3.1.2), dense, of four layers.
JsonValue deepseek() {
  return parse_json(R"({"model_type": "deepseek_v2", "hidden_size": 5120, "num_hidden_layers": 4,
      "num_attention_heads": 128, "intermediate_size": 12288, "vocab_size": 102400,
      "max_position_embeddings": 4096, "hidden_act": "silu", "q_lora_rank": 1536,
      "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128})",
                    "deepseek.json");
}

TEST(InferenceTime, DecodeOfOneSequenceReadsAllWeightsAndTheCache) {
  // norm qkv rotary cache attention projection, norm up activation down; and beside them or instead
  // the second norm of GPT-NeoX, the sum of a parallel residual, the norm of queries and keys, and
  // of latent attention two maps down and two norms, queries up, keys absorbed, values up.
  const Decoded all[] = {{shipped_network("llama3_8b"), 10, 1000, 2 * 2 * 8 * 128, 32 * 2 * 128},
                         {shipped_network("falcon_7b"), 10, 1000, 2 * 2 * 64, 71 * 2 * 64},
                         {shipped_network("gpt_neox_20b"), 11, 1000, 2 * 2 * 64 * 96, 64 * 2 * 96},
                         {shipped_network("qwen3_8b"), 11, 1000, 2 * 2 * 8 * 128, 32 * 2 * 128},
                         {shipped_network("mistral_7b"), 10, 4092, 2 * 2 * 8 * 128, 32 * 2 * 128},
                         {deepseek(), 16, 1000, 2 * (512 + 64), 128 * (512 + 64 + 512)}};
  for (const Decoded& one : all) {
    SCOPED_TRACE(&one - all);
    const NetworkShape shape = shape_of(one.network);
    const Job job = inference_job(
        one.network,
        R"({"batch": 1, "output_length": 9, "host_launch": "0 ns", "input_length": )" +
            std::to_string(one.input) + "}",
        1);
    const Finished done = run(cluster_of(1), job.graph);
    const double found =
        to_seconds(done.end_of(job.timed_figures[1].to) - done.end_of(job.timed_figures[0].to)) / 8;
    double tokens = 0;  // that a step sees, on average; of Mistral half of the steps see 4096
    for (int step = 1; step <= 8; ++step) {
      const int before = one.input + step;
      tokens += (shape.attention_window > 0 ? std::min(before, 4096) : before) / 8.0;
    }
    const double of_a_token =
        std::max(one.cache / kBandwidth, 2 * one.heads_by_elements / kMathRate);
    const double embedding =  // not read, unless the head is the same
        shape.tied_embeddings ? 0 : static_cast<double>(shape.vocabulary * shape.hidden);
    const double weights = 2 * (static_cast<double>(network_parameters(shape)) - embedding);
    const auto layers = static_cast<double>(shape.layers);
    const double expected = weights / kBandwidth + layers * tokens * of_a_token +
                            (layers * one.kernels + 1 + 3) * to_seconds(kLaunch);
    // Activations are what it leaves out: some 30 vectors of a layer beside matrices of 4096 rows.
    EXPECT_GT(found, expected);
    EXPECT_LT(found, 1.005 * expected);
  }
}

TEST(InferenceTime, BehindTheWindowTheContextIsFree) {
  const auto per_token = [](int input) {
    const Job job = inference_job(
        shipped_network("mistral_7b"),
        R"({"batch": 1, "output_length": 2, "input_length": )" + std::to_string(input) + "}", 1);
    const Finished done = run(cluster_of(1), job.graph);
    return done.end_of(job.timed_figures[1].to) - done.end_of(job.timed_figures[0].to);
  };
  const Duration full = per_token(4095);
  EXPECT_EQ(per_token(4096), full);
  EXPECT_EQ(per_token(6000), full);
  const Duration token = duration_from_seconds(32 * 2 * 2 * 8 * 128 / kBandwidth);
  expect_near(full - per_token(4094), token, Duration(2 * 32 * 10));
}

TEST(InferenceTime, AGraphPaysTheHostOnceAStep) {
  // The host is slower than every kernel, so that it alone sets the time of eager decode.
  const auto per_token = [](const std::string& launch) {
    const Job job = small_job(R"({"batch": 4, "input_length": 64, "output_length": 2,
        "host_launch": "1 ms", "launch": ")" +
                                  launch + "\"}",
                              1);
    const Finished done = run(cluster_of(1), job.graph);
    return done.end_of(job.timed_figures[1].to) - done.end_of(job.timed_figures[0].to);
  };
  const Job job = small_job(R"({"batch": 4, "input_length": 64, "output_length": 2,
      "host_launch": "0 ns"})",
                            1);
  const std::int64_t kernels = 4 * 9 + 2 + 3;
  Duration first;
  for (const Op& op : job.graph.ops()) {
    if (job.graph.text(op.label) == "decode.embedding.lookup") {
      first = time_of(job.graph.kernel(op.kernel));
    }
  }
  expect_near(per_token("eager"), kernels * 1_ms, rounding(job.graph));
  expect_near(per_token("graph"), 1_ms + kernel_times(job.graph, "decode") - first,
              rounding(job.graph));
}

/// Time of every pass by stage, in the order in which the stage runs them.
std::vector<std::vector<Duration>> passes_by_stage(const TaskGraph& graph, int stages,
                                                   std::size_t passes) {
  std::vector<std::vector<Duration>> kernels(static_cast<std::size_t>(stages));
  for (const Op& op : graph.ops()) {
    if (op.kind == OpKind::compute) {
      kernels[static_cast<std::size_t>(graph.ranks(op.ranks).front())].push_back(
          time_of(graph.kernel(op.kernel), kFastBandwidth));
    }
  }
  std::vector<std::vector<Duration>> times;
  for (const std::vector<Duration>& of_stage : kernels) {
    std::vector<Duration>& sums = times.emplace_back(passes);
    for (std::size_t i = 0; i < of_stage.size(); ++i) {
      sums[i / (of_stage.size() / passes)] += of_stage[i];
    }
  }
  return times;
}

/// What all transfers take, one after the other, and as much again by which they delay kernels.
Duration transfers(const TaskGraph& graph) {
  Duration sum;
  for (const Op& op : graph.ops()) {
    if (op.kind == OpKind::transfer) {
      sum += 2 * duration_from_seconds(op.bytes.as_double() / kFastBandwidth);
    }
  }
  return sum;
}

struct Pipeline {
  int stages = 1;
  int micro_batches = 1;
  int outputs = 1;

  Job job() const {
    return small_job(R"({"batch": 12, "input_length": 64, "parallel": {"pipeline": )" +
                         std::to_string(stages) + R"(}, "micro_batches": )" +
                         std::to_string(micro_batches) + R"(, "output_length": )" +
                         std::to_string(outputs) + "}",
                     stages);
  }
};

TEST(InferenceTime, PrefillOfMicroBatchesIsAFlowShop) {
  // Equal jobs through machines in a row: each machine once, and the slowest for all others.
  for (const int stages : {1, 2, 4}) {
    for (const int micro_batches : {1, 2, 6}) {
      const Job job = Pipeline{stages, micro_batches, 1}.job();
      const auto times =
          passes_by_stage(job.graph, stages, static_cast<std::size_t>(micro_batches));
      Duration sum;
      Duration slowest;
      for (const auto& of_stage : times) {
        sum += of_stage.front();
        slowest = std::max(slowest, of_stage.front());
      }
      const Finished done = run(cluster_of(stages, kFastBandwidth), job.graph);
      expect_near(done.end.since_start(), sum + (micro_batches - 1) * slowest,
                  rounding(job.graph) + transfers(job.graph));
    }
  }
}

TEST(InferenceTime, DecodeOfMicroBatchesFollowsTheRecurrence) {
  // A pass begins when its stage is free and the stage before is done with it; a step's first when
  // the token of the step before is there.
  for (const int stages : {1, 2, 4}) {
    for (const int micro_batches : {1, 2, 3, 4, 6}) {
      const Pipeline pipeline{stages, micro_batches, 8};
      const Job job = pipeline.job();
      const auto passes = static_cast<std::size_t>(micro_batches * pipeline.outputs);
      const auto times = passes_by_stage(job.graph, stages, passes);
      std::vector<Duration> free(static_cast<std::size_t>(stages));
      std::vector<Duration> token(static_cast<std::size_t>(micro_batches));
      for (std::size_t pass = 0; pass < passes; ++pass) {
        Duration& at = token[pass % token.size()];
        for (std::size_t stage = 0; stage < free.size(); ++stage) {
          at = free[stage] = std::max(at, free[stage]) + times[stage][pass];
        }
      }
      const Finished done = run(cluster_of(stages, kFastBandwidth), job.graph);
      expect_near(done.end.since_start(), free.back(), rounding(job.graph) + transfers(job.graph));
    }
  }
}

TEST(InferenceTime, LargerBatchesTakeLongerAndYieldMore) {
  Duration last_time;
  double last_rate = 0;
  for (const int batch : {1, 2, 8, 32, 128}) {
    const Job job = small_job(R"({"parallel": {"tensor": 2}, "input_length": 64,
        "output_length": 8, "batch": )" +
                                  std::to_string(batch) + "}",
                              2);
    const Duration time = run(cluster_of(2), job.graph).end.since_start();
    EXPECT_GT(time, last_time);
    EXPECT_GT(job.tokens / to_seconds(time), last_rate);
    last_time = time;
    last_rate = job.tokens / to_seconds(time);
  }
}

}  // namespace
}  // namespace orrery
