// "pipeline_transfers": what stages send, and what waits for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/schedule/pipeline_schedule.hpp"

namespace orrery {
namespace {

using testing::read_training;
using testing::SmallGpt;
using testing::training_job;
using testing::workload_json;

constexpr std::int64_t kTensor = 2;
constexpr std::int64_t kStages = 4;
constexpr std::int64_t kMicroBatches = 8;
constexpr std::int64_t kLength = 128;
const SmallGpt kNetwork{.layers = 8};

Job job_with(const std::string& keys, bool sequence_parallel = false) {
  return training_job(kNetwork.json(),
                      R"({"parallel": {"tensor": 2, "pipeline": 4, "sequence_parallel": )" +
                          std::string(sequence_parallel ? "true" : "false") +
                          R"(}, "sequence_length": 128, "micro_batch": 1, "global_batch": 8,
                          "dropout": true)" +
                          keys + "}",
                      kTensor * kStages);
}

const std::string kScatter = R"(, "pipeline_transfers": {"scatter_gather": true})";
const std::string kBlocking = R"(, "pipeline_transfers": {"blocking": true})";
const std::string kBoth = R"(, "pipeline_transfers": {"blocking": true, "scatter_gather": true})";
const std::string kInterleaved = R"(, "schedule": {"kind": "interleaved", "virtual_stages": 2})";

struct Moved {
  std::int64_t transfers = 0;
  Bytes sent;  // by a rank, all passes
  std::int64_t gathers = 0;
  Bytes gathered;
};

Moved moved_by(const TaskGraph& graph) {
  Moved moved;
  for (const Op& op : graph.ops()) {
    if (graph.text(op.category) != "pipeline_parallel") continue;
    if (op.kind == OpKind::transfer) {
      moved.transfers += 1;
      moved.sent += op.bytes;
    } else {
      EXPECT_EQ(op.collective, CollectiveKind::all_gather);
      EXPECT_EQ(op.group_size, kTensor);
      moved.gathers += 1;
      moved.gathered += op.bytes;
    }
  }
  return moved;
}

TEST(PipelineTransfers, ScatteringSendsAPartAndGathersTheWhole) {
  const Bytes state = Bytes(2) * kLength * kNetwork.hidden;
  const std::int64_t transfers = 2 * (kStages - 1) * kMicroBatches;
  const Moved plain = moved_by(job_with("").graph);
  EXPECT_EQ(plain.transfers, transfers);
  EXPECT_EQ(plain.sent, state * transfers);
  EXPECT_EQ(plain.gathers, 0);
  const Moved scattered = moved_by(job_with(kScatter).graph);
  EXPECT_EQ(scattered.transfers, transfers);
  EXPECT_EQ(scattered.sent * kTensor, state * transfers);
  EXPECT_EQ(scattered.gathers, transfers);
  EXPECT_EQ(scattered.gathered, state * transfers);
}

TEST(PipelineTransfers, UnderSequenceParallelismThereIsNothingToScatter) {
  const Moved plain = moved_by(job_with("", true).graph);
  const Moved scattered = moved_by(job_with(kScatter, true).graph);
  EXPECT_EQ(scattered.sent, plain.sent);
  EXPECT_EQ(scattered.gathers, 0);
}

/// Kernels that wait for a transfer that their own rank sends, by transfer.
std::map<OpId, OpId> waiters(const TaskGraph& graph) {
  std::map<OpId, OpId> result;
  for (const Dependency& dependency : graph.dependencies()) {
    const Op& on = graph.op(dependency.on);
    const Op& op = graph.op(dependency.op);
    if (on.kind == OpKind::transfer && op.kind == OpKind::compute && on.ranks == op.ranks) {
      EXPECT_TRUE(result.emplace(dependency.on, dependency.op).second) << "one kernel waits";
    }
  }
  return result;
}

TEST(PipelineTransfers, BlockingOnesHoldUpTheNextPassOfTheirSource) {
  EXPECT_TRUE(waiters(job_with("").graph).empty());
  const Job job = job_with(kBlocking);
  const std::map<OpId, OpId> waiting = waiters(job.graph);
  std::int64_t transfers = 0;
  for (std::size_t i = 0; i < job.graph.ops().size(); ++i) {
    const OpId id(i);
    if (job.graph.op(id).kind != OpKind::transfer) continue;
    transfers += 1;
    // The first kernel on the source behind the transfer, whatever it is.
    std::size_t next = i + 1;
    while (job.graph.op(OpId(next)).kind != OpKind::compute ||
           job.graph.op(OpId(next)).ranks != job.graph.op(id).ranks) {
      ++next;
      ASSERT_LT(next, job.graph.ops().size()) << "the optimizer is a kernel";
    }
    const bool last = job.graph.text(job.graph.op(OpId(next)).category) == "optimizer";
    EXPECT_EQ(waiting.contains(id), !last);
    if (!last) {
      EXPECT_EQ(waiting.at(id), OpId(next));
    }
  }
  EXPECT_EQ(transfers, 2 * (kStages - 1) * kMicroBatches);
}

/// Kernels that wait for a forward and a backward transfer.
std::int64_t joint_waits(const TaskGraph& graph) {
  std::map<OpId, std::vector<std::string>> labels;
  for (const auto& [transfer, kernel] : waiters(graph)) {
    labels[kernel].push_back(graph.text(graph.op(transfer).label));
  }
  return std::count_if(labels.begin(), labels.end(), [](const auto& kernel) {
    std::vector<std::string> of = kernel.second;
    std::sort(of.begin(), of.end());
    return of == std::vector<std::string>{"backward.pipeline", "forward.pipeline"};
  });
}

TEST(PipelineTransfers, InterleavedStagesHandOverBothWaysAtOnce) {
  const auto schedulers = builtin_pipeline_schedulers();
  const std::int64_t chunks = 2;
  const PipelineSchedule schedule =
      schedulers.find("interleaved")->make()->schedule({kStages, chunks, kMicroBatches});
  std::int64_t pairs = 0;  // a forward pass and a backward pass that both send, and a pass behind
  for (std::size_t stage = 0; stage < schedule.order.size(); ++stage) {
    const auto& order = schedule.order[stage];
    const auto part = [&](const PipelineSlot& slot) {
      return slot.chunk * kStages + static_cast<std::int64_t>(stage);
    };
    for (std::size_t slot = 0; slot + 2 < order.size(); ++slot) {
      pairs += order[slot].pass == Pass::forward && part(order[slot]) + 1 < chunks * kStages &&
               order[slot + 1].pass == Pass::backward && part(order[slot + 1]) > 0;
    }
  }
  EXPECT_GT(pairs, 0);
  EXPECT_EQ(joint_waits(job_with(kBlocking + kInterleaved).graph), pairs);
  EXPECT_EQ(joint_waits(job_with(kBlocking).graph), 0);
}

/// Ops are added in an order in which they can run: streams keep it, dependencies must point back.
TEST(PipelineTransfers, NeverDeadlockAndGiveBackTheirBuffers) {
  for (const std::string& schedule :
       {std::string(), kInterleaved, std::string(R"(, "schedule": {"kind": "gpipe"})"),
        std::string(R"(, "schedule": {"kind": "zb_h1"})"),
        std::string(R"(, "schedule": {"kind": "dualpipe"})")}) {
    const Job job = job_with(kBoth + schedule);
    for (const Dependency& dependency : job.graph.dependencies()) {
      ASSERT_LT(dependency.on, dependency.op) << schedule;
    }
    std::map<std::pair<Rank, LabelId>, std::int64_t> left;
    for (const MemoryEffect& effect : job.graph.memory_effects()) {
      const Op& op = job.graph.op(effect.op);
      for (const RankSetId set : {op.ranks, op.peers}) {
        if (!set.valid()) continue;
        for (const Rank rank : job.graph.ranks(set)) {
          left[{rank, effect.category}] += effect.taken.count() - effect.freed.count();
        }
      }
    }
    for (const auto& [where, bytes] : left) EXPECT_EQ(bytes, 0) << schedule;
  }
}

TEST(PipelineTransfers, AreResolvedToTheSameAgainAndReadStrictly) {
  const std::string keys = R"({"parallel": {"tensor": 2, "pipeline": 2}, "sequence_length": 128,
      "micro_batch": 1, "global_batch": 8, "kernels": "megatron",
      "pipeline_transfers": {"blocking": true}})";
  const testing::Read first = read_training(workload_json(kNetwork.json(), keys), 4);
  ASSERT_NE(first.workload, nullptr);
  const std::string resolved = to_text(first.workload->resolved(), false);
  for (const char* part : {R"("kernels":"megatron")",
                           R"("pipeline_transfers":{"blocking":true,"scatter_gather":false})"}) {
    EXPECT_NE(resolved.find(part), std::string::npos) << part << " in " << resolved;
  }
  const testing::Read again = read_training(workload_json(kNetwork.json(), resolved), 4);
  ASSERT_NE(again.workload, nullptr);
  EXPECT_EQ(to_text(again.workload->resolved(), false), resolved);
  const std::string wrong = R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 1,
      "pipeline_transfers": {"blocking": 1, "scater_gather": true}})";
  const auto mistakes = read_training(workload_json(kNetwork.json(), wrong), 1).mistakes();
  ASSERT_EQ(mistakes.size(), 2U);
  EXPECT_TRUE(mistakes[0].starts_with("/pipeline_transfers/blocking: expected")) << mistakes[0];
  EXPECT_TRUE(mistakes[1].starts_with("/pipeline_transfers/scater_gather: no such key"))
      << mistakes[1];
}

}  // namespace
}  // namespace orrery
