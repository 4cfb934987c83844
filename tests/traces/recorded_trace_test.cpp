// Traces that were read: Chrome JSON, PyTorch's profiler, CSV; what is said of them, and what runs
// again of them.
#include "traces/recorded_trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "sim/graph/executor.hpp"
#include "sim/graph/timeline.hpp"
#include "tests/sim/graph/fake_runner.hpp"
#include "tests/traces/kineto_profile.hpp"
#include "tests/traces/trace_fixture.hpp"
#include "traces/chrome_trace.hpp"
#include "traces/csv_trace.hpp"
#include "traces/kineto.hpp"
#include "traces/perfetto.hpp"
#include "traces/trace_events.hpp"
#include "traces/trace_file.hpp"
#include "traces/trace_formats.hpp"
#include "traces/trace_summary.hpp"

namespace orrery {
namespace {

using namespace literals;
using testing_program::TemporaryFolder;
using testing_program::write_file;

/// Two kernels on stream 7, an all-reduce on stream 20 beside the second, a copy behind it, host
/// events; times as PyTorch writes them, microseconds since 1970.
constexpr const char* kProfile = R"json({
 "schemaVersion": 1, "distributedInfo": {"backend": "nccl", "rank": 3, "world_size": 8},
 "deviceProperties": [{"id": 0, "name": "NVIDIA H100"}],
 "traceEvents": [
  {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 1, "ts": 1700000000000000.000, "dur": 50},
  {"ph": "X", "cat": "kernel", "name": "gemm_a", "pid": 0, "tid": 7, "ts": 1700000000000010.500, "dur": 10,
   "args": {"stream": 7, "grid": [1, 2, 3]}},
  {"ph": "X", "cat": "kernel", "name": "gemm_b", "pid": 0, "tid": 7, "ts": 1700000000000022.500, "dur": 20},
  {"ph": "X", "cat": "kernel", "name": "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(x)", "pid": 0,
   "tid": 20, "ts": 1700000000000020.500, "dur": 30,
   "args": {"Collective name": "allreduce", "In msg nelems": 1048576, "Out msg nelems": 1048576,
            "Group size": 2, "dtype": "BFloat16", "Process Group Name": "1",
            "Process Group Ranks": "[1, 3]"}},
  {"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy DtoH", "pid": 0, "tid": 7, "ts": 1700000000000051.500, "dur": 4},
  {"ph": "M", "name": "thread_name", "pid": 0, "tid": 7, "args": {"name": "stream 7"}},
  {"ph": "M", "name": "thread_name", "pid": 0, "tid": 20, "args": {"name": "stream 20"}}
 ]
})json";

TEST(TraceEvents, AProfileOfPyTorchIsRead) {
  const RecordedTrace trace = read_trace_events(kProfile, "x.json");
  EXPECT_EQ(trace.format, "PyTorch profiler");
  EXPECT_EQ(trace.rank, 3);
  EXPECT_EQ(trace.world_size, 8);
  ASSERT_EQ(trace.spans.size(), 5U);
  EXPECT_EQ(trace.spans[0].work, Work::host);
  EXPECT_EQ(trace.spans[1].start, Time(10'500_ns))
      << "no microsecond since 1970 loses its fraction";
  EXPECT_EQ(trace.spans[3].work, Work::communication);
  EXPECT_EQ(trace.spans[4].work, Work::copy);
  ASSERT_EQ(trace.collectives.size(), 1U);
  EXPECT_EQ(trace.collectives[0].ranks, (std::vector<std::int32_t>{1, 3}));
  EXPECT_EQ(trace.tracks[trace.spans[3].track].name, "stream 20");
}

TEST(TraceEvents, WhatIsBrokenIsNamedWithItsByte) {
  const std::string cut = std::string(kProfile).substr(0, 500);
  EXPECT_NE(
      complaint([&] { read_trace_events(cut, "x.json"); }).find("x.json: byte 501: broken JSON"),
      std::string::npos);
  EXPECT_NE(complaint([] { detect_format("hello", "y"); }).find("y: is no trace of a known format"),
            std::string::npos);
}

TEST(TraceEvents, WhatASpanIsDoesNotHangOnTheOrderOfTheFile) {
  const char* const kHost =
      R"({"ph":"X","cat":"user_annotation","name":"step","pid":0,"tid":1,"ts":0,"dur":1000})";
  const char* const kKernel =
      R"({"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":100,"dur":10})";
  const auto both = [](const std::string& a, const std::string& b) { return a + "," + b; };
  for (const std::string& text :
       {"[" + both(kHost, kKernel) + "]", "[" + both(kKernel, kHost) + "]",
        R"({"traceEvents":[)" + both(kHost, kHost) + R"(],"schemaVersion":1})"}) {
    for (const RecordedTrace::Span& span : read_trace_events(text, "x").spans) {
      EXPECT_EQ(span.work, span.duration == 10_us ? Work::compute : Work::host) << text;
    }
  }
}

TEST(TraceEvents, JsonThatIsNoTraceIsRefusedAndWhatHasNoTimeIsCounted) {
  for (const char* text : {"{}", "[1, 2]", R"({"orrery_result": 1})", R"([{"a": "b"}])"}) {
    EXPECT_NE(complaint([&] { read_trace_events(text, "x"); }).find("x: is JSON, and no trace"),
              std::string::npos)
        << text;
  }
  for (const char* text : {"[]", R"({"traceEvents": []})"}) {
    EXPECT_TRUE(read_trace_events(text, "x").spans.empty()) << text;
  }
  const RecordedTrace trace = read_trace_events(
      R"([{"ph":"X","name":"a","pid":0,"tid":0,"ts":"abc","dur":1},
          {"ph":"X","name":"b","pid":0,"tid":0,"ts":1e30,"dur":1},
          {"ph":"C","name":"c","pid":0,"ts":null,"args":{"v":1}},
          {"ph":"X","name":"d","pid":0,"tid":0,"ts":1,"dur":1}])",
      "x");
  EXPECT_EQ(trace.spans.size(), 1U);
  EXPECT_EQ(trace.left_out, 3U);
  ASSERT_EQ(trace.warnings.size(), 1U);
  EXPECT_EQ(trace.warnings[0].substr(0, 25), "3 events were left out: t");
}

TEST(TraceEvents, BeginAndEndAreSpansToo) {
  const RecordedTrace trace = read_trace_events(
      R"([{"ph":"B","name":"a","pid":0,"tid":0,"ts":1},{"ph":"B","name":"b","pid":0,"tid":0,"ts":2},
          {"ph":"E","pid":0,"tid":0,"ts":4},{"ph":"E","pid":0,"tid":0,"ts":7.5}])",
      "x");
  ASSERT_EQ(trace.spans.size(), 2U);
  EXPECT_EQ(trace.spans[0].duration, 2_us);
  EXPECT_EQ(trace.spans[1].duration, 6'500_ns);
}

TEST(TraceSummary, TimesAreUnionsAndOverlapIsTheirs) {
  const TraceSummary summary = summarise(read_trace_events(kProfile, "x"));
  const WorkTimes& times = summary.average;
  EXPECT_EQ(times.length, 45_us) << "10.5 to 55.5";
  EXPECT_EQ(times.compute, 30_us);
  EXPECT_EQ(times.communication, 30_us);
  EXPECT_EQ(times.overlapped, 20_us) << "22.5 to 42.5";
  EXPECT_EQ(times.exposed, 10_us);
  EXPECT_EQ(times.copy, 4_us);
  EXPECT_EQ(times.idle, 1_us) << "50.5 to 51.5";
  EXPECT_DOUBLE_EQ(times.overlap(), 2.0 / 3);
  EXPECT_EQ(summary.ops.front().time, 30_us);
}

TEST(TraceSummary, OpsAreAlignedByNameAndOrder) {
  const RecordedTrace first = read_trace_events(kProfile, "x");
  RecordedTrace second = first;
  second.spans[2].duration = 25_us;  // gemm_b, 20 us in the first
  second.spans[4].name = second.names.intern("other");
  const TraceComparison comparison = compare(first, second);
  EXPECT_EQ(comparison.aligned, 3U);
  EXPECT_EQ(comparison.first_only, 1U);
  EXPECT_EQ(comparison.second_only, 1U);
  EXPECT_DOUBLE_EQ(comparison.mean_error, 5.0 / (10 + 20 + 30));
}

/// Runs a graph whose delays take what they say, and everything else `rest`.
std::map<std::string, Time> starts(const TaskGraph& graph, Duration rest) {
  Engine engine;
  FakeRunner runner(engine);
  for (std::size_t op = 0; op < graph.ops().size(); ++op) runner.takes(OpId(op), rest);
  Timeline timeline;
  Observer* const observer = &timeline;
  Executor executor(engine, graph, runner, {&observer, 1});
  runner.report_to(executor.listener());
  executor.run();
  std::map<std::string, Time> result;
  for (const Span& span : timeline.spans()) {
    if (span.rank == 0) result[graph.text(graph.op(span.instance.op).label)] = span.start;
  }
  return result;
}

TEST(Kineto, ReplayedAsRecordedEveryOpBeginsWhenItDid) {
  const RecordedTrace trace = read_trace_events(kProfile, "x");
  const RankPrograms programs = kineto_programs(
      std::span(&trace, 1), {.communication = KinetoOptions::Communication::recorded, .ranks = 1});
  const auto begin = starts(link(programs), 0_ps);
  EXPECT_EQ(begin.at("gemm_a"), Time());
  EXPECT_EQ(begin.at("ncclDevKernel_AllReduce_Sum_bf16_RING_LL(x)"), Time(10_us));
  EXPECT_EQ(begin.at("gemm_b"), Time(12_us)) << "2 us of the host behind gemm_a";
  EXPECT_EQ(begin.at("Memcpy DtoH"), Time(41_us)) << "1 us behind the all-reduce";
}

TEST(Kineto, OnAnotherNetworkOnlyWhatWaitsForItMoves) {
  const RecordedTrace trace = read_trace_events(kProfile, "x");
  const RankPrograms programs = kineto_programs(std::span(&trace, 1), {});
  ASSERT_EQ(programs.ranks.size(), 8U) << "the trace's world";
  EXPECT_EQ(programs.groups.size(), 4U) << "pairs of stride 2, one for each two ranks";
  EXPECT_EQ(programs.groups[0], (std::vector<Rank>{0, 2}));
  EXPECT_EQ(programs.groups[1], (std::vector<Rank>{1, 3}));
  EXPECT_EQ(programs.groups[3], (std::vector<Rank>{5, 7}));
  const auto begin = starts(link(programs), 100_us);
  EXPECT_EQ(begin.at("gemm_b"), Time(12_us));
  EXPECT_EQ(begin.at("Memcpy DtoH"), Time(111_us)) << "10 + 100 + 1 us";
  const auto& ops = programs.ranks[0];
  EXPECT_EQ(std::count_if(ops.begin(), ops.end(),
                          [](const RankOp& op) {
                            return op.kind == RankOp::Kind::collective && op.bytes == 2_MiB;
                          }),
            1);
}

/// Four ranks of a whole step, 1800 events each with all that a profiler writes besides.
class ProfileOfRanks : public testing::Test {
 protected:
  ProfileOfRanks() {
    for (std::int32_t rank = 0; rank < 4; ++rank) {
      profile_.rank = rank;
      write_file(folder_ / ("step." + std::to_string(rank) + ".json"), profile_.text());
    }
  }
  std::string pattern() const { return folder_ / "step.{rank}.json"; }

  TemporaryFolder folder_;
  KinetoProfile profile_;
};

TEST_F(ProfileOfRanks, IsSummedUpAsItWasMade) {
  const TraceSummary summary = summarise(load_trace(pattern()));
  ASSERT_EQ(summary.processes.size(), 4U);
  EXPECT_EQ(summary.processes[3].name, "rank 3");
  for (const TraceSummary::Process& process : summary.processes) {
    EXPECT_EQ(process.times.length, profile_.length() * 1_us);
    EXPECT_EQ(process.times.compute, profile_.compute() * 1_us);
    EXPECT_EQ(process.times.communication, profile_.communication() * 1_us);
    EXPECT_EQ(process.times.exposed, profile_.exposed() * 1_us);
    EXPECT_EQ(process.times.overlapped, (profile_.communication() - profile_.exposed()) * 1_us);
    EXPECT_EQ(process.times.copy, profile_.copy * 1_us);
    EXPECT_EQ(process.times.idle, 0_us) << "every gap has a part of an all-reduce beside it";
  }
  ASSERT_EQ(summary.ops.size(), 4U) << "nothing of the host, no annotation";
  EXPECT_EQ(summary.ops[0].count, 4U * static_cast<std::uint64_t>(profile_.layers));
}

TEST_F(ProfileOfRanks, ComparesProcessByProcess) {
  const RecordedTrace first = load_trace(pattern());
  RecordedTrace second = first;
  for (RecordedTrace::Span& span : second.spans) {
    if (span.work == Work::communication) span.duration += 5_us;
  }
  const TraceComparison comparison = compare(first, second);
  EXPECT_EQ(comparison.processes, 4U);
  EXPECT_EQ(comparison.aligned, 4U * (3U * static_cast<std::uint64_t>(profile_.layers) + 1U));
  EXPECT_EQ(comparison.first_only + comparison.second_only, 0U);
  const std::int64_t work = profile_.compute() + profile_.communication() + profile_.copy;
  EXPECT_DOUBLE_EQ(comparison.mean_error,
                   static_cast<double>(5 * profile_.layers) / static_cast<double>(work));
  const TraceComparison one = compare(first, load_trace(folder_ / "step.2.json"));
  EXPECT_EQ(one.processes, 1U) << "of traces with different numbers of them the first of each";
}

TEST_F(ProfileOfRanks, ReplayedAsRecordedItTakesAsLong) {
  std::vector<RecordedTrace> traces;
  for (int rank = 0; rank < 4; ++rank) {
    traces.push_back(load_trace(folder_ / ("step." + std::to_string(rank) + ".json")));
  }
  const RankPrograms programs =
      kineto_programs(traces, {.communication = KinetoOptions::Communication::recorded});
  const auto begin = starts(link(programs), 0_ps);
  EXPECT_EQ(begin.at("Memcpy DtoH (Device -> Pinned)"),
            Time((profile_.length() - profile_.copy) * 1_us));
  const RankPrograms simulated = kineto_programs(traces, {});
  ASSERT_EQ(simulated.groups.size(), 1U) << "all ranks share what their files call one group";
  EXPECT_EQ(simulated.groups[0], (std::vector<Rank>{0, 1, 2, 3}));
  const auto collectives = [](const std::vector<RankOp>& ops) {
    return std::count_if(ops.begin(), ops.end(), [](const RankOp& op) {
      return op.kind == RankOp::Kind::collective && op.bytes == 8_MiB;
    });
  };
  for (const auto& ops : simulated.ranks) EXPECT_EQ(collectives(ops), profile_.layers);
  // A trace of the replay says what a span was by its category.
  for (const auto& ops : programs.ranks) {
    for (const RankOp& op : ops) {
      const std::string& category = programs.names.text(op.category);
      EXPECT_EQ(to_string(work_of(programs.names.text(op.label), category, -1)), category);
    }
  }
}

TEST(Kineto, GroupsOfTheSameRanksAreApart) {
  std::vector<RecordedTrace> traces;
  for (const bool reversed : {false, true}) {
    std::string events;
    for (const int at : {0, 1}) {
      const std::string group = std::to_string(reversed ? 2 - at : 1 + at);
      events +=
          std::string(at > 0 ? "," : "") +
          R"({"ph":"X","cat":"kernel","name":"ncclDevKernel_AllReduce","pid":0,"tid":)" + group +
          R"(,"ts":)" + std::to_string(20 * at) +
          R"(,"dur":10,"args":{"Collective name":"allreduce","In msg nelems":8,"dtype":"Float",
                    "Group size":2,"Process Group Ranks":"[0, 1]","Process Group Name":")" +
          group + "\"}}";
    }
    traces.push_back(read_trace_events("[" + events + "]", "x"));
  }
  const RankPrograms programs = kineto_programs(traces, {});
  EXPECT_EQ(programs.groups, (std::vector<std::vector<Rank>>{{0, 1}, {0, 1}}));
}

TEST(TraceFormats, AScheduleHasNoTimelineAndMayBeginWithAComment) {
  const TemporaryFolder folder;
  write_file(folder / "s.goal", "# made by hand\nnum_ranks 1\nrank 0 {\nl1: calc 5\n}\n");
  const RecordedTrace trace = load_trace(folder / "s.goal");
  EXPECT_EQ(trace.spans.size(), 1U);
  EXPECT_NE(complaint([&] {
              write_perfetto_trace(folder / "s.pftrace", trace);
            }).find("does not say when its ops began"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "s.pftrace"));
}

TEST(TraceFormats, ARunIsTheSameInAllThatWeWrite) {
  TaskGraph graph(1);
  Op op;
  op.kind = OpKind::delay;
  op.stream = graph.stream("a, \"b\"");
  op.ranks = graph.rank_set({0});
  op.label = graph.label("with, comma and \"quotes\"\nand a line");
  op.category = graph.label("forward");
  const OpId id = graph.add(op);
  const std::vector<Span> spans = {{{id, 0}, 0, 0, op.stream, Time(1_us), Time(3_us), Time(7_us)}};
  const TemporaryFolder folder;
  write_csv_trace(folder / "a", {.graph = graph, .spans = spans});
  write_chrome_trace(folder / "b", {.graph = graph, .spans = spans});
  for (const char* name : {"a", "b"}) {
    const RecordedTrace trace = load_trace(folder / name);
    ASSERT_EQ(trace.spans.size(), 2U) << "the wait, then the op";
    EXPECT_EQ(trace.spans[0].work, Work::wait);
    EXPECT_EQ(trace.spans[0].duration, 2_us);
    EXPECT_EQ(trace.names.text(trace.spans[1].name), graph.text(op.label));
    EXPECT_EQ(trace.spans[1].duration, 4_us);
    EXPECT_EQ(trace.tracks[0].name, "a, \"b\"");
  }
  write_file(folder / "a", std::string(kCsvHeader) + "\n0,1,s,op,delay,c,0,0,x,\n");
  EXPECT_NE(
      complaint([&] { load_trace(folder / "a"); }).find("a: line 2: expected a number, got \"x\""),
      std::string::npos);
}

}  // namespace
}  // namespace orrery
