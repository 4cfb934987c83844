// What a message takes by each kind of link, against the formulas of models/link, written out again
// here with numbers that give whole picoseconds.
#include <cmath>

#include "models/collective/builtin.hpp"
#include "models/collective/prediction.hpp"
#include "models/transports.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr Bandwidth kBandwidth = 10_GBps;
constexpr Duration kHop = 2_us;          // of a NIC's link
constexpr Duration kLatency = 2 * kHop;  // a route has two of them
constexpr Duration kRoundTrip = 2 * kLatency;
constexpr Bytes kSize = 1_MB;

LinkSpec nic(const std::string& kind, const std::string& more) {
  return link_of(link_json(kind, kBandwidth, kHop, more));
}
LinkSpec rdma(const std::string& more) {
  return nic("rdma", R"(, "efficiency": 1)" + more);
}
LinkSpec tcp(const std::string& more) {
  return nic("tcp", R"(, "efficiency": 1, "mss": "1000 B")" + more);
}

Duration time_of(const ClusterSpec& cluster, Bytes size) {
  GraphOf graph(static_cast<int>(cluster.device_count()));
  graph.transfer(0, static_cast<Rank>(cluster.node.devices), size);
  return run(cluster, graph).end.since_start();
}

TEST(Wire, AnOverheadHoldsTheSenderBeforeEveryMessage) {
  const Duration overhead = 3_us;
  const ClusterSpec cluster =
      star_of({}, nic("wire", R"(, "efficiency": 1, "per_message": "3 us")"));
  GraphOf graph(2);
  const OpId first = graph.transfer(0, 1, kSize);
  const OpId second = graph.transfer(0, 1, kSize);
  const Finished done = run(cluster, graph);
  const Duration each = overhead + transfer_time(kSize, kBandwidth);
  EXPECT_EQ(done.end_of(first), each + kLatency);
  EXPECT_EQ(done.end_of(second), 2 * each + kLatency);
}

TEST(Wire, InsideANodeTheTransportIsThatOfItsLinks) {
  ClusterSpec cluster = crossbar_of(2, wire(kBandwidth, kHop));
  *cluster.node.fabric.find("link") =
      link_json("nvlink", kBandwidth, kHop, R"(, "efficiency": 1, "per_message": "5 us")");
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  EXPECT_EQ(run(cluster, graph).end.since_start(),
            5_us + transfer_time(kSize, kBandwidth) + kLatency);
}

TEST(Packets, LeaveWhatTheirHeadersDoNotTake) {
  // P / (P + H): 256 / (256 + 64) = 0.8.
  const LinkSpec link = nic("pcie", R"(, "max_payload": "256 B", "header": "64 B")");
  EXPECT_DOUBLE_EQ(link.efficiency, 256.0 / (256 + 64));
  const Bandwidth left(kBandwidth.count() * 8 / 10);
  EXPECT_EQ(time_of(star_of({}, link), kSize), transfer_time(kSize, left) + kLatency);
  EXPECT_DOUBLE_EQ(nic("rdma", R"(, "mtu": "4096 B", "header": "26 B")").efficiency, 4096.0 / 4122);
  EXPECT_DOUBLE_EQ(nic("tcp", R"(, "mss": "1448 B", "header": "90 B")").efficiency, 1448.0 / 1538);
  EXPECT_DOUBLE_EQ(nic("nvlink", R"(, "max_payload": "256 B", "header": "16 B")").efficiency,
                   256.0 / 272);
  const LinkSpec measured =
      nic("pcie", R"(, "max_payload": "256 B", "header": "64 B", "efficiency": 0.5)");
  EXPECT_EQ(measured.efficiency, 0.5) << "a share that is given counts, as it holds everything";
}

TEST(Pcie, GenerationAndLanesGiveTheRate) {
  const auto rate = [](int generation, int lanes) {
    return link_of(parse_json(R"({"kind": "pcie", "latency": "1 us", "efficiency": 1,
                                  "generation": )" +
                                  std::to_string(generation) + R"(, "lanes": )" +
                                  std::to_string(lanes) + "}",
                              "link.json"))
        .bandwidth.as_double();
  };
  EXPECT_NEAR(rate(1, 1), 2.5e9 * 0.8 / 8, 1);
  EXPECT_NEAR(rate(4, 16), 16e9 * 16 * 128 / 130 / 8, 1);
  EXPECT_NEAR(rate(5, 16), 2 * rate(4, 16), 1);
}

TEST(Pcie, BothDirectionsShareWhatTheDuplexFactorLeaves) {
  for (const double duplex : {1.0, 0.8, 0.5}) {
    ClusterSpec cluster = crossbar_of(2, wire(kBandwidth, kHop));
    *cluster.node.fabric.find("link") = link_json(
        "pcie", kBandwidth, kHop, R"(, "efficiency": 1, "duplex": )" + std::to_string(duplex));
    GraphOf one(2);
    one.transfer(0, 1, kSize);
    EXPECT_EQ(run(cluster, one).end.since_start(), transfer_time(kSize, kBandwidth) + kLatency);
    GraphOf both(2);
    both.transfer(0, 1, kSize);
    both.transfer(1, 0, kSize);
    const double each = duplex * kBandwidth.as_double();
    EXPECT_EQ(run(cluster, both).end.since_start(),
              duration_from_seconds(kSize.as_double() / each) + kLatency);
  }
}

TEST(Pcie, CopiesToAndFromTheHostMeetTheSameWay) {
  ClusterSpec cluster = crossbar_of(1, wire(kBandwidth, kHop));
  cluster.node.host_link =
      link_of(link_json("pcie", kBandwidth, kHop, R"(, "efficiency": 1, "duplex": 0.75)"));
  cluster.node.host_memory = HostMemorySpec{1_GB, Bandwidth(1'000'000'000'000), 1};
  GraphOf graph(1);
  for (const CopyKind kind : {CopyKind::device_to_host, CopyKind::host_to_device}) {
    Op op;
    op.kind = OpKind::transfer;
    op.copy = kind;
    op.stream = graph.stream(kind == CopyKind::device_to_host ? "store" : "fetch");
    op.ranks = op.peers = graph.rank_set({0});
    op.bytes = 3 * kSize;
    graph.add(op);
  }
  EXPECT_EQ(run(cluster, graph).end.since_start(), transfer_time(4 * kSize, kBandwidth) + kHop);
}

// A NIC whose slot both directions share: one way alone has all, both have the share.
TEST(Rdma, BothDirectionsOfAnAdapterShareWhatTheDuplexFactorLeaves) {
  const ClusterSpec cluster = star_of({}, rdma(R"(, "duplex": 0.8)"));
  EXPECT_EQ(time_of(cluster, kSize), transfer_time(kSize, kBandwidth) + kLatency);
  GraphOf both(2);
  both.transfer(0, 1, kSize);
  both.transfer(1, 0, kSize);
  EXPECT_EQ(run(cluster, both).end.since_start(),
            duration_from_seconds(kSize.as_double() / (0.8 * kBandwidth.as_double())) + kLatency);
}

TEST(Rdma, ARendezvousPaysARoundTripFromItsThresholdOn) {
  const ClusterSpec cluster = star_of({}, rdma(R"(, "rendezvous_threshold": "10 kB")"));
  EXPECT_EQ(time_of(cluster, 9'999_B), transfer_time(9'999_B, kBandwidth) + kLatency);
  EXPECT_EQ(time_of(cluster, 10'000_B),
            kRoundTrip + transfer_time(10'000_B, kBandwidth) + kLatency);
}

TEST(Rdma, MemoryThatIsNotRegisteredIsRegisteredFirst) {
  const ClusterSpec cluster =
      star_of({}, rdma(R"(, "registration": {"latency": "7 us", "bandwidth": "5 GB/s"})"));
  EXPECT_EQ(time_of(cluster, kSize),
            7_us + transfer_time(kSize, 5_GBps) + transfer_time(kSize, kBandwidth) + kLatency);
}

TEST(Rdma, AQueuePairIsSetUpOnceForAPair) {
  const ClusterSpec cluster = star_of({.nodes = 3}, rdma(R"(, "queue_pair_setup": "100 us")"));
  GraphOf graph(3);
  const OpId first = graph.transfer(0, 1, kSize);
  const OpId second = graph.transfer(0, 1, kSize);
  const OpId other = graph.transfer(0, 2, kSize);
  const Finished done = run(cluster, graph);
  const Duration each = transfer_time(kSize, kBandwidth);
  EXPECT_EQ(done.end_of(first), 100_us + each + kLatency);
  EXPECT_EQ(done.end_of(second), 100_us + 2 * each + kLatency);
  EXPECT_EQ(done.end_of(other), 200_us + 3 * each + kLatency);
}

TEST(Rdma, APortBeginsSoManyMessagesASecond) {
  const int count = 50;
  const ClusterSpec cluster = star_of({.nodes = count + 1}, rdma(R"(, "message_rate": 1000000)"));
  for (const bool out : {true, false}) {
    GraphOf graph(count + 1);
    for (int peer = 1; peer <= count; ++peer) {
      graph.transfer(out ? 0 : peer, out ? peer : 0, 64_B, "to " + std::to_string(peer));
    }
    EXPECT_EQ(run(cluster, graph).end.since_start(), count * 1_us + kLatency);
  }
  EXPECT_EQ(time_of(cluster, kSize), transfer_time(kSize, kBandwidth) + kLatency)
      << "a large message is bound by its bytes";
}

TEST(Rdma, SeveralThatSendIntoOnePortLoseAPartOfItWhileTheyDo) {
  const ClusterSpec cluster = star_of({.nodes = 4}, rdma(R"(, "incast_efficiency": 0.8)"));
  EXPECT_EQ(time_of(cluster, kSize), transfer_time(kSize, kBandwidth) + kLatency);
  GraphOf two(4);
  const OpId small = two.transfer(1, 0, kSize);
  const OpId large = two.transfer(2, 0, 3 * kSize);
  const Finished done = run(cluster, two);
  const Duration together = transfer_time(2 * kSize, Bandwidth(kBandwidth.count() * 8 / 10));
  EXPECT_EQ(done.end_of(small), together + kLatency);
  EXPECT_EQ(done.end_of(large), together + transfer_time(2 * kSize, kBandwidth) + kLatency);
  GraphOf three(4);
  for (Rank source = 1; source <= 3; ++source) three.transfer(source, 0, kSize);
  const double left = std::pow(0.8, std::log2(3));
  EXPECT_NEAR(to_seconds(run(cluster, three).end.since_start() - kLatency),
              to_seconds(transfer_time(3 * kSize, kBandwidth)) / left, 1e-9)
      << "each doubling of the senders takes its part";
  GraphOf from_one(4);
  from_one.transfer(1, 0, kSize, "first");
  from_one.transfer(1, 0, kSize, "second");
  EXPECT_EQ(run(cluster, from_one).end.since_start(),
            transfer_time(2 * kSize, kBandwidth) + kLatency)
      << "two messages of one adapter are no incast";
}

/// A gather of four adapters into one, whose port keeps 0.8 by each doubling.
TEST(Rdma, APredictionKnowsWhatSeveralSendersLoseAndWhatHoldsThemBack) {
  const ClusterSpec cluster =
      star_of({.nodes = 5}, rdma(R"(, "incast_efficiency": 0.8, "per_message": "3 us")"));
  Diagnostics mistakes;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), mistakes);
  mistakes.throw_if_any();
  const std::vector<Rank> group = {0, 1, 2, 3, 4};
  const auto program = make_direct_gather({.kind = CollectiveKind::gather,
                                           .members = 5,
                                           .size = 5 * kSize,
                                           .root = 2,
                                           .chunk = Bytes(0)});
  const double carried = to_seconds(transfer_time(4 * kSize, kBandwidth)) / (0.8 * 0.8);
  const double expected = to_seconds(3_us + kLatency) + carried;
  EXPECT_NEAR(CollectivePrediction(*fabric).seconds(*program, group), expected, 1e-12);
}

TEST(Tcp, AWindowARoundTripForEachSocket) {
  // 4000 B / 8 us = 0.5 GB/s.
  EXPECT_EQ(time_of(star_of({}, tcp(R"(, "window": "4000 B")")), kSize),
            transfer_time(kSize, 500_MBps) + kLatency);
  EXPECT_EQ(time_of(star_of({}, tcp(R"(, "window": "4000 B", "sockets": 3)")), kSize),
            duration_from_seconds(kSize.as_double() / 1.5e9) + kLatency);
  EXPECT_EQ(time_of(star_of({}, tcp(R"(, "window": "1 MB")")), kSize),
            transfer_time(kSize, kBandwidth) + kLatency)
      << "wide enough for the link";
}

TEST(Tcp, LossBoundsTheRateByMathis) {
  const double loss = 0.0375;  // sqrt(1.5 / p) = 6.32...
  const double rate = 1000 / to_seconds(kRoundTrip) * std::sqrt(3.0 / 2) / std::sqrt(loss);
  EXPECT_NEAR(to_seconds(time_of(star_of({}, tcp(R"(, "loss": 0.0375)")), kSize)),
              1e6 / rate + to_seconds(kLatency), 1e-9);
}

TEST(Tcp, ACoreBoundsASocketAndAllCoresTheNode) {
  const LinkSpec link = tcp(R"(, "core_rate": "1 GB/s", "sockets": 2)");
  ClusterSpec cluster = star_of({.nodes = 2, .devices = 4, .nics = 4}, link);
  cluster.node.kernel_cores = 5;
  EXPECT_EQ(time_of(cluster, kSize), transfer_time(kSize, 2_GBps) + kLatency);
  GraphOf graph(8);
  for (Rank device = 0; device < 4; ++device) graph.transfer(device, 4 + device, kSize);
  EXPECT_EQ(run(cluster, graph).end.since_start(), transfer_time(4 * kSize, 5_GBps) + kLatency);
}

// I = 10 segments of 1000 B = 10 kB, R = 8 us, B = 10 GB/s, so that B·R = 80 kB: rounds of 10, 20
// and 40 kB do not fill the rate, that of 80 kB does.
TEST(Tcp, SlowStartWaitsForTheRestOfEachRoundTrip) {
  const ClusterSpec cluster = star_of({}, tcp(R"(, "slow_start": "every")"));
  const auto expected = [](Bytes size, int rounds) {
    const Bytes sent = ((1 << rounds) - 1) * 10_KB;
    return rounds * kRoundTrip - transfer_time(sent, kBandwidth) + transfer_time(size, kBandwidth) +
           kLatency;
  };
  EXPECT_EQ(time_of(cluster, 10_KB), expected(10_KB, 0));
  EXPECT_EQ(time_of(cluster, 10'001_B), expected(10'001_B, 1));
  EXPECT_EQ(time_of(cluster, 30_KB), expected(30_KB, 1));
  EXPECT_EQ(time_of(cluster, 30'001_B), expected(30'001_B, 2));
  EXPECT_EQ(time_of(cluster, 70'001_B), expected(70'001_B, 3));
  EXPECT_EQ(time_of(cluster, 10_MB), expected(10_MB, 3)) << "then the link is full";
}

TEST(Tcp, SlowStartOfTheFirstMessageOnly) {
  const ClusterSpec cluster = star_of({}, tcp(R"(, "slow_start": "first")"));
  GraphOf graph(2);
  const OpId first = graph.transfer(0, 1, 10_MB);
  const OpId second = graph.transfer(0, 1, 10_MB);
  const Finished done = run(cluster, graph);
  const Duration late = 3 * kRoundTrip - transfer_time(70_KB, kBandwidth);
  EXPECT_EQ(done.end_of(first), late + transfer_time(10_MB, kBandwidth) + kLatency);
  EXPECT_EQ(done.end_of(second), late + transfer_time(20_MB, kBandwidth) + kLatency);
}

TEST(Staging, BytesAreWrittenToAndReadFromTheMemoryOfBothHosts) {
  const Duration host_hop = 1_us;
  ClusterSpec cluster = star_of({.host = wire(Bandwidth(1'000'000'000'000), host_hop)}, rdma(""));
  const Bandwidth memory = 16_GBps;  // twice over: 8 GB/s, less than the link
  cluster.node.host_memory = HostMemorySpec{1_GB, memory, 1};
  EXPECT_EQ(time_of(cluster, kSize), transfer_time(kSize, kBandwidth) + kLatency + 2 * host_hop);
  cluster.node.gpu_direct = false;
  EXPECT_EQ(time_of(cluster, kSize), transfer_time(2 * kSize, memory) + kLatency + 4 * host_hop);
}

TEST(Staging, WithoutPeerToPeerDevicesOfANodeMeetInItsMemory) {
  const Duration host_hop = 1_us;
  const Bandwidth host_link = 4_GBps;
  const Bandwidth memory = 12_GBps;  // twice over: 6 GB/s, more than one link, less than two
  for (const int nodes : {1, 2}) {   // alone, and beside a network
    ClusterSpec cluster =
        star_of({.nodes = nodes, .devices = 3, .host = wire(host_link, host_hop)}, rdma(""));
    cluster.node.host_memory = HostMemorySpec{1_GB, memory, 1};
    const auto sends = [&](int pairs) {
      GraphOf graph(3 * nodes);
      for (int from = 0; from < pairs; ++from) graph.transfer(from, (from + 1) % 3, kSize);
      return run(cluster, graph).end.since_start();
    };
    const Duration direct = sends(1);
    cluster.node.peer_to_peer = false;
    EXPECT_EQ(sends(1), transfer_time(kSize, host_link) + 2 * host_hop);
    EXPECT_EQ(sends(2), transfer_time(4 * kSize, memory) + 2 * host_hop) << "both in one memory";
    EXPECT_LT(direct, sends(1));
  }
}

TEST(Bonding, DividesAMessageAmongTheNicsOfItsNode) {
  ClusterSpec cluster = star_of({.nodes = 2, .devices = 4, .nics = 4}, rdma(""));
  for (const std::int64_t bonded : {1, 2, 4}) {
    cluster.node.nic_bonding = bonded;
    EXPECT_EQ(time_of(cluster, 4 * kSize),
              transfer_time((4 / bonded) * kSize, kBandwidth) + kLatency)
        << bonded;
  }
  cluster.node.nic_bonding = 2;  // devices 0 and 1 have the first two NICs, 2 and 3 the others
  GraphOf graph(8);
  graph.transfer(0, 4, 4 * kSize);
  graph.transfer(1, 5, 4 * kSize);
  graph.transfer(2, 6, 4 * kSize);
  const Finished done = run(cluster, graph);
  EXPECT_EQ(done.end.since_start(), transfer_time(4 * kSize, kBandwidth) + kLatency);
}

TEST(Bonding, DevicesUseTheNicsTheyAreGiven) {
  ClusterSpec cluster = star_of({.nodes = 2, .devices = 2, .nics = 2}, rdma(""));
  const auto both = [&] {
    GraphOf graph(4);
    graph.transfer(0, 2, kSize);
    graph.transfer(1, 3, kSize);
    return run(cluster, graph).end.since_start();
  };
  EXPECT_EQ(both(), transfer_time(kSize, kBandwidth) + kLatency);
  cluster.node.nic_of_device = {1, 0};
  EXPECT_EQ(both(), transfer_time(kSize, kBandwidth) + kLatency);
  cluster.node.nic_of_device = {1, 1};
  EXPECT_EQ(both(), transfer_time(2 * kSize, kBandwidth) + kLatency);
}

}  // namespace
}  // namespace orrery
