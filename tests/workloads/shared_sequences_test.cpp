// Training and prefill of ranks that share sequences: what each has, does, sends and keeps. Closed
// forms from the sizes; LASP-2's from arXiv:2502.07563, §3.4.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/workloads/inference_fixture.hpp"
#include "tests/workloads/strategy_fixture.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/sequence/sequence_method.hpp"

namespace orrery {
namespace {

using testing::inference_job;
using testing::ops_labelled;
using testing::read_training;
using testing::shape_of;
using testing::SmallGpt;
using testing::training_job;
using testing::workload_json;
using Mistakes = std::vector<std::string>;

constexpr std::int64_t kLayers = 4;
constexpr std::int64_t kHidden = 256;
constexpr std::int64_t kHeads = 8;

JsonValue network(const std::string& pattern) {
  JsonValue value = SmallGpt{.layers = kLayers, .positions = "rotary", .biases = false}.json();
  if (pattern.empty()) return value;
  value.members.push_back(
      {"linear_attention", parse_json(R"({"pattern": ")" + pattern + "\"}", "network.json")});
  return value;
}

std::string keys(std::int64_t degree, const std::string& method, std::int64_t length,
                 const std::string& more = "") {
  return R"({"parallel": {"sequence": {"degree": )" + std::to_string(degree) + R"(, "method": )" +
         method + R"(}}, "sequence_length": )" + std::to_string(length) +
         R"(, "micro_batch": 1, "global_batch": 2)" + more + "}";
}

/// What a rank sends in ops of the category, rings counted for collectives.
std::int64_t sent_by(const TaskGraph& graph, const std::string& category, Rank rank) {
  std::int64_t sent = 0;
  for (const Op& op : graph.ops()) {
    if (graph.text(op.category) != category) continue;
    const auto ranks = graph.ranks(op.ranks);
    if (std::find(ranks.begin(), ranks.end(), rank) == ranks.end()) continue;
    const std::int64_t share = op.kind == OpKind::collective ? op.group_size : 1;
    sent += op.bytes.count() / share * std::max<std::int64_t>(1, share - 1);
  }
  return sent;
}

/// By category, what is taken and never given back; the most at once if ops ran as added.
struct Memory {
  std::map<std::string, std::int64_t> left;
  std::int64_t peak = 0;
};
Memory memory_of(const TaskGraph& graph) {
  Memory memory;
  std::int64_t now = 0;
  for (const MemoryEffect& effect : graph.memory_effects()) {
    const std::int64_t change = effect.taken.count() - effect.freed.count();
    memory.left[graph.text(effect.category)] += change;
    now += change;
    memory.peak = std::max(memory.peak, now);
  }
  return memory;
}

TEST(SharedSequences, Lasp2SendsAsMuchWhateverTheLength) {
  const std::int64_t degree = 8;
  const std::int64_t head = kHidden / kHeads;
  // (W - 1) heads d^2 e bytes a layer and pass; two passes, two micro-batches.
  const std::int64_t expected = 2 * 2 * kLayers * (degree - 1) * kHeads * head * head * 2;
  for (const std::string method : {R"("lasp2")", R"({"kind": "lasp2", "overlapped": false})"}) {
    for (const std::int64_t length : {64, 4096, 1 << 20}) {
      const Job job = training_job(network("L"), keys(degree, method, length), degree);
      for (const Rank rank : {0, 3, 7}) {
        EXPECT_EQ(sent_by(job.graph, "sequence_parallel", rank), expected) << length;
      }
    }
  }
}

TEST(SharedSequences, LaspPassesOneStateFromRankToRank) {
  const std::int64_t degree = 8;
  const std::int64_t head = kHidden / kHeads;
  for (const std::string method : {R"("lasp")", R"({"kind": "lasp", "overlapped": false})"}) {
    const Job job = training_job(network("L"), keys(degree, method, 4096), degree);
    std::map<std::string, std::int64_t> hops;
    for (const Op& op : job.graph.ops()) {
      if (op.kind != OpKind::transfer) continue;
      ++hops[job.graph.text(op.label)];
      EXPECT_EQ(op.bytes, Bytes(kHeads * head * head * 2));
      const Rank from = job.graph.ranks(op.ranks)[0];
      const Rank to = job.graph.ranks(op.peers)[0];
      const bool forward = job.graph.text(op.label).starts_with("forward");
      EXPECT_EQ(to - from, forward ? 1 : -1);
    }
    EXPECT_EQ(hops.size(), static_cast<std::size_t>(2 * (degree - 1)));
    for (const auto& [label, count] : hops) EXPECT_EQ(count, 2 * kLayers) << label;
  }
}

/// One kernel of a rank does in a layer's forward pass what two kernels of all and one of the chain
/// do, and every send waits for it.
TEST(SharedSequences, LaspAsReleasedHasItsWholeAttentionOnTheChain) {
  const std::int64_t degree = 8;
  const Job job = training_job(
      network("L"), keys(degree, R"({"kind": "lasp", "overlapped": false})", 4096), degree);
  const auto labelled = [&](const std::string& label) { return ops_labelled(job.graph, label); };
  EXPECT_TRUE(labelled("forward.attention.intra").empty());
  const std::vector<OpId> kernels = labelled("forward.attention.attention 3");
  const std::vector<OpId> sends = labelled("forward.attention.send state 3");
  ASSERT_EQ(kernels.size(), static_cast<std::size_t>(2 * kLayers));
  ASSERT_EQ(sends.size(), kernels.size());
  const auto& all = job.graph.dependencies();
  for (std::size_t i = 0; i < sends.size(); ++i) {
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const Dependency& each) {
      return each.op == sends[i] && each.on == kernels[i];
    }));
    EXPECT_EQ(job.graph.kernel(job.graph.op(kernels[i]).kernel).kind, "linear_attention");
  }
}

TEST(SharedSequences, EachRankHasItsPartOfTheTokensInAllLayers) {
  const std::int64_t degree = 4;
  const std::int64_t length = 4096;
  for (const std::string pattern : {"", "L", "LLLN"}) {
    const std::string method = pattern.empty() ? R"("ring")" : R"("lasp2")";
    const Job whole = training_job(
        network(pattern), R"({"sequence_length": 4096, "micro_batch": 1, "global_batch": 1})", 1);
    const Job shared = training_job(network(pattern), keys(degree, method, length), degree);
    const auto operations = [](const Job& job, const std::string& label) {
      const OpId op = ops_labelled(job.graph, label).front();
      return job.graph.kernel(job.graph.op(op).kernel).operations.as_double();
    };
    for (const char* label : {"forward.attention.qkv", "backward.feed_forward.up.weight_gradient",
                              "forward.head.logits", "forward.embedding.lookup"}) {
      EXPECT_EQ(operations(whole, label), degree * operations(shared, label)) << label;
    }
    EXPECT_EQ(whole.model_operations / whole.tokens, shared.model_operations / shared.tokens);
  }
}

/// Everything that a rank takes it gives back, whatever the method; and what it keeps between
/// passes is a part of what one rank alone would keep, and the method's own.
TEST(SharedSequences, MemoryIsDividedAndGivenBack) {
  struct Case {
    std::string pattern;
    std::string method;
    std::string more;
  };
  const std::string full = R"(, "recompute": {"kind": "full"})";
  const std::vector<Case> cases = {{"", R"("ring")", ""},
                                   {"", R"("token_ring")", ""},
                                   {"", R"("ulysses")", full},
                                   {"", R"("all_gather_kv")", full},
                                   {"", R"({"kind": "usp", "ulysses": 2})", ""},
                                   {"L", R"("lasp")", full},
                                   {"L", R"("ring")", ""},
                                   {"LLLN", R"("lasp2")", ""},
                                   {"LN", R"("lasp2")", full}};
  for (const Case& each : cases) {
    SCOPED_TRACE(each.pattern + " " + each.method + each.more);
    const Job job = training_job(network(each.pattern), keys(8, each.method, 1024, each.more), 8);
    for (const auto& [category, left] : memory_of(job.graph).left) EXPECT_EQ(left, 0) << category;
  }
}

TEST(SharedSequences, ActivationsOfLasp2AreThoseOfItsTokensAndTheStates) {
  const std::int64_t degree = 8;
  const std::int64_t length = 8192;
  const std::int64_t own = length / degree;
  const std::int64_t head = kHidden / kHeads;
  const Job job = training_job(network("L"), keys(degree, R"("lasp2")", length), degree);
  std::int64_t saved = 0;
  for (const MemoryEffect& effect : job.graph.memory_effects()) {
    const bool layer = testing::label_of(job.graph, effect.op).starts_with("forward.attention") ||
                       testing::label_of(job.graph, effect.op).starts_with("forward.feed_forward");
    if (layer && job.graph.text(effect.category) == "activations") saved += effect.taken.count();
  }
  // Two bytes: both norms' inputs and outputs 4, Q K V 3, mapped Q K 2, output and its norm 2, all
  // hidden wide; up and its activation 2, four times as wide.
  const std::int64_t token = 2 * (4 + 3 + 2 + 2 + 2 * 4) * kHidden;
  const std::int64_t states = 2 * kHeads * head * head;
  EXPECT_EQ(saved, 2 * kLayers * (own * token + states));
}

TEST(SharedSequences, GradientsAreSummedOverReplicasAndTheirRanks) {
  const JsonValue value = network("");
  const std::int64_t parameters = network_parameters(shape_of(value));
  const std::string parallel =
      R"({"parallel": {"sequence": {"degree": 4, "method": "ring"}}, "sequence_length": 1024,
          "micro_batch": 1, "global_batch": 4)";
  const Job job = training_job(value, parallel + "}", 8);
  std::int64_t reduced = 0;
  for (const Op& op : job.graph.ops()) {
    if (job.graph.text(op.category) != "data_parallel") continue;
    EXPECT_EQ(op.group_size, 8U) << "2 replicas x 4 ranks";
    reduced += op.bytes.count();
  }
  EXPECT_EQ(reduced, 4 * parameters);
  // Neighbours share a sequence: no message leaves ranks 0-3 or 4-7.
  for (const Op& op : job.graph.ops()) {
    if (op.kind != OpKind::transfer) continue;
    for (std::size_t i = 0; i < job.graph.ranks(op.ranks).size(); ++i) {
      EXPECT_EQ(job.graph.ranks(op.ranks)[i] / 4, job.graph.ranks(op.peers)[i] / 4);
    }
  }
  // ZeRO divides over all of them.
  const Job sharded = training_job(value, parallel + R"(, "sharding": {"kind": "zero3"}})", 8);
  EXPECT_EQ(testing::static_memory(sharded.graph, "optimizer", 0), Bytes(12 * parameters / 8));
}

TEST(SharedSequences, PrefillDividesPromptsAndTheirCache) {
  const std::string prefill = R"("batch": 2, "input_length": 1024, "output_length": 1})";
  for (const std::string method : {"ring", "all_gather_kv", "ulysses"}) {
    const Job job =
        inference_job(network(""),
                      R"({"parallel": {"tensor": 2, "sequence": {"degree": 4, "method": ")" +
                          method + R"("}}, )" + prefill,
                      8);
    std::int64_t cache = 0;
    for (const MemoryEffect& effect : job.graph.memory_effects()) {
      if (job.graph.text(effect.category) == "kv_cache") cache += effect.taken.count();
    }
    EXPECT_EQ(cache, kLayers * 2 * (1024 / 4) * 2 * kHidden / 2 * 2) << method;
    for (const auto& [category, left] : memory_of(job.graph).left) EXPECT_EQ(left, 0) << category;
  }
  const Job linear = inference_job(
      network("LLLN"), R"({"parallel": {"sequence": {"degree": 8, "method": "lasp2"}}, )" + prefill,
      8);
  EXPECT_EQ(sent_by(linear.graph, "sequence_parallel", 0),
            3 * 7 * 2 * kHeads * 32 * 32 * 2 +          // states of linear layers
                7 * 2 * (1024 / 8) * 2 * kHidden * 2);  // keys and values of the standard one
}

// What a softmax would take is not what the network takes: the result says so.
TEST(SharedSequences, SayOfWhichLinearLayersAllPairsAreComputed) {
  const auto left_out = [](const std::string& pattern, const std::string& method) {
    for (const WorkloadFact& fact :
         training_job(network(pattern), keys(8, method, 1024), 8).facts) {
      if (fact.key == "left_out_linear_layers") return fact.value;
    }
    return 0.0;
  };
  EXPECT_EQ(left_out("LLLN", R"("ulysses")"), 3);
  EXPECT_EQ(left_out("LLLN", R"("lasp2")"), 0);
  EXPECT_EQ(left_out("", R"("ulysses")"), 0);
}

TEST(SharedSequences, UlyssesTakesRowsPackedFromOddLengths) {
  const std::string packed = R"(, "sequences": {"kind": "packed", "lengths": [511, 513]})";
  const Job job = training_job(network(""), keys(8, R"("ulysses")", 1024, packed), 8);
  const OpId op = ops_labelled(job.graph, "forward.attention.attention 0").front();
  EXPECT_EQ(job.graph.kernel(job.graph.op(op).kernel).operations.as_double(),
            (511.0 * 511 + 513.0 * 513) * 2 * kHidden / 8);
}

TEST(SharedSequences, SayWhatTheyCannotDo) {
  const auto said = [](const JsonValue& of, const std::string& text, std::int64_t devices) {
    return read_training(workload_json(of, text), devices).mistakes();
  };
  const std::string place = "/parallel/sequence";
  EXPECT_EQ(said(network(""), keys(8, R"("lasp2")", 1024), 8),
            Mistakes{place + "/method: the network has no layer with linear attention"});
  EXPECT_EQ(said(network(""), keys(16, R"("ulysses")", 1024), 16),
            Mistakes{place + "/degree: Ulysses divides heads: 16 ranks do not divide 8 key-value "
                             "heads, which are also the most that it can use"});
  EXPECT_EQ(said(network(""), keys(8, R"("megatron_sp")", 1024), 8),
            Mistakes{place + "/method: megatron_sp divides weights too: say \"tensor\" 8 and "
                             "\"sequence_parallel\" true"});
  EXPECT_EQ(
      said(network(""), keys(8, R"("ring")", 1000), 8),
      Mistakes{place + "/degree: a sequence of 1000 tokens does not divide into 16 chunks, two "
                       "for each rank (layout \"zigzag\")"});
  EXPECT_EQ(said(network("L"), keys(8, R"("lasp", "layout": "zigzag")", 1024), 8),
            Mistakes{place + "/layout: lasp adds up states in the order of ranks: each has one "
                             "chunk, layout \"contiguous\""});
  EXPECT_EQ(said(network(""), keys(8, R"("ring", "standard_method": "ring")", 1024), 8),
            Mistakes{place + "/standard_method: belongs to methods of linear attention, lasp and "
                             "lasp2; others are of all layers"});
  EXPECT_EQ(
      said(network("LN"),
           keys(8, R"("lasp2", "standard_method": {"kind": "usp", "ulysses": 3})", 1024), 8),
      Mistakes{place + "/standard_method: usp: 3 ranks of Ulysses do not divide a degree of 8"});
  EXPECT_EQ(
      said(network("LN"), keys(8, R"("lasp2", "standard_method": "megatron_sp")", 1024), 8)[0].find(
          place + "/standard_method: megatron_sp divides weights too"),
      0U);
  EXPECT_EQ(said(network(""), keys(4, R"("ring")", 1024), 6),
            Mistakes{"/parallel: tensor 1 x pipeline 1 x sequence 4 = 4 ranks do not divide the "
                     "cluster's 6 devices"});
  EXPECT_EQ(said(network(""), keys(4, R"("ring")", 1024, R"(, "attention": "materialized")"), 4),
            Mistakes{place + ": materialized attention is not modelled on a part of a sequence"});
}

}  // namespace
}  // namespace orrery
