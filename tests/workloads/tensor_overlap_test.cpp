// Products whose stores trigger the reductions behind them: the same work, chunk by chunk.
#include "workloads/tensor_overlap.hpp"

#include <cmath>
#include <set>

#include "tests/workloads/inference_fixture.hpp"

namespace orrery {
namespace {

using testing::inference_json;
using testing::Read;
using testing::SmallGpt;
using testing::workload_json;

constexpr std::int64_t kTensor = 4;
constexpr std::int64_t kLayers = 3;
constexpr std::int64_t kCores = 1;  // a stage is one tile

JsonValue network() {
  return SmallGpt{
      .layers = kLayers, .activation = "swiglu", .norm = "rmsnorm", .positions = "rotary"}
      .json();
}

Read read(const JsonValue& value, const std::string& kind) {
  Read read;
  const Registry<WorkloadFactory> workloads = builtin_workloads();
  read.workload = workloads.find(kind)->make(
      JsonCursor(value, read.diagnostics),
      {.devices = 2 * kTensor, .cores = kCores, .trigger = true, .op_and_store = true});
  return read;
}

std::string parallel(const std::string& more) {
  return R"("parallel": {"tensor": 4)" + more + "}";
}
Job training(const std::string& overlap, const std::string& more = "") {
  Read of = read(workload_json(network(), "{" + parallel(overlap) + R"(, "sequence_length": 512,
      "micro_batch": 1, "global_batch": 4)" + more +
                                              "}"),
                 "transformer_training");
  of.diagnostics.throw_if_any();
  return of.workload->build();
}
Job inference(const std::string& overlap, const std::string& more = "") {
  Read of = read(inference_json(network(), "{" + parallel(overlap) + R"(, "batch": 2,
      "input_length": 512, "output_length": 2)" +
                                               more + "}"),
                 "transformer_inference");
  of.diagnostics.throw_if_any();
  return of.workload->build();
}
const std::string kTriggered = R"(, "tensor_overlap": "triggered")";

struct Sums {
  double operations = 0;
  double read = 0;
  double written = 0;
  double updated = 0;  // of what is written
  double remote = 0;   // bytes that stores and DMAs bring to other ranks
  double reduced = 0;  // by collectives of layers: bytes of their outputs
  double gathered = 0;
  std::int64_t triggers = 0;
};
Sums sums_of(const TaskGraph& graph) {
  Sums sums;
  std::set<OpId> triggers;
  for (const TrackerEffect& effect : graph.tracker_effects()) {
    if (effect.triggered > Bytes(0)) triggers.insert(effect.op);
  }
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const Op& op = graph.ops()[i];
    const auto ranks = static_cast<double>(graph.ranks(op.ranks).size());
    if (op.kind == OpKind::compute) {
      const Kernel& kernel = graph.kernel(op.kernel);
      sums.operations += ranks * kernel.operations.as_double();
      sums.read += ranks * kernel.read.as_double();
      sums.written += ranks * kernel.written.as_double();
      if (kernel.updates) sums.updated += ranks * kernel.written.as_double();
      sums.triggers += triggers.contains(OpId(i)) ? std::llround(ranks) : 0;
    } else if (op.kind == OpKind::transfer) {
      sums.remote += ranks * op.bytes.as_double();
    } else if (graph.text(op.category) == "tensor_parallel") {
      const bool gathers = op.collective == CollectiveKind::all_gather;
      (gathers ? sums.gathered : sums.reduced) += ranks * op.bytes.as_double();
    }
  }
  return sums;
}

/// `products`: whose reduction is triggered, in a pass over all layers and the head.
void expect_the_same_work(const Sums& plain, const Sums& triggered, double outputs) {
  constexpr double kStored = 1 - 1.0 / kTensor;  // of an output, the rest goes to the neighbour
  EXPECT_EQ(triggered.operations, plain.operations);
  EXPECT_EQ(triggered.read, plain.read);
  EXPECT_EQ(triggered.updated, kStored * outputs);
  EXPECT_EQ(triggered.written, plain.written - outputs / kTensor);
  EXPECT_EQ(triggered.remote, kStored * outputs) << "N - 1 of N chunks are sent on";
  EXPECT_EQ(triggered.reduced, plain.reduced - outputs);
}

TEST(TensorOverlap, TrainingDoesTheSameWorkChunkByChunk) {
  // Of 256 x 512 elements of 2 B on 8 ranks; 2 products forward and 2 back a layer, 1 of the head.
  constexpr double kOutput = 8.0 * 512 * 256 * 2;
  constexpr double kMicroBatches = 2;
  const double outputs = kMicroBatches * (4 * kLayers + 1) * kOutput;
  for (const std::string more :
       {"", R"(, "architecture": "ladder")", R"(, "recompute": {"kind": "selective"})"}) {
    const Sums plain = sums_of(training("", more).graph);
    const Sums triggered = sums_of(training(kTriggered, more).graph);
    expect_the_same_work(plain, triggered, outputs);
    EXPECT_EQ(triggered.gathered, plain.gathered + outputs) << more;
  }
}

// With sequence parallelism what is triggered is all of the reduction.
TEST(TensorOverlap, OfAReduceScatterNothingIsLeft) {
  constexpr double kOutput = 8.0 * 512 * 256 * 2;
  const std::string sequence = R"(, "sequence_parallel": true)";
  const Sums plain = sums_of(training(sequence).graph);
  const Sums triggered = sums_of(training(sequence + kTriggered).graph);
  expect_the_same_work(plain, triggered, 2 * (4 * kLayers + 1) * kOutput);
  EXPECT_EQ(triggered.gathered, plain.gathered);
}

TEST(TensorOverlap, InferenceDoesTheSameWorkChunkByChunk) {
  // Prefill of 2 x 512 tokens and one step of decode of 2, two products a layer.
  constexpr double kOutputs = 8.0 * (2 * 512 + 2) * 256 * 2 * 2 * kLayers;
  for (const std::string more : {"", R"(, "architecture": "ladder")"}) {
    const Sums plain = sums_of(inference("", more).graph);
    const Sums triggered = sums_of(inference(kTriggered, more).graph);
    expect_the_same_work(plain, triggered, kOutputs);
    EXPECT_EQ(triggered.gathered, plain.gathered + kOutputs) << more;
  }
}

// As many blocks as there are stages for a chunk: 512 x 256 in tiles of 128 are 8 stages of one.
TEST(TensorOverlap, EveryBlockIsTriggeredOnce) {
  constexpr std::int64_t kStages = 8 / kCores;
  const Job job = training(kTriggered);
  const std::int64_t products = 2 * (4 * kLayers + 1);
  const std::int64_t blocks = kStages / kTensor;
  EXPECT_EQ(sums_of(job.graph).triggers, 8 * products * blocks * (kTensor - 1));
  std::int64_t tracked = 0;
  std::int64_t triggered = 0;
  for (const TrackerEffect& effect : job.graph.tracker_effects()) {
    tracked += effect.tracked.count();
    triggered += effect.triggered.count();
  }
  EXPECT_EQ(tracked, triggered);
}

TEST(TensorOverlap, SaysWhatItDoesNotGoWith) {
  const auto first_of = [](const std::string& keys) {
    const Read of = read(workload_json(network(), keys), "transformer_training");
    return of.mistakes().empty() ? "" : of.mistakes().front();
  };
  const std::string sizes = R"(, "sequence_length": 512, "micro_batch": 1, "global_batch": 8)";
  EXPECT_EQ(first_of("{" + parallel(kTriggered) + sizes + "}"), "");
  EXPECT_EQ(first_of(R"({"parallel": {"tensor_overlap": "triggered"})" + sizes + "}"),
            "/parallel/tensor_overlap: expected two or more tensor-parallel ranks, whose products "
            "would be reduced");
  EXPECT_EQ(first_of("{" + parallel(kTriggered) + sizes + R"(, "architecture": "upper_bound"})"),
            "/parallel/tensor_overlap: does not go with the upper bound, which reduces nothing");
  EXPECT_EQ(
      first_of("{" + parallel(kTriggered) + sizes + R"(, "architecture": "parallel_attention"})"),
      "/parallel/tensor_overlap: a layer with a parallel residual adds up two products before it "
      "reduces them, which is modelled without triggers");
}

}  // namespace
}  // namespace orrery
