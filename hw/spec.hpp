#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hw/link_facts.hpp"
#include "sim/base/json_cursor.hpp"
#include "sim/base/precision.hpp"
#include "sim/base/units.hpp"

namespace orrery {

/// How matrix products of 2-byte elements run on a device, by tiles: five figures fitted together
/// to measured products; models/cost/tiled_roofline.cpp has the formula.
struct GemmSpec {
  double efficiency = 0;         // achievable share of peak inside a tile
  std::int64_t fill_depth = 0;   // what a tile costs besides, in columns of its inner dimension
  Bandwidth l2_bandwidth;        // of operands, all cores together
  double memory_efficiency = 0;  // achievable share of memory_bandwidth
  Duration launch;
};

/// A track-and-trigger unit (T3, ASPLOS 2024, section 4): a table in the memory controller that
/// counts the stores and the incoming updates of regions of memory, and starts a programmed DMA
/// when a region has all of them; models/trigger has its behaviour.
struct TriggerSpec {
  std::int64_t entries = 0;      // regions that it can follow at once
  Bytes tile;                    // of memory, that one entry follows
  Duration latency;              // from the last store of a region to its DMA
  std::int64_t dma_engines = 0;  // DMAs that move data at once
};

/// Who is served first where kernels and messages want the same memory.
enum class Arbitration : unsigned char {
  round_robin,    // both alike
  compute_first,  // kernels, but for what the starvation limit leaves to messages
  none            // as though each had the memory for itself: no machine has it, an ideal does
};

/// The queue in front of memory, as T3 describes it (section 4.5); models/machine_sharing.cpp has
/// what it does.
struct ArbitrationSpec {
  Arbitration kind = Arbitration::round_robin;
  double stall = 0;             // of a kernel's time, while messages keep all of memory busy
  double threshold = 1;         // share of the queue up to which messages may fill it
  std::int64_t starvation = 1;  // requests of kernels that one of a message waits for at most
};

/// Kinds of kernels that may have an achievable share of memory_bandwidth of their own.
constexpr std::array<std::string_view, 3> kMemoryKinds = {"elementwise", "activation",
                                                          "normalization"};

/// A catalogue entry of hw/catalog/devices, as facts; hw/README.md explains the fields.
struct DeviceSpec {
  std::string name;
  std::string description;
  std::string vendor;
  std::string architecture;
  std::array<std::optional<FlopRate>, kPrecisions.size()> peak;  // dense; none: unsupported
  std::array<double, kPrecisions.size()> math_efficiency{};      // achievable share of peak
  Bytes memory_capacity;
  Bandwidth memory_bandwidth;
  double attention_efficiency = 0;  // achievable share of peak in fused attention
  double memory_efficiency = 0;     // achievable share of memory_bandwidth
  std::array<std::optional<double>, kMemoryKinds.size()> kind_efficiency;  // of kMemoryKinds
  std::int64_t cores = 0;
  Bytes l2;
  Frequency clock;
  Power tdp;
  Duration kernel_launch;      // least time a kernel takes on the device's timeline
  Duration collective_launch;  // of a collective, on every member, before its first message
  std::optional<Bandwidth> collective_core_rate;  // what a core moves for a collective; none: free
  std::optional<GemmSpec> gemm;
  std::optional<TriggerSpec> trigger;  // none: nothing is tracked
  std::optional<double> op_and_store;  // memory time of a byte that memory adds, in bytes written
  ArbitrationSpec memory_arbitration;

  std::optional<FlopRate> peak_of(Precision p) const { return peak[static_cast<std::size_t>(p)]; }
  double math_efficiency_of(Precision p) const {
    return math_efficiency[static_cast<std::size_t>(p)];
  }
  /// Of kernels of this kind: their own share where it is known, else memory_efficiency.
  double memory_efficiency_of(std::string_view kind) const;
};

/// A cable, lane bundle or port, one direction of it; hw/catalog/links.
struct LinkSpec {
  std::string name;
  std::string kind;       // "wire"; one of link_kinds()
  Bandwidth bandwidth;    // raw, per direction
  Duration latency;       // one traversal, with its share of switch or endpoint
  double efficiency = 1;  // achievable share of bandwidth for large transfers
  std::shared_ptr<const LinkFacts> facts = {};  // what its kind says besides; null: nothing
};

/// The memory of a node's processors, which all its devices share, as a whole.
struct HostMemorySpec {
  Bytes capacity;
  Bandwidth bandwidth;    // of all channels
  double efficiency = 1;  // achievable share of bandwidth
};

/// Devices that share a chassis; hw/catalog/nodes. `fabric` stays as written: its kind's topology
/// (models/topology) reads it.
struct NodeSpec {
  std::string name;
  std::string description;
  DeviceSpec device;
  std::int64_t devices = 0;
  JsonValue fabric;
  std::int64_t nics = 0;
  std::optional<LinkSpec> nic_link;   // NIC port to the first switch; none without NICs
  std::optional<LinkSpec> host_link;  // device to NIC and host; none without either
  std::optional<HostMemorySpec> host_memory;
  bool gpu_direct = true;          // else messages to other nodes go through the host's memory
  bool peer_to_peer = true;        // else those between devices of the node do
  std::int64_t nic_bonding = 1;    // so many NICs, side by side, carry each message together
  std::vector<int> nic_of_device;  // by device; empty: blocks, device d has NIC d·nics/devices
  std::int64_t kernel_cores = 0;   // of the host, that work for its network; 0: not said
  JsonValue direct_written;        // where these three are, for who cannot serve them
  JsonValue peer_written;
  JsonValue bonding_written;
};

/// Nodes and the network between them; hw/catalog/clusters.
struct ClusterSpec {
  std::string name;
  std::string description;
  NodeSpec node;
  std::int64_t nodes = 0;
  std::optional<JsonValue> fabric;  // needed when nodes > 1

  std::int64_t device_count() const { return nodes * node.devices; }
};

/// Read resolved catalogue values (no `use` left in them) strictly; mistakes go to the cursor's
/// diagnostics.
DeviceSpec read_device(JsonCursor cursor);
std::vector<std::string> link_kinds();
LinkSpec read_link(JsonCursor cursor);
NodeSpec read_node(JsonCursor cursor);
ClusterSpec read_cluster(JsonCursor cursor);

}  // namespace orrery
