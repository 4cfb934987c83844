#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "tests/sim/graph/random_graph.hpp"

namespace orrery {
namespace {

/// The rules of the task graph once more, as plain loops over all pairs of spans.
class Rules {
 public:
  Rules(const TaskGraph& graph, const std::vector<Span>& spans) : graph_(&graph), spans_(&spans) {}

  /// When this rank could go on: after all that its participant must wait for.
  Time ready(const Span& span) const {
    Time latest;
    for (const Span& other : *spans_) {
      if (follows_in_stream(span, other) || depends(span, other)) {
        latest = std::max(latest, other.end);
      }
    }
    return latest;
  }

  /// When the last participant of its instance could go on.
  Time start(const Span& span) const {
    Time latest;
    for (const Span& other : *spans_) {
      if (other.instance.op == span.instance.op &&
          other.instance.instance == span.instance.instance) {
        latest = std::max(latest, other.ready);
      }
    }
    return latest;
  }

  static bool same_stream(const Span& a, const Span& b) {
    return a.rank == b.rank && a.stream == b.stream && a.stream.valid();
  }
  static auto order(const Span& span) {
    return std::tuple(span.instance.op, span.instance.instance, span.position);
  }

 private:
  static bool follows_in_stream(const Span& span, const Span& other) {
    return same_stream(span, other) && order(other) < order(span);
  }

  bool depends(const Span& span, const Span& on) const {
    return std::any_of(graph_->dependencies().begin(), graph_->dependencies().end(),
                       [&](const Dependency& d) {
                         if (d.op != span.instance.op || d.on != on.instance.op) return false;
                         if (graph_->op(d.op).kind == OpKind::transfer) {
                           if (d.side == Side::source && span.position == 1) return false;
                           if (d.side == Side::destination && span.position == 0) return false;
                         }
                         return span.rank == on.rank || !have_a_common_rank(d);
                       });
  }

  bool have_a_common_rank(const Dependency& d) const {
    const bool transfer = graph_->op(d.op).kind == OpKind::transfer;
    for (const Span& x : *spans_) {
      if (x.instance.op != d.op) continue;
      if (transfer && d.side == Side::source && x.position == 1) continue;
      if (transfer && d.side == Side::destination && x.position == 0) continue;
      for (const Span& y : *spans_) {
        if (y.instance.op == d.on && x.rank == y.rank) return true;
      }
    }
    return false;
  }

  const TaskGraph* graph_;
  const std::vector<Span>* spans_;
};

auto fields(const Span& s) {
  return std::tuple(s.instance.op, s.instance.instance, s.position, s.rank, s.stream, s.ready,
                    s.start, s.end);
}

/// Checks one claim on many graphs.
template <class Check>
void on_random_graphs(Check check) {
  for (int seed = 0; seed < RandomGraph::kGraphs; ++seed) {
    SCOPED_TRACE(seed);
    const RandomGraph random(seed);
    check(random, random.run());
  }
}

TEST(ExecutorOnRandomGraphs, TwoRunsGiveTheSameSpansInTheSameOrder) {
  on_random_graphs([](const RandomGraph& random, const RandomGraph::Outcome& outcome) {
    const RandomGraph::Outcome again = random.run();
    EXPECT_EQ(again.makespan, outcome.makespan);
    ASSERT_EQ(again.spans.size(), outcome.spans.size());
    for (std::size_t i = 0; i < again.spans.size(); ++i) {
      EXPECT_EQ(fields(again.spans[i]), fields(outcome.spans[i]));
    }
  });
}

TEST(ExecutorOnRandomGraphs, EveryParticipantHasOneSpan) {
  on_random_graphs([](const RandomGraph& random, const RandomGraph::Outcome& outcome) {
    std::size_t expected = 0;
    for (const Op& op : random.graph().ops()) {
      expected += random.graph().ranks(op.ranks).size() * (op.kind == OpKind::transfer ? 2 : 1);
    }
    std::map<std::tuple<OpId, std::uint32_t, std::size_t>, int> seen;
    for (const Span& span : outcome.spans) EXPECT_EQ(++seen[Rules::order(span)], 1);
    EXPECT_EQ(seen.size(), expected);
  });
}

TEST(ExecutorOnRandomGraphs, EverythingStartsAtTheMomentItsLastParticipantMayAndTakesItsTime) {
  on_random_graphs([](const RandomGraph& random, const RandomGraph::Outcome& outcome) {
    const Rules rules(random.graph(), outcome.spans);
    for (const Span& span : outcome.spans) {
      EXPECT_EQ(span.ready, rules.ready(span)) << "op " << span.instance.op.index();
      EXPECT_EQ(span.start, rules.start(span)) << "op " << span.instance.op.index();
      EXPECT_EQ(span.end, span.start + random.duration(span)) << "op " << span.instance.op.index();
    }
  });
}

TEST(ExecutorOnRandomGraphs, AStreamRunsOneOpAtATimeInOpOrder) {
  on_random_graphs([](const RandomGraph&, const RandomGraph::Outcome& outcome) {
    for (const Span& a : outcome.spans) {
      for (const Span& b : outcome.spans) {
        if (Rules::same_stream(a, b) && Rules::order(a) < Rules::order(b)) {
          EXPECT_LE(a.end, b.start);
        }
      }
    }
  });
}

TEST(ExecutorOnRandomGraphs, TheMakespanIsTheLastEndAndSpansComeInOrderOfEnd) {
  on_random_graphs([](const RandomGraph&, const RandomGraph::Outcome& outcome) {
    Time last;
    for (const Span& span : outcome.spans) {
      EXPECT_LE(last, span.end);
      last = std::max(last, span.end);
    }
    EXPECT_EQ(outcome.makespan, last);
  });
}

}  // namespace
}  // namespace orrery
