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

/// Label, start and end in nanoseconds, of rank 0.
std::map<std::string, std::pair<std::int64_t, std::int64_t>> times_of(const std::string& goal) {
  RankPrograms programs = read_goal(goal, "s.goal");
  for (std::uint32_t i = 0; i < programs.ranks[0].size(); ++i) {
    programs.ranks[0][i].label = programs.names.intern(std::to_string(i));
  }
  const TaskGraph graph = link(programs);
  Engine engine;
  FakeRunner runner(engine);
  for (std::size_t op = 0; op < graph.ops().size(); ++op) {
    runner.transfers(OpId(op), Duration(1'000), Duration(1'000));
  }
  Timeline timeline;
  Observer* const observer = &timeline;
  Executor executor(engine, graph, runner, {&observer, 1});
  runner.report_to(executor.listener());
  executor.run();
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> times;
  for (const Span& span : timeline.spans()) {
    if (span.rank != 0) continue;
    times[graph.text(graph.op(span.instance.op).label)] = {span.start.picoseconds() / 1000,
                                                           span.end.picoseconds() / 1000};
  }
  return times;
}

TEST(Goal, WhatWaitsHoldsUpNeitherItsProcessorNorOtherSends) {
  using Times = std::pair<std::int64_t, std::int64_t>;
  // The send of 1 waits for an answer to the send of 2, to the same rank and behind it in the file.
  const std::string answered =
      "num_ranks 2\nrank 0 {\nr: recv 8b from 1 tag 5\na: send 8b to 1 tag 1\n"
      "b: send 8b to 1 tag 2\na requires r\n}\nrank 1 {\nrb: recv 8b from 0 tag 2\n"
      "s: send 8b to 0 tag 5\nra: recv 8b from 0 tag 1\ns requires rb\n}\n";
  EXPECT_EQ(times_of(answered).at("1"), (Times{2, 3}));
  // Two independent calcs, in either order: the one that need not wait comes first.
  const auto calcs = times_of(
      "num_ranks 2\nrank 0 {\nr: recv 8b from 1\nw: calc 10\nc: calc 5\nd: calc 5\n"
      "w requires r\n}\nrank 1 {\nsend 8b to 0\n}\n");
  EXPECT_EQ(calcs.at("2"), (Times{0, 5}));
  EXPECT_EQ(calcs.at("1"), (Times{5, 15})) << "of those that are ready, the first of the file";
  EXPECT_EQ(calcs.at("3"), (Times{15, 20})) << "one at a time";
}

TEST_F(ProgramsTest, StreamsAreProcessorsOfAGoalSchedule) {
  const TemporaryFolder folder;
  const std::string path = folder / "s.goal";
  for (const char* stream : {"a", "b", "a"}) {
    programs_.ranks[0].push_back(op(RankOp::Kind::delay, "calc"));
    programs_.ranks[0].back().stream = programs_.names.intern(stream);
    programs_.ranks[0].back().took = 5_ns;
  }
  order_streams(programs_);
  write_goal(path, programs_);
  const auto times = times_of(read_trace_file(path));
  EXPECT_EQ(times.at("1").first, 0) << "beside the first";
  EXPECT_EQ(times.at("2").first, 5) << "behind it";
}

TEST_F(ProgramsTest, WhatATrackerAndAnUpdateNeedComesBack) {
  TaskGraph graph(2);
  Kernel kernel;
  kernel.continues = kernel.updates = true;
  Op part;
  part.kind = OpKind::compute;
  part.kernel = graph.kernel(kernel);
  part.stream = graph.stream("compute");
  part.ranks = graph.rank_set({0, 1});
  part.label = graph.label("part");
  graph.track(graph.add(part), 5_KiB);
  graph.trigger(graph.add(part), 5_KiB);
  Op update;
  update.kind = OpKind::transfer;
  update.movement = Movement::remote_update;
  update.stream = graph.stream("dma");
  update.ranks = graph.rank_set({0});
  update.peers = graph.rank_set({1});
  update.bytes = 1_KiB;
  graph.add(update);
  const TemporaryFolder folder;
  const TaskGraph back = link(read_chakra(write(split(graph), folder),
                                          {.durations = ChakraOptions::Durations::cost_model}));
  Bytes tracked;
  Bytes triggered;
  for (const TrackerEffect& effect : back.tracker_effects()) {
    tracked += effect.tracked;
    triggered += effect.triggered;
  }
  EXPECT_EQ(tracked, 2 * 5_KiB) << "on both ranks";
  EXPECT_EQ(triggered, 2 * 5_KiB);
  ASSERT_EQ(back.kernels().size(), 1U);
  EXPECT_EQ(back.kernels()[0], kernel);
  const auto moved = std::find_if(back.ops().begin(), back.ops().end(),
                                  [](const Op& op) { return op.kind == OpKind::transfer; });
  EXPECT_EQ(moved->movement, Movement::remote_update);
}

TEST_F(ProgramsTest, SizesThatDisagreeAreCounted) {
  programs_.groups = {{0, 1}};
  for (auto& program : programs_.ranks) {
    program = {op(RankOp::Kind::collective, "sum")};
    program[0].group = 0;
  }
  programs_.ranks[1][0].bytes = 3_KiB;
  std::vector<RankPrograms::LeftOut> left_out;
  EXPECT_EQ(link(programs_, &left_out).ops()[0].bytes, 3_KiB) << "the largest, on whichever rank";
  ASSERT_EQ(left_out.size(), 1U);
  EXPECT_EQ(left_out[0].count, 1U);
  programs_.ranks[0][0].bytes = 3_KiB;
  left_out.clear();
  link(programs_, &left_out);
  EXPECT_TRUE(left_out.empty());
}

TEST(Goal, WhatOthersWriteIsRead) {
  const RankPrograms programs = read_goal(
      "num_ranks 2\n\nrank 0 {\nl1: calc 100 cpu 0\nl2: send 10b to 1 tag 3 cpu 0 nic 0;\n"
      "l3: calc 7 cpu 1\nl2 requires l1\nl3 irequires l2\n}\n"
      "rank 1 {\nrecv 10b from 0 tag 3 // no label\n}\n",
      "s.goal");
  EXPECT_EQ(programs.ranks[0][2].after, std::vector<std::uint32_t>{0}) << "what l2 waits for";
  const RankPrograms chain = read_goal(
      "num_ranks 1\nrank 0 {\na: calc 9\nb: calc 1\nc: calc 1\nd: calc 1\n"
      "d irequires c\nc irequires b\nb requires a\n}\n",
      "s.goal");
  EXPECT_EQ(chain.ranks[0][3].after, std::vector<std::uint32_t>{0}) << "whatever the lines' order";
  const TaskGraph graph = link(programs);
  EXPECT_EQ(graph.ops().size(), 3U) << "a send and its receive are one";
}

}  // namespace
}  // namespace orrery
