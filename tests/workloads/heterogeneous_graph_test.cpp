// The step of a plan: who exchanges what, and that weights and gradients go to everybody.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/builtin.hpp"
#include "workloads/heterogeneous_graph.hpp"

namespace orrery {
namespace {

using testing::SmallGpt;

constexpr std::int64_t kDevices = 8;

JsonValue workload(const std::string& more) {
  JsonValue value = parse_json(R"({"global_batch": 6, "lengths": [4000, 700, 650, 300, 100, 9],
      "plan": {"cost": {"million_pairs": "1 ms", "thousand_tokens": "1 s", "exchange_per_token": "2 MB", "fixed": "1 ms",
               "exchange_bandwidth": {"2": "100 GB/s", "4": "100 GB/s", "8": "1 GB/s"},
               "token_memory": "10 MB", "memory": "21 GB", "fixed_memory": "1 GB"})" +
                                   more + "}}",
                               "scenario.json");
  JsonValue network = SmallGpt{}.json();
  set_origin(network, {value.origin.file, "/network"});
  value.members.push_back({"network", std::move(network)});
  return value;
}

HeterogeneousSettings settings_of(const std::string& more) {
  const JsonValue value = workload(more);
  Diagnostics diagnostics;
  std::optional<HeterogeneousSettings> settings =
      read_heterogeneous(JsonCursor(value, diagnostics), {.devices = kDevices});
  diagnostics.throw_if_any();
  return *settings;
}

TEST(HeterogeneousGraph, ExchangesWhatUlyssesExchangesInEveryGroup) {
  const HeterogeneousSettings settings = settings_of("");
  const NetworkShape& shape = settings.network;
  const SequencePlan plan = plan_sequences(settings.plan, settings.lengths_of(0));
  ASSERT_GT(plan.micro_batches[0].groups[0].devices, plan.micro_batches[0].groups.back().devices)
      << "groups differ";
  const TaskGraph graph = HeterogeneousGraph(settings, plan).build();
  std::map<std::pair<Rank, std::size_t>, double> exchanged;  // by first rank and size of the group
  std::map<std::pair<Rank, std::size_t>, double> expected;
  for (const SequenceMicroBatch& micro_batch : plan.micro_batches) {
    Rank first = 0;
    for (const SequenceGroup& group : micro_batch.groups) {
      const auto members = static_cast<std::size_t>(group.devices);
      const std::int64_t own = (group.tokens + group.devices - 1) / group.devices;
      // Queries, keys, values and output, forward and backward, of 2 bytes, in every layer.
      const std::int64_t bytes = 2 * 4 * 2 * own * shape.hidden * shape.layers;
      if (members > 1) expected[{first, members}] += static_cast<double>(bytes);
      first += static_cast<Rank>(group.devices);
    }
    EXPECT_LE(first, kDevices);
  }
  for (const Op& op : graph.ops()) {
    if (op.kind != OpKind::collective || op.collective != CollectiveKind::all_to_all) continue;
    const auto ranks = graph.ranks(op.ranks);
    EXPECT_EQ(op.group_size, ranks.size());
    exchanged[{ranks.front(), ranks.size()}] += op.bytes.as_double();
  }
  EXPECT_EQ(exchanged, expected);
}

TEST(HeterogeneousGraph, AttentionWorksOnWholeSequencesWithAShareOfTheHeads) {
  const HeterogeneousSettings settings = settings_of("");
  const SequencePlan plan = plan_sequences(settings.plan, settings.lengths_of(0));
  const TaskGraph graph = HeterogeneousGraph(settings, plan).build();
  double pairs = 0;  // twice, the diagonal half: squares of lengths
  double padding = 0;
  for (const SequenceMicroBatch& micro_batch : plan.micro_batches) {
    for (const SequenceGroup& group : micro_batch.groups) {
      for (const std::int64_t length : group.lengths) {
        pairs += static_cast<double>(length) * static_cast<double>(length);
      }
      padding += static_cast<double>(group.devices * group.devices);
    }
  }
  double operations = 0;
  for (const Op& op : graph.ops()) {
    if (op.kind != OpKind::compute) continue;
    const Kernel& kernel = graph.kernel(op.kernel);
    if (kernel.kind != "attention") continue;
    operations += kernel.operations.as_double() * static_cast<double>(graph.ranks(op.ranks).size());
  }
  // Two products of 2 operations for every element of a head and pair, half of them masked.
  const double each = 2.0 * static_cast<double>(settings.network.hidden * settings.network.layers);
  EXPECT_GE(operations, each * pairs);
  EXPECT_LE(operations, each * (pairs + padding)) << "but for tokens that fill up";
}

TEST(HeterogeneousGraph, WeightsAndGradientsTravelUnitByUnitInEveryMicroBatch) {
  for (const char* method : {R"(, "method": "fixed", "group": 8)", ""}) {
    const HeterogeneousSettings settings = settings_of(method);
    const SequencePlan plan = plan_sequences(settings.plan, settings.lengths_of(0));
    const TaskGraph graph = HeterogeneousGraph(settings, plan).build();
    const auto micro_batches = static_cast<std::int64_t>(plan.micro_batches.size());
    std::int64_t parameters = 0;
    for (const std::int64_t unit : unit_parameters_of(settings.network)) parameters += unit;
    std::int64_t gathered = 0;
    std::int64_t reduced = 0;
    for (const Op& op : graph.ops()) {
      if (op.kind != OpKind::collective || op.collective == CollectiveKind::all_to_all) continue;
      EXPECT_EQ(op.group_size, kDevices);
      (op.collective == CollectiveKind::all_gather ? gathered : reduced) += op.bytes.count();
    }
    EXPECT_EQ(gathered, 2 * 2 * parameters * micro_batches) << "forward and backward, 2 bytes";
    EXPECT_EQ(reduced, 2 * parameters * micro_batches);
    Bytes states;
    for (const StaticMemory& memory : graph.static_memory()) states += memory.bytes;
    EXPECT_NEAR(states.as_double(), 16.0 * static_cast<double>(parameters) / kDevices, 16);
  }
}

/// What an op waits for.
std::vector<OpId> awaited(const TaskGraph& graph, OpId op) {
  std::vector<OpId> result;
  for (const Dependency& dependency : graph.dependencies()) {
    if (dependency.op == op) result.push_back(dependency.on);
  }
  return result;
}

TEST(HeterogeneousGraph, GradientsArePassedOverThenReducedAndOnlyThenTheNextWeightsGathered) {
  HeterogeneousSettings settings = settings_of("");
  settings.gradient_passes = 2;
  std::int64_t parameters = 0;
  for (const std::int64_t unit : unit_parameters_of(settings.network)) parameters += unit;
  const SequencePlan plan = plan_sequences(settings.plan, settings.lengths_of(0));
  for (const std::int64_t prefetch : {0, 1}) {
    settings.prefetch = prefetch;
    const TaskGraph graph = HeterogeneousGraph(settings, plan).build();
    std::int64_t passed = 0;
    OpId pass;
    OpId reduction;
    for (std::size_t n = 0; n < graph.ops().size(); ++n) {
      const OpId id(n);
      const Op& op = graph.op(id);
      const std::vector<OpId> before = awaited(graph, id);
      const auto waits_for = [&](OpId on) {
        return std::find(before.begin(), before.end(), on) != before.end();
      };
      if (graph.text(op.label) == "gradients.pass") {
        pass = id;
        EXPECT_EQ(graph.ranks(op.ranks).size(), static_cast<std::size_t>(kDevices));
        EXPECT_EQ(graph.kernel(op.kernel).read, graph.kernel(op.kernel).written);
        passed += graph.kernel(op.kernel).read.count();
      } else if (graph.text(op.label) == "gradients.reduce_scatter") {
        EXPECT_TRUE(waits_for(pass)) << n;
        reduction = id;
      } else if (graph.text(op.label) == "weights.all_gather" && reduction.valid()) {
        EXPECT_EQ(waits_for(reduction), prefetch == 0) << n;
      }
    }
    const auto micro_batches = static_cast<std::int64_t>(plan.micro_batches.size());
    EXPECT_EQ(passed, settings.gradient_passes * 2 * parameters * micro_batches) << "of 2 bytes";
  }
}

TEST(HeterogeneousGraph, LinearLayersAreNotRunAsThoughTheyHadASoftmax) {
  JsonValue value = workload("");
  value.find("network")->members.push_back(
      {"linear_attention", parse_json(R"({"pattern": "LLLN"})", "scenario.json")});
  Diagnostics diagnostics;
  EXPECT_FALSE(
      read_heterogeneous(JsonCursor(value, diagnostics), {.devices = kDevices}).has_value());
  ASSERT_EQ(diagnostics.count(), 1U);
  EXPECT_NE(diagnostics.items()[0].message.find("of the 4 layers 3 are linear"), std::string::npos)
      << diagnostics.items()[0].message;
}

TEST(HeterogeneousGraph, WhatIsResolvedGivesTheSamePlanAgain) {
  const JsonValue first = workload(R"(, "method": "batch_adaptive", "buckets": 3)");
  Diagnostics diagnostics;
  const WorkloadContext context{.devices = kDevices};
  JsonValue resolved =
      make_heterogeneous_sequence_parallel(JsonCursor(first, diagnostics), context)->resolved();
  const std::string text = to_text(resolved, false);
  resolved.members.push_back({"network", *first.find("network")});
  const std::string again = to_text(
      make_heterogeneous_sequence_parallel(JsonCursor(resolved, diagnostics), context)->resolved(),
      false);
  EXPECT_EQ(again, text);
  EXPECT_EQ(diagnostics.count(), 0U);
}

}  // namespace
}  // namespace orrery
