#include "traces/perfetto.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "tests/traces/trace_fixture.hpp"
#include "traces/perfetto_recorder.hpp"
#include "traces/trace_file.hpp"
#include "traces/trace_formats.hpp"

namespace orrery {
namespace {

using namespace literals;
using testing_program::TemporaryFolder;

/// Rank 0 computes, then sends to rank 1, which stood ready before; a DMA follows the kernel.
class PerfettoTest : public testing::Test {
 protected:
  PerfettoTest() {
    Op work;
    work.kind = OpKind::compute;
    work.kernel = graph_.kernel(Kernel{});
    work.stream = graph_.stream("compute");
    work.ranks = graph_.rank_set({0});
    work.label = graph_.label("matmul \"up\"");
    work.category = graph_.label("forward");
    kernel_ = graph_.add(work);
    Op send;
    send.kind = OpKind::transfer;
    send.stream = send.peer_stream = graph_.stream("network");
    send.ranks = graph_.rank_set({0});
    send.peers = graph_.rank_set({1});
    send.label = graph_.label("activations");
    send.category = graph_.label("pipeline_parallel");
    send.bytes = 3_MiB;
    send_ = graph_.add(send);
    send.peer_stream = StreamId();
    send.stream = graph_.stream("dma");
    send.label = graph_.label("chunk");
    dma_ = graph_.add(send);
    graph_.depend(dma_, kernel_, Side::source);
    add(kernel_, 0, 0, work.stream, 0_ps, 0_ps, 1_us);
    add(send_, 0, 0, graph_.stream("network"), 1_us, 1_us, 1_us + 1'499_ps);
    add(send_, 1, 1, graph_.stream("network"), 0_ps, 1_us, 2_us);
    add(dma_, 0, 0, send.stream, 1_us, 1_us, 3_us);
  }

  void add(OpId op, std::size_t position, Rank rank, StreamId stream, Duration ready,
           Duration start, Duration end) {
    spans_.push_back({{op, 0}, position, rank, stream, Time(ready), Time(start), Time(end)});
  }
  RunTrace run() const { return {.graph = graph_, .spans = spans_}; }
  std::string path() const { return folder_ / "trace.pftrace"; }

  TemporaryFolder folder_;
  TaskGraph graph_{2};
  OpId kernel_;
  OpId send_;
  OpId dma_;
  std::vector<Span> spans_;
};

TEST_F(PerfettoTest, WhatIsWrittenIsReadBack) {
  const std::vector<MemoryLog::Sample> memory = {{Time(1_us), 1, 77}};
  const std::vector<UtilisationTrack> links = {
      {"node 0 -> switch", {{Time(), 0.25F}, {Time(2_us), 0.5F}, {Time(3_us), 0.0F}}}};
  const std::vector<TrackerSample> tracker = {{Time(1_us), 0, 12}, {Time(2_us), 0, 3}};
  RunTrace traced = run();
  traced.memory = memory;
  traced.tracker = tracker;
  traced.utilisation = links;
  write_perfetto_trace(path(), traced);
  const RecordedTrace trace = load_trace(path());
  EXPECT_EQ(trace.format, "Perfetto");
  ASSERT_EQ(trace.spans.size(), spans_.size() + 1) << "and the wait of rank 1";
  for (const RecordedTrace::Span& span : trace.spans) {
    const std::string& name = trace.names.text(span.name);
    if (name == "wait") {
      EXPECT_EQ(span.work, Work::wait);
      EXPECT_EQ(span.duration, 1_us);
      EXPECT_EQ(trace.tracks[span.track].process_name, "rank 1");
    } else if (name == "matmul \"up\"") {
      EXPECT_EQ(span.work, Work::compute);
      EXPECT_EQ(trace.names.text(span.category), "forward");
      EXPECT_EQ(trace.tracks[span.track].name, "compute");
      EXPECT_EQ(span.duration, 1_us);
    } else {
      EXPECT_EQ(span.work, Work::communication);
      EXPECT_EQ(span.bytes, (3_MiB).count());
      EXPECT_EQ(span.start, Time(1_us));
    }
  }
  ASSERT_EQ(trace.counters.size(), 3U);
  EXPECT_EQ(trace.counters[0].name, "rank 1: memory");
  EXPECT_DOUBLE_EQ(trace.counters[0].samples.at(0).value, 77);
  EXPECT_EQ(trace.counters[1].name, "rank 0: tracker entries in use");
  EXPECT_DOUBLE_EQ(trace.counters[1].samples.at(1).value, 3);
  EXPECT_DOUBLE_EQ(trace.counters[2].samples.at(1).value, 50);
}

TEST_F(PerfettoTest, CountersAreWrittenWhereTheyChange) {
  const std::vector<MemoryLog::Sample> memory = {
      {Time(1_us), 1, 77}, {Time(2_us), 1, 77}, {Time(3_us), 1, 0}};
  const std::vector<UtilisationTrack> links = {{"link",
                                                {{Time(), 0.25F},
                                                 {Time(1_us), 0.2505F},
                                                 {Time(2_us), 0.2515F},
                                                 {Time(3_us), 0.0004F},
                                                 {Time(4_us), 0.0F}}}};
  RunTrace traced = run();
  traced.memory = memory;
  traced.utilisation = links;
  write_perfetto_trace(path(), traced);
  const RecordedTrace trace = load_trace(path());
  ASSERT_EQ(trace.counters.size(), 2U);
  EXPECT_EQ(trace.counters[0].samples.size(), 2U) << "77 once";
  ASSERT_EQ(trace.counters[1].samples.size(), 4U) << "less than 0.1 % of the capacity is not seen";
  EXPECT_EQ(trace.counters[1].samples[1].time, Time(2_us));
  EXPECT_EQ(trace.counters[1].samples[3].value, 0) << "idle is";
}

TEST_F(PerfettoTest, TimesAreRoundedToNanosecondsWithoutAddingUp) {
  spans_.clear();
  constexpr std::int64_t kSpans = 1000;
  const Duration length(1'600);  // a third of the rounded lengths are 1 ns, the others 2
  for (std::int64_t i = 0; i < kSpans; ++i) {
    add(kernel_, 0, 0, graph_.stream("compute"), i * length, i * length, (i + 1) * length);
  }
  write_perfetto_trace(path(), run());
  EXPECT_EQ(load_trace(path()).end(), Time(kSpans * length));
}

TEST_F(PerfettoTest, ProtocReadsIt) {
  write_perfetto_trace(path(), run());
  const std::string text = decoded(path(), "perfetto.proto", "Trace");
  if (text.empty()) GTEST_SKIP() << "no protoc";
  EXPECT_EQ(occurrences(text, "TYPE_SLICE_BEGIN"), spans_.size() + 1);
  EXPECT_EQ(occurrences(text, "TYPE_SLICE_END"), spans_.size() + 1);
  EXPECT_EQ(occurrences(text, "process_name: \"rank "), 2U);
  EXPECT_EQ(occurrences(text, "thread_name: "), 4U);
  // Both ends of the send, and the kernel with the DMA that it triggers.
  EXPECT_EQ(occurrences(text, " flow_ids: "), 2U);
  EXPECT_EQ(occurrences(text, "terminating_flow_ids: "), 2U);
  // A field that the schema lacks would be shown by its number.
  for (const char digit : {'1', '2', '3', '4', '5', '6', '7', '8', '9'}) {
    EXPECT_EQ(text.find(std::string("\n  ") + digit), std::string::npos);
    EXPECT_EQ(text.find(std::string("\n    ") + digit), std::string::npos);
  }
}

TEST_F(PerfettoTest, RanksAndAWindowAreSelected) {
  RunTrace traced = run();
  traced.selection.ranks = {0, 1};
  write_perfetto_trace(path(), traced);
  EXPECT_EQ(load_trace(path()).spans.size(), 2U) << "what rank 1 received, and its wait";
  traced.selection = {.from = Time(2_us), .until = Time(9_us)};
  write_perfetto_trace(path(), traced);
  EXPECT_EQ(load_trace(path()).spans.size(), 3U) << "those that end at 2 us or later";
  traced.selection.from = Time(2_us + 1_ps);
  write_perfetto_trace(path(), traced);
  EXPECT_EQ(load_trace(path()).spans.size(), 1U);
}

/// The costliest span: an amount, a flow, and times that take four bytes.
TEST_F(PerfettoTest, ASpanTakesFewBytes) {
  constexpr std::int64_t kMostBytes = 50;
  constexpr std::int64_t kSpans = 10'000;
  spans_.clear();
  for (std::int64_t i = 0; i < kSpans; ++i) {
    add(send_, 0, 0, graph_.stream("network"), i * 10_ms, i * 10_ms, i * 10_ms + 5_ms);
  }
  write_perfetto_trace(path(), run());
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(path()));
  EXPECT_LE(bytes, kMostBytes * kSpans);
  EXPECT_GE(bytes, 40 * kSpans) << "two packets with both cannot be shorter";
}

TEST_F(PerfettoTest, ARunThatIsRecordedIsTheOneThatIsWritten) {
  MemoryLog log(2);
  const std::string recorded = folder_ / "recorded";
  PerfettoRecorder recorder(recorded, run());
  const std::array<Observer*, 2> both = {&log, &recorder};
  for (Observer* observer : both) {  // two changes at one instant are one sample
    observer->on_memory(Time(1_us), 1, LabelId(), 70);
    observer->on_memory(Time(1_us), 1, LabelId(), 7);
    observer->on_memory(Time(2_us), 0, LabelId(), 5);
    observer->on_memory(Time(3_us), 1, LabelId(), -77);
    for (const Span& span : spans_) observer->on_span(span);
  }
  EXPECT_FALSE(std::filesystem::exists(recorded)) << "not before it is whole";
  recorder.finish({}, {});
  RunTrace whole = run();
  whole.memory = log.samples();
  write_perfetto_trace(path(), whole);
  const RecordedTrace a = load_trace(recorded);
  const RecordedTrace b = load_trace(path());
  ASSERT_EQ(a.spans.size(), b.spans.size());
  ASSERT_EQ(a.counters.size(), 2U);
  for (const RecordedTrace::Counter& counter : b.counters) {
    const auto same = std::find_if(a.counters.begin(), a.counters.end(),
                                   [&](const auto& other) { return other.name == counter.name; });
    ASSERT_NE(same, a.counters.end());
    ASSERT_EQ(same->samples.size(), counter.samples.size());
    for (std::size_t i = 0; i < counter.samples.size(); ++i) {
      EXPECT_EQ(same->samples[i].time, counter.samples[i].time);
      EXPECT_EQ(same->samples[i].value, counter.samples[i].value);
    }
  }
}

TEST_F(PerfettoTest, WhereAFileBreaksOffIsSaid) {
  write_perfetto_trace(path(), run());
  const std::string whole = read_trace_file(path());
  const std::string cut = whole.substr(0, whole.size() - 3);
  EXPECT_NE(complaint([&] { read_perfetto_trace(cut, "x"); }).find("x: byte "), std::string::npos);
  std::string changed = whole;
  changed[1] = '\x7f';
  EXPECT_NE(complaint([&] { read_perfetto_trace(changed, "x"); }).find("byte"), std::string::npos);
}

TEST_F(PerfettoTest, WhatDoesNotNestGetsATrackOfItsOwn) {
  RecordedTrace trace;
  trace.tracks.push_back({7, "gpu", "stream"});
  const std::uint32_t name = trace.names.intern("op");
  for (const auto& [start, length] : {std::pair(0_us, 4_us), {1_us, 1_us}, {3_us, 3_us}}) {
    trace.spans.push_back(
        {.track = 0, .name = name, .category = name, .start = Time(start), .duration = length});
  }
  write_perfetto_trace(path(), trace);
  const RecordedTrace read = load_trace(path());
  EXPECT_EQ(read.tracks.size(), 2U);
  Duration sum;
  for (const auto& span : read.spans) sum += span.duration;
  EXPECT_EQ(sum, 8_us);
}

}  // namespace
}  // namespace orrery
