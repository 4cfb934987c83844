// What every kind of link promises: no message beats the bandwidth, more bytes never take less
// time, and a run says the same twice. A new entry of builtin_links() needs parameters below.
#include <set>

#include "models/transports.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr Bandwidth kBandwidth = 25_GBps;
constexpr Duration kHop = 1'300_ns;

struct Sample {
  const char* name;
  const char* kind;
  const char* more;
};
void PrintTo(const Sample& sample, std::ostream* out) {
  *out << sample.name;
}

const Sample kSamples[] = {
    {"wire", "wire", R"(, "efficiency": 0.9)"},
    {"wire_with_overhead", "wire", R"(, "efficiency": 0.9, "per_message": "2 us")"},
    {"nvlink", "nvlink", R"(, "max_payload": "256 B", "header": "16 B")"},
    {"pcie", "pcie", R"(, "max_payload": "256 B", "header": "24 B", "duplex": 0.7)"},
    {"rdma", "rdma", R"(, "mtu": "4096 B", "header": "82 B")"},
    {"rdma_with_all", "rdma",
     R"(, "mtu": "4096 B", "header": "82 B", "message_rate": 3000000, "queue_pair_setup": "50 us",
        "rendezvous_threshold": "16 KiB", "incast_efficiency": 0.9,
        "registration": {"latency": "1 us", "bandwidth": "20 GB/s"})"},
    {"tcp", "tcp", R"(, "mss": "1448 B", "header": "90 B")"},
    {"tcp_with_all", "tcp",
     R"(, "mss": "1448 B", "header": "90 B", "sockets": 2, "window": "256 KiB", "loss": 0.0001,
        "slow_start": "every", "core_rate": "4 GB/s")"},
    {"tcp_first", "tcp", R"(, "mss": "1448 B", "header": "90 B", "slow_start": "first")"},
};

class LinkConformance : public ::testing::TestWithParam<Sample> {
 protected:
  static LinkSpec spec() {
    return link_of(link_json(GetParam().kind, kBandwidth, kHop, GetParam().more));
  }
  static ClusterSpec cluster() {
    ClusterSpec cluster = star_of({.nodes = 3}, spec());
    cluster.node.kernel_cores = 4;
    return cluster;
  }
  static Finished sent(Bytes size) {
    GraphOf graph(3);
    graph.transfer(0, 1, size);
    graph.transfer(2, 1, size);
    return run(cluster(), graph);
  }
};

const Bytes kSizes[] = {0_B,      1_B,      7_B,      1'447_B,   4'096_B,  16'383_B, 16'384_B,
                        65'536_B, 1'000_KB, 1'001_KB, 16'000_KB, 1'000_MB, 64'000_MB};

TEST_P(LinkConformance, NoMessageBeatsTheBandwidth) {
  const double rate = kBandwidth.as_double() * spec().efficiency;
  for (const Bytes size : kSizes) {
    GraphOf one(3);
    one.transfer(0, 1, size);
    const double least = size.as_double() / rate + to_seconds(2 * kHop);
    EXPECT_GE(to_seconds(run(cluster(), one).end), least - 1e-12) << size.count();
    EXPECT_GE(to_seconds(sent(size).end), least + size.as_double() / rate - 1e-12) << size.count();
  }
}

TEST_P(LinkConformance, MoreBytesNeverTakeLessTime) {
  Time before;
  for (const Bytes size : kSizes) {
    const Time end = sent(size).end;
    EXPECT_GE(end, before) << size.count();
    before = end;
  }
}

TEST_P(LinkConformance, TheSameTwice) {
  for (const Bytes size : kSizes) EXPECT_EQ(sent(size).end, sent(size).end);
}

TEST_P(LinkConformance, WhatIsLargeIsNotHeldBackForEver) {
  // All that holds a message back or bounds it leaves a finite time, and bytes arrive as they left.
  const Finished done = sent(64'000_MB);
  EXPECT_EQ(done.counters.bytes_sent, 2 * 64e9);
  EXPECT_EQ(done.counters.bytes_received, 2 * 64e9);
}

INSTANTIATE_TEST_SUITE_P(Kinds, LinkConformance, ::testing::ValuesIn(kSamples),
                         [](const auto& sample) { return std::string(sample.param.name); });

TEST(LinkKinds, EveryKindThatIsReadHasAModelAndASample) {
  const auto registry = builtin_links();
  std::set<std::string> modelled;
  for (const std::string& name : registry.names()) modelled.insert(name);
  const std::vector<std::string> read = link_kinds();
  EXPECT_EQ(modelled, std::set<std::string>(read.begin(), read.end()));
  std::set<std::string> sampled;
  for (const Sample& sample : kSamples) sampled.insert(sample.kind);
  EXPECT_EQ(sampled, modelled);
}

}  // namespace
}  // namespace orrery
