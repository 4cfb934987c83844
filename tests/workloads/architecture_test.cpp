// What waits for what in each architecture of a layer, and that nothing else about it differs.
#include "workloads/architecture.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "tests/workloads/architecture_fixture.hpp"

namespace orrery {
namespace {

using testing::architecture_network;
using testing::decode;
using testing::expect_balance;
using testing::inference_job;
using testing::inference_json;
using testing::latent_network;
using testing::named;
using testing::read_inference;
using testing::read_training;
using testing::shipped_network;
using testing::SmallGpt;
using testing::training_job;
using testing::workload_json;

constexpr std::size_t kLayers = testing::kArchitectureLayers;
constexpr std::size_t kAllBlocks = 2 * kLayers;
constexpr const char* kAll[] = {"standard", "ladder", "parallel_attention", "upper_bound"};

Job train(const std::string& architecture, const std::string& more = "") {
  return training_job(architecture_network(),
                      R"({"parallel": {"tensor": 2, "data": 1}, "sequence_length": 64,
      "micro_batch": 1, "global_batch": 2, "architecture": ")" +
                          architecture + "\"" + more + "}",
                      2);
}

/// For each op those that have ended when it begins: what it depends on, what its stream ran before
/// it, and what these came after. Of graphs whose ops are on all ranks.
std::vector<std::vector<bool>> ended_before(const TaskGraph& graph) {
  const std::size_t count = graph.ops().size();
  std::vector<std::vector<bool>> ended(count, std::vector<bool>(count));
  std::map<std::size_t, std::size_t> last;  // by stream
  std::vector<std::vector<std::size_t>> on(count);
  for (const Dependency& dependency : graph.dependencies()) {
    on[dependency.op.index()].push_back(dependency.on.index());
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t stream = graph.ops()[i].stream.index();
    if (const auto before = last.find(stream); before != last.end()) {
      on[i].push_back(before->second);
    }
    last[stream] = i;
    for (const std::size_t each : on[i]) {
      ended[i][each] = true;
      for (std::size_t j = 0; j < each; ++j) ended[i][j] = ended[i][j] || ended[each][j];
    }
  }
  return ended;
}

struct Blocks {
  std::vector<std::size_t> begin;   // its first product
  std::vector<std::size_t> reduce;  // its all-reduce
};

/// Those of a pass, in order; `labels`: of product and all-reduce of the block that comes first in
/// each layer, and of the other.
Blocks blocks_of(const TaskGraph& graph, const std::array<std::string, 4>& labels) {
  Blocks blocks;
  for (std::size_t layer = 0; layer < kLayers; ++layer) {
    for (const std::size_t block : {0, 2}) {
      blocks.begin.push_back(named(graph, labels[block])[layer]);
      blocks.reduce.push_back(named(graph, labels[block + 1])[layer]);
    }
  }
  return blocks;
}

/// Which block may run beside whose all-reduce: in ladder the next one, else none.
void expect_beside(const TaskGraph& graph, const Blocks& blocks, bool ladder) {
  const auto ended = ended_before(graph);
  for (std::size_t reduced = 0; reduced < kAllBlocks; ++reduced) {
    for (std::size_t block = 0; block < kAllBlocks; ++block) {
      const bool waits = ended[blocks.begin[block]][blocks.reduce[reduced]];
      const std::size_t first = reduced + (ladder ? 2 : 1);
      EXPECT_EQ(waits, block >= first) << "block " << block << ", all-reduce of " << reduced;
    }
  }
  const std::size_t end = graph.ops().size() - 1;
  for (const std::size_t reduce : blocks.reduce) EXPECT_TRUE(ended[end][reduce]);
}

TEST(Architecture, OfLadderABlockRunsBesideTheAllReduceOfTheOneBefore) {
  for (const bool ladder : {false, true}) {
    SCOPED_TRACE(ladder);
    for (const std::string phase : {"prefill.", "decode."}) {
      const Job job = decode(ladder ? "ladder" : "standard");
      expect_beside(
          job.graph,
          blocks_of(job.graph, {phase + "attention.qkv", phase + "attention.projection.all_reduce",
                                phase + "feed_forward.up", phase + "feed_forward.down.all_reduce"}),
          ladder);
    }
  }
}

TEST(Architecture, OfLadderTrainingDoesSoForwardAndBack) {
  for (const std::string more : {"", R"(, "recompute": {"kind": "selective"}, "dropout": true)"}) {
    for (const bool ladder : {false, true}) {
      SCOPED_TRACE((ladder ? "ladder" : "standard") + more);
      const Job job = train(ladder ? "ladder" : "standard", more);
      expect_beside(
          job.graph,
          blocks_of(job.graph, {"forward.attention.qkv", "forward.attention.projection.all_reduce",
                                "forward.feed_forward.up", "forward.feed_forward.down.all_reduce"}),
          ladder);
      expect_beside(job.graph,
                    blocks_of(job.graph, {"backward.feed_forward.down.input_gradient",
                                          "backward.feed_forward.up.all_reduce",
                                          "backward.attention.projection.input_gradient",
                                          "backward.attention.qkv.all_reduce"}),
                    ladder);
    }
  }
}

struct Reduced {
  std::size_t count = 0;
  std::int64_t bytes = 0;
  auto operator<=>(const Reduced&) const = default;
};
/// All-reduces of hidden states.
Reduced reduced(const TaskGraph& graph) {
  Reduced all;
  for (const Op& op : graph.ops()) {
    const std::string& label = graph.text(op.label);
    if (op.kind != OpKind::collective || op.collective != CollectiveKind::all_reduce) continue;
    if (label.find("cross_entropy") != std::string::npos) continue;  // numbers of tokens
    ++all.count;
    all.bytes += op.bytes.count();
  }
  return all;
}

TEST(Architecture, LadderReducesAsMuchAsStandardParallelAttentionHalfUpperBoundNothing) {
  const std::int64_t passes = 2;
  for (const std::string ends : {"divided", "replicated"}) {
    const auto of = [&](const char* architecture) {
      return reduced(decode(architecture, R"(, "vocabulary": ")" + ends + "\"").graph);
    };
    const std::int64_t embedding = ends == "divided" ? 1 : 0;
    const std::int64_t state = 2 * 2 * 256 * (8 + 1);  // of both passes: fp16, sequences, hidden
    const auto times = [&](std::int64_t count) {
      return Reduced{static_cast<std::size_t>(passes * count), state * count};
    };
    EXPECT_EQ(of("standard"), times(2 * kLayers + embedding));
    EXPECT_EQ(of("ladder"), of("standard"));
    EXPECT_EQ(of("parallel_attention"), times(kLayers + embedding));
    EXPECT_EQ(of("upper_bound"), Reduced{});
  }
  const std::size_t each = 2;  // micro-batches; forward and back, the embedding, the logits
  EXPECT_EQ(reduced(train("standard").graph).count, each * (4 * kLayers + 2));
  EXPECT_EQ(reduced(train("ladder").graph), reduced(train("standard").graph));
  EXPECT_EQ(reduced(train("parallel_attention").graph).count, each * (2 * kLayers + 2));
  EXPECT_EQ(reduced(train("upper_bound").graph), Reduced{});
}

struct Products {
  double operations = 0;
  std::int64_t kernels = 0;  // of any kind
};
Products products(const TaskGraph& graph) {
  Products all;
  for (const Op& op : graph.ops()) {
    if (op.kind != OpKind::compute) continue;
    ++all.kernels;
    const Kernel& kernel = graph.kernel(op.kernel);
    if (kernel.kind == "gemm") all.operations += kernel.operations.as_double();
  }
  return all;
}

TEST(Architecture, AllDoTheSameProducts) {
  const std::int64_t passes = 2;
  const auto layers = static_cast<std::int64_t>(kLayers);
  const Products standard = products(decode("standard").graph);
  for (const char* architecture : kAll) {
    EXPECT_EQ(products(decode(architecture).graph).operations, standard.operations);
    EXPECT_EQ(products(train(architecture).graph).operations,
              products(train("standard").graph).operations);
  }
  EXPECT_EQ(products(decode("upper_bound").graph).kernels, standard.kernels);
  EXPECT_EQ(products(decode("ladder").graph).kernels, standard.kernels + passes * (2 * layers + 1))
      << "a sum in front of each norm";
  EXPECT_EQ(products(decode("parallel_attention").graph).kernels,
            standard.kernels - passes * layers)
      << "one norm and one product less, a sum more";
  EXPECT_EQ(products(train("ladder").graph).kernels, products(train("standard").graph).kernels);
}

TEST(Architecture, GivesBackWhatItTakes) {
  for (const std::string architecture : kAll) {
    SCOPED_TRACE(architecture);
    for (const char* more : {"", R"(, "kernels": "gpt_fast", "vocabulary": "replicated")"}) {
      const Job job = decode(architecture, more);
      expect_balance(job.graph, "buffers");
      expect_balance(job.graph, "kv_cache");
    }
    for (const char* more :
         {R"(, "dropout": true)", R"(, "offload": {"activations": {"layers": 2}})"}) {
      const Job job = train(architecture, more);
      expect_balance(job.graph, "buffers");
      expect_balance(job.graph, "activations");
    }
  }
  for (const char* more : {R"(, "recompute": {"kind": "selective"}, "attention": "materialized")",
                           R"(, "kernels": "megatron", "precision": "fp16")"}) {
    const Job job = train("ladder", more);
    expect_balance(job.graph, "buffers");
    expect_balance(job.graph, "activations");
  }
}

TEST(Architecture, SaysWhatItIsNotModelledWith) {
  const auto of_training = [](JsonValue shape, const std::string& more) {
    return read_training(
               workload_json(std::move(shape), R"({"sequence_length": 64, "micro_batch": 1,
        "global_batch": 2, )" + more + "}"),
               2)
        .mistakes();
  };
  const auto of_inference = [](JsonValue shape, const std::string& more) {
    return read_inference(inference_json(std::move(shape), R"({"batch": 2, "input_length": 8,
        "output_length": 2, )" + more + "}"),
                          2)
        .mistakes();
  };
  using Mistakes = std::vector<std::string>;
  const std::string pipeline =
      "/architecture: ladder in a pipeline is not modelled: the outputs of two blocks would travel "
      "beside the residual stream";
  const std::string divided = R"("parallel": {"tensor": 2, "sequence_parallel": true}, )";
  const std::string staged = R"("parallel": {"pipeline": 2}, "architecture": "ladder")";
  const SmallGpt even{.layers = 4};
  EXPECT_EQ(of_training(even.json(), staged), Mistakes{pipeline});
  EXPECT_EQ(of_inference(even.json(), staged), Mistakes{pipeline});
  for (const std::string name : {"ladder", "upper_bound"}) {
    EXPECT_EQ(of_training(architecture_network(), divided + R"("architecture": ")" + name + "\""),
              Mistakes{"/architecture: " + name +
                       " is defined by all-reduces, in whose place sequence parallelism has "
                       "others"});
  }
  EXPECT_EQ(of_training(architecture_network(),
                        R"("recompute": {"kind": "full"}, "architecture": "ladder")"),
            Mistakes{"/architecture: ladder with full recomputation is not modelled: a checkpoint "
                     "would hold the outputs of two blocks beside the residual stream"});
  EXPECT_EQ(
      of_training(latent_network(0), R"("architecture": "ladder")"),
      Mistakes{
          "/architecture: training of ladder with latent or linear attention is not modelled"});
  EXPECT_EQ(
      of_inference(latent_network(0), R"("architecture": "parallel_attention")"),
      Mistakes{
          "/architecture: latent and linear attention are modelled without a parallel residual"});
  EXPECT_EQ(
      of_inference(latent_network(0), R"("kernels": "gpt_fast")"),
      Mistakes{
          "/kernels: gpt-fast's kernels are not modelled of latent or linear attention, nor of "
          "attention in a window"});
  EXPECT_EQ(of_training(shipped_network("falcon_7b"), R"("architecture": "ladder")").front(),
            "/architecture: the network has parallel residuals already; ladder is of layers whose "
            "blocks follow each other");
  EXPECT_EQ(of_inference(architecture_network(), R"("architecture": "lader")"),
            Mistakes{"/architecture: expected one of \"standard\", \"ladder\", "
                     "\"parallel_attention\", \"upper_bound\", got \"lader\"; did you mean "
                     "\"ladder\"?"});
}

}  // namespace
}  // namespace orrery
