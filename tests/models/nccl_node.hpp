#pragma once

#include <memory>

#include "models/nccl/library.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {

// NCCL with its shipped constants, on a node made by hand.

inline constexpr int kDevices = 8;
inline const LinkSpec kNvlink4{"nvlink4", "wire", Bandwidth(450'000'000'000), Duration(379'000),
                               0.78};

inline JsonValue shipped_nccl() {
  return load_json(ORRERY_SOURCE_DIR "/hw/calibration/nccl.json", "nccl.json");
}

inline NcclFits nccl_fits_from(const JsonValue& document) {
  Diagnostics mistakes;
  NcclFits fits = read_nccl_fits(JsonCursor(document, mistakes));
  mistakes.throw_if_any();
  return fits;
}

inline ClusterSpec nccl_node_of(const LinkSpec& link) {
  ClusterSpec cluster =
      crossbar_of(kDevices, link, {.memory = Bandwidth(3'350'000'000'000), .cores = 132});
  cluster.node.fabric.members.push_back({"in_network_reduction", json_boolean(true)});
  cluster.node.device.collective_launch =
      Duration(4'900'000);  // that of the device it was fitted on
  return cluster;
}

/// Four of them, of so many adapters each, on one switch.
inline ClusterSpec four_nodes_over(int nics, const LinkSpec& nic_link) {
  ClusterSpec cluster = nccl_node_of(kNvlink4);
  cluster.node.nics = nics;
  cluster.node.nic_link = nic_link;
  cluster.node.host_link = wire(Bandwidth(60'000'000'000), Duration(500'000));
  cluster.nodes = 4;
  cluster.fabric = json_object({{"kind", json_string("crossbar")}});
  return cluster;
}

inline std::unique_ptr<Fabric> nccl_fabric_of(const ClusterSpec& cluster) {
  Diagnostics mistakes;
  auto fabric = Fabric::build(cluster, builtin_topologies(), mistakes);
  mistakes.throw_if_any();
  return fabric;
}

}  // namespace orrery
