// Task graphs as programs of ranks and back, through memory, Chakra files and GOAL schedules, by
// what an executor makes of them: the same spans at the same times.
#include "traces/rank_programs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "tests/sim/graph/random_graph.hpp"
#include "tests/traces/trace_fixture.hpp"
#include "traces/chakra.hpp"
#include "traces/goal.hpp"
#include "traces/trace_file.hpp"

namespace orrery {
namespace {

using namespace literals;
using testing_program::TemporaryFolder;

/// The same graph with ops that can be told apart: the size of each is its number.
TaskGraph numbered(const TaskGraph& from) {
  TaskGraph graph(from.world_size());
  for (std::size_t i = 0; i < from.stream_count(); ++i) graph.stream(from.stream_name(StreamId(i)));
  for (std::size_t i = 0; i < from.label_count(); ++i) graph.label(from.text(LabelId(i)));
  for (std::size_t i = 0; i < from.rank_set_count(); ++i) {
    const std::span<const Rank> ranks = from.ranks(RankSetId(i));
    graph.rank_set({ranks.begin(), ranks.end()});
  }
  for (const Kernel& kernel : from.kernels()) graph.kernel(kernel);
  for (Op op : from.ops()) {
    op.bytes = Bytes(static_cast<std::int64_t>(graph.ops().size()) + 1);
    if (op.kind == OpKind::compute || op.kind == OpKind::delay) {
      op.label = graph.label(std::to_string(op.bytes.count()));
    }
    graph.add(op);
  }
  for (const Dependency& d : from.dependencies()) graph.depend(d.op, d.on, d.side);
  return graph;
}

/// A number of the op that survives a file: computes have no size there. 0: of no op of the graph.
std::int64_t number_of(const TaskGraph& graph, const Op& op) {
  const bool moves = op.kind == OpKind::transfer || op.kind == OpKind::collective;
  return moves ? op.bytes.count() : std::atoll(graph.text(op.label).c_str());
}

/// Ends of an op take what its number and the rank say.
Duration duration(std::int64_t number, Rank rank) {
  return Duration((number * 7 + rank * 5) % 12);
}

using Seen = std::tuple<std::int64_t, Rank, std::size_t, Time, Time>;

std::vector<Seen> spans_of(const TaskGraph& graph) {
  Engine engine;
  FakeRunner runner(engine);
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const Op& op = graph.op(OpId(i));
    const std::int64_t number = number_of(graph, op);
    runner.transfers(OpId(i), duration(number, 0), duration(number, 0) + duration(number, 1));
    if (op.kind == OpKind::transfer) continue;
    for (const Rank rank : graph.ranks(op.ranks)) {
      runner.takes_on(OpId(i), rank, duration(number, rank));
    }
  }
  Timeline timeline;
  Observer* const observer = &timeline;
  Executor executor(engine, graph, runner, {&observer, 1});
  runner.report_to(executor.listener());
  executor.run();
  std::vector<Seen> seen;
  for (const Span& span : timeline.spans()) {
    const Op& op = graph.op(span.instance.op);
    if (number_of(graph, op) == 0) continue;  // what gives the groups in a file
    const std::size_t position = op.kind == OpKind::transfer ? span.position : 0;
    seen.emplace_back(number_of(graph, op), span.rank, position, span.start, span.end);
  }
  std::sort(seen.begin(), seen.end());
  return seen;
}

std::vector<std::string> write(const RankPrograms& programs, const TemporaryFolder& folder) {
  std::vector<std::string> paths;
  for (std::size_t rank = 0; rank < programs.ranks.size(); ++rank) {
    paths.push_back(folder / (std::to_string(rank) + ".et"));
  }
  write_chakra(programs, [&](Rank rank) { return paths[static_cast<std::size_t>(rank)]; });
  return paths;
}

TEST(RankPrograms, ARandomGraphRunsTheSameThroughMemoryAndThroughChakra) {
  const TemporaryFolder folder;
  int compared = 0;
  for (int seed = 0; seed < RandomGraph::kGraphs; ++seed) {
    SCOPED_TRACE(seed);
    const TaskGraph graph = numbered(RandomGraph(seed).graph());
    RankPrograms programs;
    try {
      programs = split(graph);
    } catch (const TraceError&) {
      continue;  // an op waits for one on other ranks
    }
    ++compared;
    const std::vector<Seen> expected = spans_of(graph);
    EXPECT_EQ(spans_of(link(programs)), expected);
    if (seed % 10 != 0) continue;
    const std::vector<std::string> paths = write(programs, folder);
    const ChakraOptions options{.durations = ChakraOptions::Durations::cost_model};
    EXPECT_EQ(spans_of(link(read_chakra(paths, options))), expected);
  }
  EXPECT_GT(compared, RandomGraph::kGraphs / 10);
}

class ProgramsTest : public testing::Test {
 protected:
  explicit ProgramsTest(std::size_t ranks = 2) { programs_.ranks.resize(ranks); }

  RankOp op(RankOp::Kind kind, const char* label, std::vector<std::uint32_t> after = {}) {
    RankOp op;
    op.kind = kind;
    op.label = op.category = programs_.names.intern(label);
    op.after = std::move(after);
    op.bytes = 1_KiB;
    return op;
  }
  std::string deadlock() {
    try {
      link(programs_);
    } catch (const DeadlockError& error) {
      return error.what();
    }
    ADD_FAILURE() << "nothing is wrong";
    return "";
  }

  RankPrograms programs_;
};

TEST_F(ProgramsTest, WhatIsNeverMetIsNamed) {
  programs_.ranks[0] = {op(RankOp::Kind::send, "lonely")};
  programs_.ranks[0][0].peer = 1;
  EXPECT_NE(deadlock().find("rank 0 sends 1 messages of tag 0 to rank 1, which receives 0"),
            std::string::npos);
}

TEST_F(ProgramsTest, CirclesAreNamed) {
  programs_.ranks[0] = {op(RankOp::Kind::delay, "a", {1}), op(RankOp::Kind::delay, "b", {0})};
  EXPECT_NE(deadlock().find("circle: \"a\" (0) of rank 0"), std::string::npos) << deadlock();
  // Over two ranks: each sends only after it has received.
  for (Rank rank = 0; rank < 2; ++rank) {
    auto& program = programs_.ranks[static_cast<std::size_t>(rank)];
    program = {op(RankOp::Kind::receive, "get"), op(RankOp::Kind::send, "put", {0})};
    for (RankOp& each : program) each.peer = 1 - rank;
  }
  EXPECT_NE(deadlock().find("ranks wait for each other in a circle"), std::string::npos);
}

TEST_F(ProgramsTest, MembersThatDisagreeAreNamed) {
  programs_.groups = {{0, 1}};
  for (auto& program : programs_.ranks) {
    program = {op(RankOp::Kind::collective, "sum")};
    program[0].group = 0;
  }
  programs_.ranks[1][0].collective = CollectiveKind::broadcast;
  EXPECT_NE(deadlock().find("another collective"), std::string::npos);
  programs_.ranks[1].clear();
  EXPECT_NE(deadlock().find("runs 1 collectives of a group of 2, and rank 1 of it 0"),
            std::string::npos);
}

TEST_F(ProgramsTest, GoalKeepsWhatItHasWordsFor) {
  const TemporaryFolder folder;
  const std::string path = folder / "s.goal";
  programs_.ranks[0] = {op(RankOp::Kind::delay, "calc"), op(RankOp::Kind::send, "send", {0})};
  programs_.ranks[0][0].took = 1'234_ns;
  programs_.ranks[0][1].peer = 1;
  programs_.ranks[0][1].tag = 5;
  programs_.ranks[1] = {op(RankOp::Kind::receive, "recv")};
  programs_.ranks[1][0].tag = 5;
  write_goal(path, programs_);
  const std::string text = read_trace_file(path);
  EXPECT_NE(text.find("l2: send 1024b to 1 tag 5"), std::string::npos) << text;
  EXPECT_NE(text.find("l2 requires l1"), std::string::npos) << text;
  const RankPrograms read = read_goal(text, path);
  EXPECT_EQ(read.ranks[0][0].took, 1'234_ns);
  EXPECT_EQ(read.ranks[0][1].after, std::vector<std::uint32_t>{0});
  EXPECT_EQ(link(read).ops().size(), 2U);
  write_goal(path, read);
  EXPECT_EQ(read_trace_file(path), text);
}

TEST(Goal, WrongLinesAreNamed) {
  const auto says = [](const char* text) { return complaint([&] { read_goal(text, "s.goal"); }); };
  EXPECT_EQ(says("rank 0 {\n}"), "s.goal: line 1: expected \"num_ranks N\" first");
  EXPECT_EQ(says("num_ranks 2\nrank 2 {\n}"),
            "s.goal: line 2: expected a number from 0 to 1, got \"2\"");
  EXPECT_EQ(says("num_ranks 1\nrank 0 {\nl1: cacl 5\n}"),
            "s.goal: line 3: expected \"calc\", \"send\" or \"recv\", got \"cacl\"");
  EXPECT_EQ(says("num_ranks 1\nrank 0 {\nl1: calc 5\nl1 requires l2\n}"),
            "s.goal: line 4: no op before this has the label \"l2\"");
  EXPECT_EQ(says("num_ranks 2\nrank 0 {\nl1: send 5b from 1\n}"),
            "s.goal: line 3: expected \"to RANK\" behind the amount");
  EXPECT_EQ(says("num_ranks 1\nrank 0 {\n"), "s.goal: line 2: the file ends within rank 0");
}

TEST(Goal, WhatOthersWriteIsRead) {
  const RankPrograms programs = read_goal(
      "num_ranks 2\n\nrank 0 {\nl1: calc 100 cpu 0\nl2: send 10b to 1 tag 3 cpu 0 nic 0;\n"
      "l3: calc 7 cpu 1\nl2 requires l1\nl3 irequires l2\n}\n"
      "rank 1 {\nrecv 10b from 0 tag 3 // no label\n}\n",
      "s.goal");
  EXPECT_EQ(programs.ranks[0][2].after, std::vector<std::uint32_t>{0}) << "what l2 waits for";
  const TaskGraph graph = link(programs);
  EXPECT_EQ(graph.ops().size(), 3U) << "a send and its receive are one";
}

}  // namespace
}  // namespace orrery
