#pragma once

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "sim/engine/engine.hpp"
#include "sim/graph/executor.hpp"
#include "sim/graph/timeline.hpp"
#include "tests/sim/graph/fake_runner.hpp"

namespace orrery {

/// The two ends of a transfer.
struct Route {
  std::vector<Rank> from;
  std::vector<Rank> to;
};

/// Builds a graph with durations, op by op, and runs it on the fake machine.
class GraphFixture : public ::testing::Test {
 public:
  static constexpr Rank kWorldSize = 8;

  OpId compute(std::string_view stream, std::vector<Rank> ranks, Duration duration,
               std::string_view label = "work") {
    return add(op_of(OpKind::compute, stream, std::move(ranks), label), duration);
  }
  OpId delay(std::string_view stream, std::vector<Rank> ranks, Duration duration) {
    Op op = op_of(OpKind::delay, stream, std::move(ranks), "pause");
    op.delay = duration;
    return graph.add(op);
  }
  OpId collective(std::string_view stream, std::vector<Rank> ranks, std::uint32_t group_size,
                  Duration duration, std::string_view label = "reduce") {
    Op op = op_of(OpKind::collective, stream, std::move(ranks), label);
    op.group_size = group_size;
    return add(op, duration);
  }
  OpId transfer(std::string_view stream, std::string_view peer_stream, const Route& route,
                Duration duration, std::string_view label = "send") {
    Op op = op_of(OpKind::transfer, stream, route.from, label);
    op.peer_stream = graph.stream(peer_stream);
    op.peers = graph.rank_set(route.to);
    return add(op, duration);
  }
  OpId put(std::string_view stream, const Route& route, Duration duration) {
    Op op = op_of(OpKind::transfer, stream, route.from, "put");
    op.peers = graph.rank_set(route.to);
    return add(op, duration);
  }

  Time run() {
    Executor executor(engine, graph, runner, observers);
    runner.report_to(executor.listener());
    return executor.run();
  }

  /// The only span of the op on that rank, or its end at this position in the instance.
  const Span& span(OpId op, Rank rank, std::size_t position) const {
    for (const Span& s : timeline.spans()) {
      if (s.instance.op == op && s.rank == rank && s.position == position) return s;
    }
    ADD_FAILURE() << "no span of op " << op.index() << " on rank " << rank;
    static const Span none;
    return none;
  }
  const Span& span(OpId op, Rank rank) const {
    const Span* only = nullptr;
    for (const Span& s : timeline.spans()) {
      if (s.instance.op != op || s.rank != rank) continue;
      EXPECT_EQ(only, nullptr) << "op " << op.index() << " has two spans on rank " << rank;
      only = &s;
    }
    return only != nullptr ? *only : span(op, rank, 0);
  }
  const Span& source(OpId op, Rank rank) const { return span(op, rank, 0); }
  const Span& destination(OpId op, Rank rank) const { return span(op, rank, 1); }

  TaskGraph graph{kWorldSize};
  Engine engine;
  FakeRunner runner{engine};
  Timeline timeline;
  std::vector<Observer*> observers{&timeline};

 private:
  Op op_of(OpKind kind, std::string_view stream, std::vector<Rank> ranks, std::string_view label) {
    Op op;
    op.kind = kind;
    op.stream = graph.stream(stream);
    op.ranks = graph.rank_set(std::move(ranks));
    op.label = graph.label(label);
    op.category = op.label;
    op.kernel = kernel_;
    return op;
  }
  OpId add(const Op& op, Duration duration) {
    const OpId id = graph.add(op);
    runner.takes(id, duration);
    return id;
  }

  KernelId kernel_ = graph.kernel(Kernel{});
};

}  // namespace orrery
