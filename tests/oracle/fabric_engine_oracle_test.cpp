// The same scenarios with the native engine and with SimGrid moving the messages: the machine, its
// collectives, kernels, routes and streams are the same, what shares the links is not.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "tests/oracle/engine_cases.hpp"
#include "tests/oracle/engine_child.hpp"
#include "tools/simgrid/simgrid_flows.hpp"

namespace orrery {
namespace {

using oracle::EngineCase;
using oracle::in_child;
using oracle::RandomEngineCase;

constexpr std::uint64_t kCases = 260;
constexpr std::uint64_t kCompared = 200;  // at least: the others ask for what SimGrid has not
constexpr double kRelative = 1e-9;        // to which SimGrid solves shares here
// Both round an end to a picosecond, and an end that moves moves what begins with it.
constexpr double kPerMessage = 1e-12;

using Times = std::vector<std::pair<Time, Time>>;
struct Answer {
  Times times;          // start and end of each span
  std::string refused;  // or what was
};

Answer simgrid(const EngineCase& one, const std::string& model) {
  const std::string text = in_child([&] {
    try {
      const FlowChoice choice{.engine = "simgrid", .model = model};
      const auto outcome = simulate(one.cluster, one.made.graph, one.choice,
                                    {simgrid_program::make_simgrid_flows, choice});
      const Times times = outcome.times(one.made);
      return "t" + std::string(reinterpret_cast<const char*>(times.data()),
                               times.size() * sizeof times.front());
    } catch (const UnmappableError& error) {
      return "r" + std::string(error.what());
    }
  });
  if (text.front() == 'r') return {{}, text.substr(1)};
  Times times(text.size() / sizeof(Times::value_type));
  std::copy_n(text.data() + 1, times.size() * sizeof times.front(),
              reinterpret_cast<char*>(times.data()));
  return {std::move(times), ""};
}

double seconds(Time time) {
  return to_seconds(time.since_start());
}

TEST(FabricEngine, RandomScenariosTakeAsLongOnSimgrid) {
  std::uint64_t compared = 0;
  std::size_t spans = 0;
  std::uint64_t messages = 0;
  double largest_s = 0;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const EngineCase one = RandomEngineCase(seed).take();
    const Answer theirs = simgrid(one, "CM02");
    if (!theirs.refused.empty()) {
      const bool held_back = theirs.refused.find("may be held back") != std::string::npos;
      const bool in_parts =
          theirs.refused.find("parts of it") != std::string::npos;  // switches copy
      EXPECT_TRUE(held_back || in_parts) << theirs.refused;
      continue;
    }
    const auto outcome = simulate(one.cluster, one.made.graph, one.choice);
    const Times own = outcome.times(one.made);
    const Times& times = theirs.times;
    ASSERT_EQ(own.size(), times.size());
    const double rounding = kPerMessage * static_cast<double>(outcome.counters.messages);
    for (std::size_t i = 0; i < own.size(); ++i) {
      const auto compare = [&](Time mine, Time other, const char* what) {
        const double difference = std::abs(seconds(mine) - seconds(other));
        const double allowed = kRelative * seconds(mine) + rounding;
        EXPECT_LE(difference, allowed) << what << " of span " << i << " at " << seconds(mine);
        largest_s = std::max(largest_s, difference);
      };
      compare(own[i].first, times[i].first, "start");
      compare(own[i].second, times[i].second, "end");
    }
    ++compared;
    spans += own.size();
    messages += outcome.counters.messages;
  }
  EXPECT_GE(compared, kCompared);
  EXPECT_GE(messages, 20 * kCompared);
  RecordProperty("compared", static_cast<int>(compared));
  RecordProperty("spans", static_cast<int>(spans));
  RecordProperty("messages", static_cast<int>(messages));
  RecordProperty("largest_difference_ps", std::to_string(1e12 * largest_s));
}

/// One message of whole microseconds over a crossbar.
struct OneMessage {
  static constexpr std::int64_t kBandwidth = 10'000'000'000;
  static constexpr std::int64_t kBytes = 40'000'000;
  static constexpr std::int64_t kLatency = 2'000'000;  // ps, of each of two links
  static constexpr double kSending = static_cast<double>(kBytes) / kBandwidth;
  static constexpr double kWaiting = 2 * 1e-12 * kLatency;

  explicit OneMessage(std::int64_t bytes = kBytes)
      : one{crossbar_of(2, wire(Bandwidth(kBandwidth), Duration(kLatency))),
            {TaskGraph(2), {}},
            {}} {
    Op op;
    op.kind = OpKind::transfer;
    op.stream = one.made.graph.stream("send");
    op.ranks = one.made.graph.rank_set({0});
    op.peers = one.made.graph.rank_set({1});
    op.bytes = Bytes(bytes);
    one.made.ids.push_back(one.made.graph.add(op));
  }
  double arrival(const std::string& model) const {
    double last = 0;
    const Answer answer = simgrid(one, model);
    EXPECT_EQ(answer.refused, "");
    for (const auto& [start, end] : answer.times) last = std::max(last, seconds(end));
    return last;
  }
  EngineCase one;
};

TEST(FabricEngine, Cm02WaitsForTheLatencyOnce) {
  EXPECT_NEAR(OneMessage(0).arrival("CM02"), OneMessage::kWaiting, 1e-12);
  EXPECT_NEAR(OneMessage().arrival("CM02"), OneMessage::kSending + OneMessage::kWaiting, 1e-12);
}

// Velho and Legrand 2009 (cited in tools/simgrid/settings.hpp).
TEST(FabricEngine, Lv08HasItsFactorsOfLatencyAndBandwidth) {
  constexpr double kLatencyFactor = 13.01;
  constexpr double kBandwidthFactor = 0.97;
  EXPECT_NEAR(OneMessage().arrival("LV08"),
              OneMessage::kSending / kBandwidthFactor + kLatencyFactor * OneMessage::kWaiting,
              2e-12);
  EXPECT_NEAR(OneMessage(0).arrival("LV08"), kLatencyFactor * OneMessage::kWaiting, 1e-12)
      << "a signal of no bytes too";
}

/// Messages over one route, each with a bound of its own, started as the machine would.
class BoundedMessages final : private EventHandler {
 public:
  static constexpr double kRate = static_cast<double>(OneMessage::kBandwidth);
  static constexpr std::array kBounds = {kRate / 8, kRate / 8, kRate / 4, kUnbounded, 2 * kRate};

  /// When each has left, in seconds, as text.
  std::string ends(const EngineOfMessages& moved_by) {
    const auto fabric = fabric_of(one_.one.cluster);
    const MachineResources resources(activities_, one_.one.cluster.node.device, *fabric, nullptr,
                                     MachineResources::MemoryUse::messages,
                                     MachineResources::HostUse::none);
    const auto flows = moved_by.make(moved_by.choice, {engine_, activities_, resources, *fabric});
    std::vector<Usage> usages;
    for (const int link : fabric->route(0, 1).links) {
      usages.push_back({ResourceId(4 + static_cast<std::size_t>(link)), 1});  // after two devices'
    }
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      flows->start({.activity = {OneMessage::kBytes, usages, {.bound = kBounds[i]}}}, *this, i);
    }
    engine_.run();
    std::string text;
    for (const double end : ends_) text += std::to_string(std::llround(end * 1e9)) + " ns ";
    return text;
  }

 private:
  void handle_event(std::uint64_t token) override { ends_[token] = seconds(engine_.now()); }

  OneMessage one_;
  Engine engine_;
  Activities activities_{engine_};
  std::array<double, kBounds.size()> ends_{};
};

TEST(FabricEngine, BoundsOfMessagesAreKept) {
  const std::string native = BoundedMessages().ends({});
  EXPECT_EQ(
      in_child([] {
        return BoundedMessages().ends({simgrid_program::make_simgrid_flows, {.engine = "simgrid"}});
      }),
      native);
  EXPECT_NE(native.find("32000000 ns"), std::string::npos) << native;  // 40 MB at 1.25 GB/s
}

TEST(FabricEngine, SimgridRunsOnceInAProcess) {
  const EngineOfMessages moved_by{simgrid_program::make_simgrid_flows, {.engine = "simgrid"}};
  const OneMessage message;
  const auto run = [&] {
    simulate(message.one.cluster, message.one.made.graph, message.one.choice, moved_by);
  };
  EXPECT_EQ(in_child([&] {
              run();
              try {
                run();
              } catch (const UnmappableError& error) {
                return std::string(error.what());
              }
              return std::string();
            }),
            "SimGrid simulates once in a process");
}

TEST(FabricEngine, WhatSimgridHasNotIsRefused) {
  OneMessage two;
  Op op = two.one.made.graph.op(two.one.made.ids.front());
  op.stream = two.one.made.graph.stream("another");
  op.priority = 1;
  two.one.made.ids.push_back(two.one.made.graph.add(op));
  const std::string refused = simgrid(two.one, "CM02").refused;
  EXPECT_NE(refused.find("its priority among others"), std::string::npos) << refused;
  EXPECT_NE(refused.find("from rank 0 to rank 1"), std::string::npos) << refused;

  OneMessage sprayed;
  const LinkSpec link = wire(Bandwidth(OneMessage::kBandwidth), Duration(0));
  sprayed.one.cluster.node.devices = 4;
  sprayed.one.cluster.node.fabric = json_object({{"kind", json_string("ring")},
                                                 {"link", to_json(link)},
                                                 {"links_per_pair", json_integer(1)},
                                                 {"routing", json_string("spray")}});
  sprayed.one.made = {TaskGraph(4), {}};
  op.stream = sprayed.one.made.graph.stream("send");
  op.ranks = sprayed.one.made.graph.rank_set({0});
  op.peers = sprayed.one.made.graph.rank_set({2});
  sprayed.one.made.ids.push_back(sprayed.one.made.graph.add(op));
  EXPECT_NE(simgrid(sprayed.one, "CM02").refused.find("several ways"), std::string::npos);
}

}  // namespace
}  // namespace orrery
