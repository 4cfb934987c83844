// NCCL between nodes: what it takes, against what the alternatives take.
#include <gtest/gtest.h>

#include <set>

#include "tests/models/nccl_node.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

/// Four nodes of eight, over one adapter that costs 10 us a message or over one for each device.
ClusterSpec nodes_over(bool tcp) {
  ClusterSpec cluster = nccl_node_of(kNvlink4);
  cluster.node.nics = tcp ? 1 : kDevices;
  cluster.node.nic_link =
      tcp ? link_of(
                link_json("wire", 10_GBps, 15_us, R"(, "efficiency": 1, "per_message": "10 us")"))
          : link_of(link_json("rdma", 50_GBps, 1500_ns, R"(, "efficiency": 1)"));
  cluster.node.host_link = wire(60_GBps, 500_ns);
  cluster.nodes = 4;
  cluster.fabric = json_object({{"kind", json_string("crossbar")}});
  return cluster;
}

// The prediction knows what a transport adds to each message, of which a ring has more; within a
// quarter, as it knows little of what meets on the way.
TEST(Nccl, TakesBetweenNodesWhatIsSoonest) {
  constexpr double kNear = 1.4;
  for (const bool tcp : {false, true}) {
    const ClusterSpec cluster = nodes_over(tcp);
    const auto fabric = nccl_fabric_of(cluster);
    CollectiveChoice choice;
    choice.library = make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric);
    const int members = static_cast<int>(cluster.device_count());
    std::set<std::string> taken;
    for (Bytes size = 4_KiB; size <= 256_MiB; size = 4 * size) {
      GraphOf graph(members);
      graph.collective(CollectiveKind::all_reduce, size, members);
      const auto time = [&](const std::string& algorithm) {
        choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_reduce)] = algorithm;
        const Finished done = run(cluster, graph, choice);
        if (algorithm == "auto") taken.insert(done.records.at(0).algorithm);
        return to_seconds(done.end.since_start());
      };
      const double least = std::min(time("ring"), time("double_binary_tree"));
      EXPECT_LE(time("auto"), kNear * least) << size.count() << " B, tcp " << tcp;
    }
    EXPECT_EQ(taken, (std::set<std::string>{"double_binary_tree", "ring"}));
  }
}

TEST(Nccl, TakesPatWhereEachMemberIsANode) {
  ClusterSpec cluster = nodes_over(false);
  cluster.node.devices = cluster.node.nics = 1;
  const auto fabric = nccl_fabric_of(cluster);
  CollectiveChoice choice;
  choice.library = make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric);
  for (const auto kind : {CollectiveKind::all_gather, CollectiveKind::reduce_scatter}) {
    GraphOf graph(4);
    graph.collective(kind, 4_KiB, 4);
    const CollectiveRecord record = run(cluster, graph, choice).records.at(0);
    EXPECT_EQ(record.protocol == "Simple", record.algorithm == "pat");
    EXPECT_NE(record.reason.find("pat"), std::string::npos) << record.reason;
  }
}

}  // namespace
}  // namespace orrery
