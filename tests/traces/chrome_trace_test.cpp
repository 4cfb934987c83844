#include "traces/chrome_trace.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "sim/base/errors.hpp"
#include "sim/base/json_value.hpp"
#include "traces/atomic_file.hpp"

namespace orrery {
namespace {

using namespace literals;
namespace fs = std::filesystem;

class TraceTest : public testing::Test {
 protected:
  TraceTest() {
    std::string pattern = (fs::temp_directory_path() / "orrery_trace_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~TraceTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

/// One op on two ranks; rank 1 stands ready for 1 ns + 1 ps before it starts.
struct Example {
  Example() {
    Op op;
    op.kind = OpKind::delay;
    op.delay = 1_us;
    op.stream = graph.stream("main \"stream\"");
    op.ranks = graph.rank_set({0, 1});
    op.label = graph.label("step");
    op.category = graph.label("test");
    first = graph.add(op);
    second = graph.add(op);
    const auto at = [](Duration since_start) { return Time(since_start); };
    const StreamId stream = op.stream;
    spans = {{{first, 0}, 0, 0, stream, at(0_ps), at(0_ps), at(1_us)},
             {{first, 1}, 0, 1, stream, at(0_ps), at(1_ns + 1_ps), at(1_us + 1_ns + 1_ps)},
             {{second, 0}, 0, 0, stream, at(1_us), at(1_us), at(2_us)},
             {{second, 1}, 0, 1, stream, at(1_us + 1_ns + 1_ps), at(2_us), at(3_us)},
             {{second, 0}, 1, 1, StreamId(), at(0_ps), at(0_ps), at(3_us)}};
  }

  TaskGraph graph{2};
  OpId first;
  OpId second;
  std::vector<Span> spans;
};

/// Microseconds with six decimals as picoseconds, exactly.
std::int64_t picoseconds(const JsonValue& number) {
  return static_cast<std::int64_t>(number.real * 1e6 + 0.5);
}

TEST_F(TraceTest, EverySpanIsThereWithItsWaitAndItsPicoseconds) {
  const Example example;
  write_chrome_trace(path("trace.json"), {.graph = example.graph, .spans = example.spans});
  const JsonValue trace = load_json(path("trace.json"), "trace.json");
  std::map<std::string, int> count;
  for (const JsonValue& event : trace.find("traceEvents")->items) {
    ++count[event.find("ph")->string + " " + event.find("name")->string];
  }
  EXPECT_EQ(count["X step"], 4) << "the span without a stream is left out";
  EXPECT_EQ(count["X wait"], 2);
  EXPECT_EQ(count["M process_name"], 2);
  EXPECT_EQ(count["M thread_name"], 2);
  EXPECT_EQ(trace.find("traceEvents")->items.size(), 4U + 2 + 4 * 2);
}

TEST_F(TraceTest, EventsOfAThreadFollowEachOther) {
  const Example example;
  write_chrome_trace(path("trace.json"), {.graph = example.graph, .spans = example.spans});
  const JsonValue trace = load_json(path("trace.json"), "trace.json");
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> end_of;
  for (const JsonValue& event : trace.find("traceEvents")->items) {
    if (event.find("ph")->string != "X") {
      continue;
    }
    const std::int64_t start = picoseconds(*event.find("ts"));
    std::int64_t& end = end_of[{event.find("pid")->integer, event.find("tid")->integer}];
    EXPECT_GE(start, end) << to_text(event, false);
    end = start + picoseconds(*event.find("dur"));
  }
  EXPECT_EQ((end_of[{0, 0}]), 2'000'000);
  EXPECT_EQ((end_of[{1, 0}]), 3'000'000);
}

TEST_F(TraceTest, MemoryIsACounter) {
  MemoryLog log(2);
  log.on_memory(Time(), 0, LabelId(0), 100);
  log.on_memory(Time(), 0, LabelId(1), 50);
  log.on_memory(Time(1_us), 1, LabelId(0), 7);
  log.on_memory(Time(2_us), 0, LabelId(0), -100);
  ASSERT_EQ(log.samples().size(), 3U) << "one for each instant";
  EXPECT_EQ(log.samples()[0].bytes, 150);
  EXPECT_EQ(log.samples()[2].bytes, 50);
  const Example example;
  write_chrome_trace(path("trace.json"),
                     {.graph = example.graph, .spans = {}, .memory = log.samples()});
  const JsonValue trace = load_json(path("trace.json"), "trace.json");
  const std::vector<JsonValue>& events = trace.find("traceEvents")->items;
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1].find("ph")->string, "C");
  EXPECT_EQ(events[1].find("args")->members.front().value.integer, 7);
}

TEST_F(TraceTest, AFileAppearsWholeOrNotAtAll) {
  {
    AtomicFile file(path("never"));
    file.write("half");
  }
  EXPECT_EQ(files(), 0U);
  AtomicFile file(path("whole"));
  file.write(std::string(3 << 20, 'x'));
  EXPECT_FALSE(fs::exists(path("whole")));
  file.commit();
  EXPECT_EQ(fs::file_size(path("whole")), std::uintmax_t{3} << 20);
  EXPECT_EQ(files(), 1U);
}

TEST_F(TraceTest, APlaceThatCannotBeWrittenIsNamed) {
  try {
    const TaskGraph graph(1);
    write_chrome_trace(path("missing/trace.json"), {.graph = graph, .spans = {}});
    FAIL() << "expected an IoError";
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("missing/trace.json"), std::string::npos);
    EXPECT_EQ(error.exit_code(), 5);
  }
}

}  // namespace
}  // namespace orrery
