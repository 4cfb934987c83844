// Which kernels gpt-fast runs, and what they read and write.
#include "workloads/gpt_fast.hpp"

#include <string>

#include "tests/workloads/architecture_fixture.hpp"

namespace orrery {
namespace {

using testing::architecture_network;
using testing::decode;
using testing::expect_balance;
using testing::inference_job;
using testing::named;

constexpr std::size_t kLayers = testing::kArchitectureLayers;

Kernel kernel_of(const Job& job, const std::string& label) {
  return job.graph.kernel(job.graph.ops()[named(job.graph, label).at(0)].kernel);
}

constexpr std::int64_t kHead = 32;
constexpr std::int64_t kStatic = 8 + 2;  // the cache that is laid out

TEST(GptFast, DecodesByProductsOverTheWholeCacheForEachQueryHead) {
  const Job job = decode("standard", R"(, "kernels": "gpt_fast")");
  const std::int64_t queries = 2 * 8 / 2;  // sequences, heads of a rank
  const std::int64_t copies = queries * kStatic * kHead;
  const Kernel scores = kernel_of(job, "decode.attention.scores");
  EXPECT_EQ(scores.operations, Flops(2 * copies));
  EXPECT_EQ(scores.read + scores.written, Bytes(2 * (copies + queries * (kHead + kStatic))));
  const Kernel values = kernel_of(job, "decode.attention.values");
  EXPECT_EQ(values.operations, Flops(2 * copies));
  EXPECT_EQ(values.read, Bytes(2 * (copies + queries * kStatic)));
  const Bytes partial(4 * queries * kHead);
  EXPECT_GT(values.written, partial) << "the sum over keys is cut, its parts are in fp32";
  EXPECT_EQ(values.written.count() % partial.count(), 0);
  const Kernel sum = kernel_of(job, "decode.attention.sum");
  EXPECT_EQ(sum.read, values.written);
  EXPECT_EQ(sum.written, Bytes(2 * queries * kHead));
  EXPECT_TRUE(named(job.graph, "decode.attention.flash").empty());
}

TEST(GptFast, PrefillsUnderAMaskOverTheWholeCache) {
  const Job job = decode("standard", R"(, "kernels": "gpt_fast")");
  const std::int64_t heads = 2 * 8 / 2;  // sequences, heads of a rank
  const std::int64_t copies = 2 * heads * kStatic * kHead * 2;
  const Kernel repeat = kernel_of(job, "prefill.attention.repeat");
  EXPECT_EQ(repeat.written, Bytes(copies));
  const Kernel flash = kernel_of(job, "prefill.attention.flash");
  EXPECT_EQ(flash.operations, Flops(4 * heads * 8 * kStatic * kHead)) << "none is skipped";
  EXPECT_EQ(flash.read, Bytes(copies + 2 * heads * 8 * kHead));
  const Kernel logits = kernel_of(job, "prefill.head.logits");
  const Kernel fused = kernel_of(decode("standard"), "prefill.head.logits");
  EXPECT_EQ(logits.operations, fused.operations * 8) << "of every token of a prompt";
}

TEST(GptFast, PrefillsInPassesAndMultipliesOneRowByReductions) {
  const auto job = [](const std::string& kernels, int batch) {
    return inference_job(architecture_network(),
                         R"({"input_length": 8, "output_length": 2, "kernels": ")" + kernels +
                             R"(", "batch": )" + std::to_string(batch) + "}",
                         1);
  };
  const Job one = job("gpt_fast", 1);
  const Job two = job("gpt_fast", 2);
  const Bytes state(2 * 8 * 256);
  const Kernel norm = kernel_of(one, "prefill.attention.norm");
  EXPECT_EQ(norm.read + norm.written, 3 * state + 36 / 2 * state) << "a sum, 36 bytes an element";
  const Bytes gate(2 * 8 * 1024);
  const Kernel activation = kernel_of(one, "prefill.feed_forward.activation");
  EXPECT_EQ(activation.read + activation.written, 5 * gate);
  const Kernel rotary = kernel_of(one, "prefill.attention.rotary");
  const Kernel in_place = kernel_of(job("fused", 1), "prefill.attention.rotary");
  EXPECT_EQ(rotary.read + rotary.written, (in_place.read + in_place.written) * 48 / 4)
      << "48 bytes an element";
  for (const std::string part : {"attention.norm", "feed_forward.activation"}) {
    const Kernel compiled = kernel_of(two, "decode." + part);
    const Kernel fused = kernel_of(job("fused", 2), "decode." + part);
    EXPECT_EQ(compiled.read + compiled.written, fused.read + fused.written);
  }
  for (const std::string map : {"decode.attention.qkv", "decode.head.logits"}) {
    EXPECT_EQ(kernel_of(one, map).kind, "gemv");
    EXPECT_EQ(kernel_of(two, map).kind, "gemm");
    EXPECT_EQ(kernel_of(job("fused", 1), map).kind, "gemm");
  }
}

TEST(GptFast, MultipliesGateAndUpApartWhereTheyAreNotReductions) {
  const auto kernels = [](const std::string& architecture, int batch) {
    const Job job = inference_job(
        architecture_network(),
        R"({"input_length": 8, "output_length": 2, "kernels": "gpt_fast", "batch": )" +
            std::to_string(batch) + R"(, "architecture": ")" + architecture + "\"}",
        1);
    expect_balance(job.graph, "buffers");
    std::size_t count = 0;
    for (const Op& op : job.graph.ops()) {
      const std::string& label = job.graph.text(op.label);
      count += label.starts_with("decode.feed_forward") || label.starts_with("decode.layer");
    }
    return count / kLayers;
  };
  EXPECT_EQ(kernels("standard", 1), 3U) << "norm, up with gate, down with activation";
  EXPECT_EQ(kernels("standard", 2), 5U) << "norm, gate, up, activation, down";
  EXPECT_EQ(kernels("parallel_attention", 1), 2U) << "input, down with activation and sum";
  EXPECT_EQ(kernels("parallel_attention", 2), 4U) << "input, activation, down, sum";
}

}  // namespace
}  // namespace orrery
