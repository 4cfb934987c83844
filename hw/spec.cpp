#include "hw/spec.hpp"

#include <algorithm>
#include <string>

#include "hw/spec_reading.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kMaximumNodes = 1'000'000;
constexpr std::int64_t kMaximumDevicesPerNode = 1'024;
constexpr std::int64_t kMaximumDevices = 1'000'000;
constexpr std::int64_t kMaximumCores = 1'000'000'000;

void read_title(JsonCursor& cursor, std::string& name, std::string& description) {
  name = cursor.find("name").as_string();
  description = cursor.find("description").as_string();
}

void read_peak(JsonCursor cursor, DeviceSpec& spec) {
  for (std::size_t index = 0; index < kPrecisions.size(); ++index) {
    JsonCursor rate = cursor.find(to_string(kPrecisions[index]));
    if (rate.present()) {
      spec.peak[index] = rate.as_flop_rate();
    }
  }
  cursor.reject_unknown_keys();
  if (cursor.present() && cursor.value().kind == JsonValue::Kind::object &&
      cursor.value().members.empty()) {
    cursor.error("a device has a peak rate for at least one precision, here is none");
  }
}

/// Requires that spec.peak was read.
void read_efficiency(JsonCursor cursor, DeviceSpec& spec) {
  JsonCursor math = cursor.at("math");
  for (std::size_t index = 0; index < kPrecisions.size(); ++index) {
    const std::string_view name = to_string(kPrecisions[index]);
    if (spec.peak[index]) {
      spec.math_efficiency[index] = read_share(math.at(name));
    } else if (JsonCursor share = math.find(name); share.present()) {
      share.error("the device has no peak rate for " + std::string(name));
    }
  }
  math.reject_unknown_keys();
  spec.attention_efficiency = read_share(cursor.at("attention"));
  spec.memory_efficiency = read_share(cursor.at("memory"));
  for (std::size_t index = 0; index < kMemoryKinds.size(); ++index) {
    JsonCursor share = cursor.find(kMemoryKinds[index]);
    if (share.present()) {
      spec.kind_efficiency[index] = read_share(share);
    }
  }
  cursor.reject_unknown_keys();
}

GemmSpec read_gemm(JsonCursor cursor) {
  GemmSpec spec;
  spec.efficiency = read_share(cursor.at("efficiency"));
  spec.fill_depth = cursor.at("fill_depth").as_count();
  spec.l2_bandwidth = cursor.at("l2_bandwidth").as_bandwidth();
  spec.memory_efficiency = read_share(cursor.at("memory"));
  spec.launch = cursor.at("launch").as_duration();
  cursor.reject_unknown_keys();
  return spec;
}

TriggerSpec read_trigger(JsonCursor cursor) {
  TriggerSpec spec;
  spec.entries = cursor.at("entries").as_count({.minimum = 1, .maximum = kMaximumCores});
  JsonCursor tile = cursor.at("tile");
  spec.tile = read_capacity(tile);
  spec.latency = cursor.at("latency").as_duration();
  spec.dma_engines = cursor.at("dma_engines").as_count({.minimum = 1, .maximum = kMaximumCores});
  cursor.reject_unknown_keys();
  return spec;
}

ArbitrationSpec read_arbitration(JsonCursor cursor) {
  ArbitrationSpec spec;
  const std::string kind = cursor.at("kind").as_choice({"round_robin", "compute_first", "none"});
  if (kind == "none") spec.kind = Arbitration::none;
  if (kind == "compute_first") spec.kind = Arbitration::compute_first;
  // The others may say them too, so that the kind alone can be overridden.
  const bool needed = kind == "compute_first";
  JsonCursor threshold = needed ? cursor.at("threshold") : cursor.find("threshold");
  if (threshold.present()) spec.threshold = read_share(threshold);
  if (JsonCursor stall = cursor.find("stall"); stall.present()) spec.stall = stall.as_ratio();
  JsonCursor starvation = needed ? cursor.at("starvation") : cursor.find("starvation");
  if (starvation.present()) {
    spec.starvation = starvation.as_count({.minimum = 1, .maximum = kMaximumCores});
  }
  cursor.reject_unknown_keys();
  return spec;
}

void read_near_memory(JsonCursor& cursor, DeviceSpec& spec) {
  if (JsonCursor trigger = cursor.find("trigger"); trigger.present()) {
    spec.trigger = read_trigger(trigger);
  }
  if (JsonCursor cost = cursor.find("op_and_store"); cost.present()) {
    spec.op_and_store = cost.as_ratio({.minimum = 1, .maximum = 1000});
  }
  if (JsonCursor arbitration = cursor.find("memory_arbitration"); arbitration.present()) {
    spec.memory_arbitration = read_arbitration(arbitration);
  }
}

HostMemorySpec read_host_memory(JsonCursor cursor) {
  HostMemorySpec spec;
  spec.capacity = read_capacity(cursor.at("capacity"));
  spec.bandwidth = cursor.at("bandwidth").as_bandwidth();
  spec.efficiency = read_share(cursor.at("efficiency"));
  cursor.reject_unknown_keys();
  return spec;
}

/// A link that the node needs because it has NICs; without NICs it may stand there unused.
std::optional<LinkSpec> read_adapter_link(JsonCursor& node, const std::string& key,
                                          std::int64_t nics) {
  JsonCursor cursor = node.find(key);
  if (cursor.present()) {
    return read_link(cursor);
  }
  if (nics > 0) {
    node.error("a node with NICs (here \"nics\" is " + std::to_string(nics) + ") needs \"" + key +
               "\"");
  }
  return std::nullopt;
}

/// Which device has which NIC: a list of as many as there are devices.
void read_nic_of_device(JsonCursor list, NodeSpec& spec) {
  if (!list.present()) return;
  const std::size_t mistakes = list.diagnostics().count();
  for (JsonCursor& item : list.items()) {
    spec.nic_of_device.push_back(static_cast<int>(
        item.as_count({.minimum = 0, .maximum = std::max<std::int64_t>(0, spec.nics - 1)})));
  }
  if (list.diagnostics().count() > mistakes || spec.devices == 0) return;
  if (static_cast<std::int64_t>(spec.nic_of_device.size()) != spec.devices) {
    list.error("expected a NIC for each of " + std::to_string(spec.devices) + " devices, got " +
               std::to_string(spec.nic_of_device.size()));
  }
}

/// How devices use the NICs, and what the host does for them.
void read_adapter_use(JsonCursor& cursor, JsonCursor& nics, NodeSpec& spec) {
  if (JsonCursor direct = cursor.find("gpu_direct"); direct.present()) {
    spec.gpu_direct = direct.as_boolean();
    spec.direct_written = direct.value();
  }
  if (JsonCursor peer = cursor.find("peer_to_peer"); peer.present()) {
    const std::size_t mistakes = cursor.diagnostics().count();
    spec.peer_to_peer = peer.as_boolean() || cursor.diagnostics().count() > mistakes;
    spec.peer_written = peer.value();
  }
  if (JsonCursor bonded = cursor.find("nic_bonding"); bonded.present()) {
    const std::size_t mistakes = cursor.diagnostics().count();
    spec.bonding_written = bonded.value();
    spec.nic_bonding = bonded.as_count({.minimum = 1, .maximum = kMaximumDevicesPerNode});
    if (cursor.diagnostics().count() == mistakes && nics.present() &&
        (spec.nics < spec.nic_bonding || spec.nics % spec.nic_bonding != 0)) {
      bonded.error("expected a divisor of the " + std::to_string(spec.nics) + " NICs, got " +
                   std::to_string(spec.nic_bonding));
    }
  }
  read_nic_of_device(cursor.find("nic_of_device"), spec);
  if (JsonCursor cores = cursor.find("kernel_cores"); cores.present()) {
    spec.kernel_cores = cores.as_count({.minimum = 1, .maximum = kMaximumCores});
  } else if (spec.nic_link && spec.nic_link->facts && spec.nic_link->facts->tcp &&
             spec.nic_link->facts->tcp->core_rate) {
    cursor.error(
        "a node whose \"nic_link\" has a \"core_rate\" needs \"kernel_cores\", those that work for "
        "its network");
  }
}

}  // namespace

double DeviceSpec::memory_efficiency_of(std::string_view kind) const {
  for (std::size_t index = 0; index < kMemoryKinds.size(); ++index) {
    if (kMemoryKinds[index] == kind) return kind_efficiency[index].value_or(memory_efficiency);
  }
  return memory_efficiency;
}

DeviceSpec read_device(JsonCursor cursor) {
  DeviceSpec spec;
  if (is_unresolved(cursor)) {
    return spec;
  }
  read_title(cursor, spec.name, spec.description);
  spec.vendor = cursor.at("vendor").as_string();
  spec.architecture = cursor.at("architecture").as_string();
  read_peak(cursor.at("peak"), spec);
  JsonCursor hbm = cursor.at("hbm");
  spec.memory_capacity = read_capacity(hbm.at("capacity"));
  spec.memory_bandwidth = hbm.at("bandwidth").as_bandwidth();
  hbm.reject_unknown_keys();
  spec.cores = cursor.at("cores").as_count({.minimum = 1, .maximum = kMaximumCores});
  spec.l2 = cursor.at("l2").as_bytes();
  spec.clock = cursor.at("clock").as_frequency();
  spec.tdp = cursor.at("tdp").as_power();
  spec.kernel_launch = cursor.at("kernel_launch").as_duration();
  spec.collective_launch = cursor.at("collective_launch").as_duration();
  read_efficiency(cursor.at("efficiency"), spec);
  if (JsonCursor rate = cursor.find("collective_core_rate"); rate.present()) {
    spec.collective_core_rate = rate.as_bandwidth();
  }
  if (JsonCursor gemm = cursor.find("gemm"); gemm.present()) {
    spec.gemm = read_gemm(gemm);
  }
  read_near_memory(cursor, spec);
  cursor.reject_unknown_keys();
  return spec;
}

NodeSpec read_node(JsonCursor cursor) {
  NodeSpec spec;
  if (is_unresolved(cursor)) {
    return spec;
  }
  read_title(cursor, spec.name, spec.description);
  spec.device = read_device(cursor.at("device"));
  spec.devices = cursor.at("devices").as_count({.minimum = 1, .maximum = kMaximumDevicesPerNode});
  if (JsonCursor fabric = cursor.find("fabric"); fabric.present()) {
    spec.fabric = fabric.value();
    if (spec.fabric.kind == JsonValue::Kind::null) {  // else it would look left out
      fabric.expected("an object");
    }
  } else if (spec.devices > 1) {
    cursor.error("a node of " + std::to_string(spec.devices) + " devices needs a \"fabric\"");
  }
  JsonCursor nics = cursor.at("nics");
  spec.nics = nics.as_count({.minimum = 0, .maximum = kMaximumDevicesPerNode});
  if (spec.devices > 0 && spec.nics > spec.devices) {
    nics.error("a node has no more NICs than devices, here " + std::to_string(spec.nics) + " and " +
               std::to_string(spec.devices));
  }
  spec.nic_link = read_adapter_link(cursor, "nic_link", spec.nics);
  spec.host_link = read_adapter_link(cursor, "host_link", spec.nics);
  refuse_transport(cursor.find("host_link"));
  read_adapter_use(cursor, nics, spec);
  if (JsonCursor memory = cursor.find("host_memory"); memory.present()) {
    spec.host_memory = read_host_memory(memory);
    if (!spec.host_link && spec.nics == 0) {  // else it is said above
      cursor.error("a node with \"host_memory\" needs \"host_link\"");
    }
  } else if (!spec.gpu_direct || !spec.peer_to_peer) {
    const std::string key = spec.gpu_direct ? "peer_to_peer" : "gpu_direct";
    cursor.error("a node without \"" + key +
                 "\" needs \"host_memory\", through which its messages go");
  }
  cursor.reject_unknown_keys();
  return spec;
}

ClusterSpec read_cluster(JsonCursor cursor) {
  ClusterSpec spec;
  if (is_unresolved(cursor)) {
    return spec;
  }
  read_title(cursor, spec.name, spec.description);
  const std::size_t mistakes = cursor.diagnostics().count();
  JsonCursor node = cursor.at("node");
  const bool node_is_reference = is_unresolved(node);
  spec.node = read_node(node);
  const bool node_is_sound =
      node.present() && !node_is_reference && cursor.diagnostics().count() == mistakes;
  JsonCursor nodes = cursor.at("nodes");
  spec.nodes = nodes.as_count({.minimum = 1, .maximum = kMaximumNodes});
  if (JsonCursor fabric = cursor.find("fabric"); fabric.present()) {
    spec.fabric = fabric.value();
  } else if (spec.nodes > 1) {
    cursor.error("a cluster of " + std::to_string(spec.nodes) + " nodes needs a \"fabric\"");
  }
  if (spec.nodes > 1 && node_is_sound && spec.node.nics < 1) {
    JsonCursor nics = node.find("nics");
    (nics.present() ? nics : nodes)
        .error(std::to_string(spec.nodes) + " nodes are joined through NICs, but \"nics\" is 0");
  }
  if (spec.device_count() > kMaximumDevices) {
    nodes.error(std::to_string(spec.nodes) + " nodes of " + std::to_string(spec.node.devices) +
                " devices are " + std::to_string(spec.device_count()) + " devices, at most " +
                std::to_string(kMaximumDevices) + " can be simulated");
  }
  cursor.reject_unknown_keys();
  return spec;
}

}  // namespace orrery
