// What data-parallel ranks divide and move. Expected values come from the network's sizes and the
// formulas of the papers.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/workloads/strategy_fixture.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using testing::job_with;
using testing::mistakes;
using testing::ops_labelled;
using testing::shape_of;
using testing::SmallGpt;
using testing::static_memory;
using testing::training_job;

TEST(TrainingSharding, ZeroDividesWhatItSays) {
  const JsonValue network = SmallGpt{}.json();
  const std::int64_t parameters = network_parameters(shape_of(network));
  ASSERT_EQ(parameters % 4, 0);
  const auto job = [&](const std::string& sharding) {
    return training_job(network, R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 8,
        "sharding": )" + sharding + "}",
                        4);
  };
  const auto bytes = [&](const std::string& sharding) {
    const Job made = job(sharding);
    return std::vector<std::int64_t>{static_memory(made.graph, "weights", 0).count(),
                                     static_memory(made.graph, "gradients", 0).count(),
                                     static_memory(made.graph, "optimizer", 0).count()};
  };
  using Three = std::vector<std::int64_t>;
  const std::int64_t p = parameters;
  EXPECT_EQ(bytes(R"({"kind": "none"})"), (Three{2 * p, 4 * p, 12 * p}));
  EXPECT_EQ(bytes(R"({"kind": "zero1"})"), (Three{2 * p, 4 * p, 12 * p / 4}));
  EXPECT_EQ(bytes(R"({"kind": "zero2"})"), (Three{2 * p, 4 * p / 4, 12 * p / 4}));
  EXPECT_EQ(bytes(R"({"kind": "zero3"})"), (Three{2 * p / 4, 4 * p / 4, 12 * p / 4}));
  EXPECT_EQ(bytes(R"({"kind": "fsdp", "group": 2})"), (Three{2 * p / 2, 4 * p / 2, 12 * p / 2}));
}

/// Rajbhandari et al. 2020, §7: stages 1 and 2 move as much as an all-reduce does, reduce-scatter
/// and all-gather; stage 3 gathers the weights for each pass.
TEST(TrainingSharding, ZeroMovesWhatItSays) {
  const JsonValue network = SmallGpt{}.json();
  const std::int64_t p = network_parameters(shape_of(network));
  const std::int64_t micro_batches = 2;
  const auto moved = [&](const std::string& sharding) {
    const Job job = training_job(network,
                                 R"({"sequence_length": 128, "micro_batch": 1,
        "global_batch": 8, "sharding": )" +
                                     sharding + "}",
                                 4);
    std::map<CollectiveKind, std::int64_t> bytes;
    for (const Op& op : job.graph.ops()) {
      if (op.kind == OpKind::collective) bytes[op.collective] += op.bytes.count();
    }
    return bytes;
  };
  using Moved = std::map<CollectiveKind, std::int64_t>;
  constexpr auto kReduceScatter = CollectiveKind::reduce_scatter;
  constexpr auto kAllGather = CollectiveKind::all_gather;
  constexpr auto kAllReduce = CollectiveKind::all_reduce;
  EXPECT_EQ(moved(R"({"kind": "none"})"), (Moved{{kAllReduce, 4 * p}}));
  EXPECT_EQ(moved(R"({"kind": "zero1"})"), (Moved{{kReduceScatter, 4 * p}, {kAllGather, 2 * p}}));
  EXPECT_EQ(moved(R"({"kind": "zero2"})"),
            (Moved{{kReduceScatter, micro_batches * 4 * p}, {kAllGather, 2 * p}}));
  EXPECT_EQ(moved(R"({"kind": "zero3"})"), (Moved{{kReduceScatter, micro_batches * 4 * p},
                                                  {kAllGather, 2 * micro_batches * 2 * p}}));
  EXPECT_EQ(moved(R"({"kind": "zero3", "reshard_after_forward": false})"),
            (Moved{{kReduceScatter, micro_batches * 4 * p}, {kAllGather, micro_batches * 2 * p}}));
  EXPECT_EQ(moved(R"({"kind": "fsdp", "group": 2})"),
            (Moved{{kReduceScatter, micro_batches * 4 * p},
                   {kAllGather, 2 * micro_batches * 2 * p},
                   {kAllReduce, 4 * p / 2}}));
}

TEST(TrainingSharding, AGatherWaitsForTheUseBeforeThosePrefetched) {
  for (const std::size_t prefetch : {0U, 1U, 3U}) {
    const Job job =
        training_job(SmallGpt{}.json(),
                     R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 4, "sharding":
            {"kind": "fsdp", "prefetch": )" +
                         std::to_string(prefetch) + "}}",
                     4);
    const std::vector<OpId> gathers = ops_labelled(job.graph, "weights.all_gather");
    ASSERT_EQ(gathers.size(), 2U * 6U);  // embedding, four layers and head, there and back
    std::map<OpId, OpId> waits_for;
    for (const Dependency& d : job.graph.dependencies()) {
      if (std::find(gathers.begin(), gathers.end(), d.op) != gathers.end()) waits_for[d.op] = d.on;
    }
    for (std::size_t i = 0; i < gathers.size(); ++i) {
      ASSERT_EQ(waits_for.count(gathers[i]), i > prefetch ? 1U : 0U) << i;
      if (i <= prefetch) continue;
      // The last kernel of the use: after its gather, before the next.
      const OpId kernel = waits_for[gathers[i]];
      const std::size_t use = i - 1 - prefetch;
      EXPECT_GT(kernel, gathers[use]);
      EXPECT_LT(kernel, gathers[use + 1]);
    }
  }
}

TEST(TrainingSharding, ClippingSumsOneNumberOverAllRanksOfACopy) {
  const auto norm = [](const Job& job) {
    return job.graph.op(ops_labelled(job.graph, "gradients.norm.all_reduce").at(0));
  };
  const Op whole = norm(job_with(R"("gradient_clipping": true)"));
  EXPECT_EQ(whole.bytes, Bytes(4));
  EXPECT_EQ(whole.group_size, 2U * 4U);  // tensor x pipeline
  const Op sharded = norm(job_with(R"("gradient_clipping": true, "sharding": {"kind": "zero1"})"));
  EXPECT_EQ(sharded.group_size, 16U) << "every rank has a shard of its own";
  EXPECT_TRUE(ops_labelled(job_with("").graph, "gradients.norm").empty());
}

/// With a cluster that could not be read nothing is known of the replicas that it has room for.
TEST(TrainingSharding, OfAnUnknownClusterNoGroupIsWrong) {
  const std::string keys = R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 8,
                               "sharding": {"kind": "fsdp", "group": 8}})";
  EXPECT_EQ(mistakes(keys, 0), std::vector<std::string>{});
}

}  // namespace
}  // namespace orrery
