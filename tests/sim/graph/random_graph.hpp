#pragma once

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "sim/base/random.hpp"
#include "sim/engine/engine.hpp"
#include "sim/graph/executor.hpp"
#include "sim/graph/timeline.hpp"
#include "tests/sim/graph/fake_runner.hpp"

namespace orrery {

/// A small graph of all kinds of ops with durations of a few picoseconds, so that ties, ops of no
/// length and waits are all frequent. Dependencies point backwards, so that it comes to an end.
class RandomGraph {
 public:
  static constexpr int kGraphs = 400;

  explicit RandomGraph(int seed)
      : random_(static_cast<std::uint64_t>(seed), "random graph"),
        graph_(static_cast<Rank>(random_.integer(2, 6))) {
    for (const char* name : {"a", "b", "c"}) streams_.push_back(graph_.stream(name));
    for (const char* text : {"tensor", "pipeline", "data"}) labels_.push_back(graph_.label(text));
    kernel_ = graph_.kernel(Kernel{});
    const std::int64_t ops = random_.integer(1, 25);
    for (std::int64_t i = 0; i < ops; ++i) add_op();
  }

  const TaskGraph& graph() const { return graph_; }

  /// How long this participant takes on the fake machine.
  Duration duration(const Span& span) const {
    const Op& op = graph_.op(span.instance.op);
    const Durations& durations = durations_[span.instance.op.index()];
    if (op.kind == OpKind::delay) return op.delay;
    if (op.kind == OpKind::transfer) {
      return span.position == 0 ? durations.until_sent : durations.until_delivered;
    }
    return durations.on_rank.at(span.rank);
  }

  struct Outcome {
    Time makespan;
    std::vector<Span> spans;
  };
  Outcome run() const {
    Engine engine;
    FakeRunner runner(engine);
    for (std::size_t op = 0; op < durations_.size(); ++op) {
      runner.transfers(OpId(op), durations_[op].until_sent, durations_[op].until_delivered);
      for (const auto& [rank, duration] : durations_[op].on_rank) {
        runner.takes_on(OpId(op), rank, duration);
      }
    }
    Timeline timeline;
    Observer* const observer = &timeline;
    Executor executor(engine, graph_, runner, {&observer, 1});
    runner.report_to(executor.listener());
    const Time makespan = executor.run();
    return {makespan, timeline.spans()};
  }

 private:
  struct Durations {
    Duration until_sent;
    Duration until_delivered;
    std::map<Rank, Duration> on_rank;  // none for a transfer
  };

  template <class T>
  const T& any(const std::vector<T>& items) {
    return items[static_cast<std::size_t>(
        random_.integer(0, static_cast<std::int64_t>(items.size()) - 1))];
  }
  Duration any_duration() { return Duration(std::max<std::int64_t>(0, random_.integer(-3, 12))); }

  std::vector<Rank> any_ranks(std::int64_t count) {
    std::vector<Rank> all(static_cast<std::size_t>(graph_.world_size()));
    std::iota(all.begin(), all.end(), 0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const std::int64_t last = graph_.world_size() - 1;
      std::swap(all[i],
                all[static_cast<std::size_t>(random_.integer(static_cast<std::int64_t>(i), last))]);
    }
    all.resize(static_cast<std::size_t>(count));
    return all;
  }

  void add_op() {
    const OpKind kinds[] = {OpKind::compute, OpKind::transfer, OpKind::collective, OpKind::delay};
    Op op;
    op.kind = kinds[random_.integer(0, 3)];
    op.stream = any(streams_);
    op.label = op.category = any(labels_);
    op.kernel = kernel_;
    op.delay = any_duration();
    const std::int64_t count = random_.integer(1, graph_.world_size());
    const std::vector<Rank> ranks = any_ranks(count);
    op.ranks = graph_.rank_set(ranks);
    if (op.kind == OpKind::transfer) give_destinations(op, count);
    if (op.kind == OpKind::collective) {
      do {
        op.group_size = static_cast<std::uint32_t>(random_.integer(1, count));
      } while (count % op.group_size != 0);
    }
    const OpId id = graph_.add(op);
    add_durations(op, ranks);
    for (std::int64_t i = random_.integer(0, 3); i > 0 && id.index() > 0; --i) {
      const OpId on(
          static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(id.index()) - 1)));
      const Side sides[] = {Side::both, Side::source, Side::destination};
      graph_.depend(id, on, sides[random_.integer(0, 2)]);
    }
  }

  void give_destinations(Op& op, std::int64_t count) {
    op.peers = graph_.rank_set(any_ranks(count));
    if (random_.integer(0, 2) == 0) return;  // one-sided
    op.peer_stream = any(streams_);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      while (graph_.ranks(op.ranks)[i] == graph_.ranks(op.peers)[i] &&
             op.peer_stream == op.stream) {
        op.peer_stream = any(streams_);
      }
    }
  }

  void add_durations(const Op& op, const std::vector<Rank>& ranks) {
    const Duration until_sent = any_duration();
    Durations durations{until_sent, until_sent + any_duration(), {}};
    if (op.kind != OpKind::transfer) {
      for (const Rank rank : ranks) durations.on_rank[rank] = any_duration();
    }
    durations_.push_back(std::move(durations));
  }

  RandomStream random_;
  TaskGraph graph_;
  std::vector<StreamId> streams_;
  std::vector<LabelId> labels_;
  KernelId kernel_;
  std::vector<Durations> durations_;  // by op
};

}  // namespace orrery
