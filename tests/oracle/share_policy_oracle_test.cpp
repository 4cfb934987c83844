// The share policy rtt_weighted of the native engine against SimGrid's CM02 with latencies on the
// links: flows between devices of random clusters, on the routes that the machine gives them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/oracle/engine_child.hpp"
#include "tests/property/simulate.hpp"
#include "tools/simgrid/simulate.hpp"

namespace orrery {
namespace {

using simgrid_program::Input;
using simgrid_program::Transfer;

/// Flows that begin at once, but that each waits for its latency first, as in SimGrid.
class Flows final : private EventHandler {
 public:
  explicit Flows(std::uint64_t seed)
      : random_(seed, "share policy"),
        cluster_(RandomCluster(seed, shape_of(seed), {.latency_factor = kLatencyFactor}).spec()),
        fabric_(fabric_of(cluster_)),
        resources_(activities_, cluster_.node.device, *fabric_, nullptr,
                   MachineResources::MemoryUse::messages, MachineResources::HostUse::none) {
    for (const Fabric::Link& link : fabric_->links().first(fabric_->first_host_link())) {
      input_.links_bytes_per_s.push_back(link.capacity);
      input_.links_latency_s.push_back(to_seconds(link.latency));
    }
    for (int tries = 0; tries < 40 && input_.transfers.size() < 12; ++tries) draw();
  }

  const Input& input() const { return input_; }

  /// When each ends under `policy`.
  std::vector<double> run(SharePolicy policy) {
    flows_ =
        make_native_flows({.share_policy = policy}, {engine_, activities_, resources_, *fabric_});
    ends_.assign(input_.transfers.size(), -1);
    for (std::size_t i = 0; i < latency_.size(); ++i) {
      engine_.schedule(Time(latency_[i]), Phase::issue, *this, i);
    }
    engine_.run();
    return ends_;
  }

 private:
  /// Tenths of a second instead of fractions of a microsecond. SimGrid 3.32 compares sums of
  /// weights with an absolute precision: with weights of 1e6 and a precision of 1e-9 it crashes.
  static constexpr std::int64_t kLatencyFactor = 1'000'000;

  /// Without a latency CM02 takes one of a second; nobody means that.
  void draw() {
    const auto last = static_cast<std::int64_t>(fabric_->devices()) - 1;
    const auto from = static_cast<int>(random_.integer(0, last));
    const auto to = static_cast<int>(random_.integer(0, last));
    if (from == to) return;
    const Fabric::Route route = fabric_->route(from, to);
    if (route.latency == Duration(0)) return;
    Transfer transfer;
    for (const int link : route.links) transfer.links.push_back(static_cast<std::size_t>(link));
    transfer.bytes = static_cast<std::uint64_t>(random_.integer(100'000'000, 3'000'000'000));
    input_.transfers.push_back(std::move(transfer));
    latency_.push_back(route.latency);
  }

  void handle_event(std::uint64_t token) override {
    const std::size_t count = input_.transfers.size();
    if (token >= count) {
      ends_[token - count] = to_seconds(engine_.now());
      return;
    }
    std::vector<Usage> usages;
    const std::size_t devices = 2 * static_cast<std::size_t>(fabric_->devices());
    for (const std::size_t link : input_.transfers[token].links) {
      usages.push_back({ResourceId(devices + link), 1});
    }
    const auto bytes = static_cast<double>(input_.transfers[token].bytes);
    flows_->start({.activity = {bytes, usages, {}}, .latency = latency_[token]}, *this,
                  count + token);
  }

  RandomStream random_;
  ClusterSpec cluster_;
  std::unique_ptr<Fabric> fabric_;
  Engine engine_;
  Activities activities_{engine_};
  MachineResources resources_;
  Input input_;
  std::vector<Duration> latency_;
  std::unique_ptr<MessageFlows> flows_;
  std::vector<double> ends_;
};

std::vector<double> simgrid(const Input& input) {
  const std::string text = oracle::in_child([&] {
    const std::vector<double> ends = simgrid_program::simulate(input);
    return std::string(reinterpret_cast<const char*>(ends.data()), ends.size() * sizeof(double));
  });
  std::vector<double> ends(text.size() / sizeof(double));
  std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(ends.data()));
  return ends;
}

TEST(SharePolicy, RttWeightedFlowsEndAsOnCm02) {
  constexpr std::uint64_t kCases = 100;
  constexpr double kRelative = 1e-9;  // to which SimGrid solves shares here
  std::size_t compared = 0;
  std::size_t moved = 0;  // by the policy
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Flows flows(seed);
    if (flows.input().transfers.empty()) continue;
    const std::vector<double> theirs = simgrid(flows.input());
    const std::vector<double> own = flows.run(SharePolicy::rtt_weighted);
    const std::vector<double> even = Flows(seed).run(SharePolicy::max_min);
    ASSERT_EQ(own.size(), theirs.size());
    for (std::size_t i = 0; i < own.size(); ++i) {
      EXPECT_NEAR(own[i], theirs[i],
                  kRelative * theirs[i] + 1e-12 * static_cast<double>(own.size()));
      ++compared;
      if (std::abs(own[i] - even[i]) > 1e-3 * even[i]) ++moved;
    }
  }
  EXPECT_GE(compared, 5 * kCases);
  EXPECT_GE(moved, kCases);
}

}  // namespace
}  // namespace orrery
