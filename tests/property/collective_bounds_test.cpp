// Collectives over every kind of topology with every routing are never faster than the bandwidth
// bound, whatever the algorithm, its root, the sizes, the chunks and how many run at once: for each
// member, each node and random cuts, what must cross (must_cross.hpp) needs its time on the links
// that lead across. See cut_bounds_test.cpp for why, and for the picosecond a message.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "models/nccl/library.hpp"
#include "tests/property/must_cross.hpp"
#include "tests/property/simulate.hpp"
#include "tests/suites/topology_samples.hpp"

namespace orrery {
namespace {

constexpr int kRandomCuts = 12;
constexpr int kMostDevices = 24;

JsonValue section_of(const Sample& sample, const std::string& routing) {
  JsonValue section = parse_json(sample.section, "sample");
  section.members.push_back({"routing", json_string(routing)});
  return section;
}

/// The sample as a node, or between nodes whose devices, one an adapter, hang on a crossbar.
ClusterSpec cluster_of(const Sample& sample, const std::string& routing) {
  ClusterSpec cluster;
  cluster.nodes = 1;
  cluster.node.device = device_of({});
  if (!sample.site.endpoint_link) {
    cluster.node.devices = sample.site.endpoints;
    cluster.node.fabric = section_of(sample, routing);
    return cluster;
  }
  const int each = sample.site.endpoints_per_node;
  cluster.nodes = sample.site.endpoints / each;
  cluster.node.devices = cluster.node.nics = each;
  cluster.node.nic_link = sample.site.endpoint_link;
  cluster.node.host_link = link_of("host", Bandwidth(60'000'000'000));
  cluster.node.fabric =
      json_object({{"kind", json_string("crossbar")},
                   {"link", to_json(link_of("inside", Bandwidth(100'000'000'000)))},
                   {"links_per_device", json_integer(1)}});
  cluster.fabric = section_of(sample, routing);
  return cluster;
}

/// Expects that what must cross has had its time; says how much of the time it needed.
class Bounds {
 public:
  Bounds(const ClusterSpec& cluster, const DrawnTraffic& traffic, const Outcome& outcome)
      : cluster_(&cluster),
        traffic_(&traffic),
        outcome_(&outcome),
        by_library_(traffic.choice.library != nullptr),
        fabric_(fabric_of(cluster)),
        vertices_(cluster) {}

  double expect_devices() const {
    double closest = 0;
    for (int device = 0; device < static_cast<int>(cluster_->device_count()); ++device) {
      closest = std::max(closest, expect_both_ways({device}, "device"));
    }
    return closest;
  }
  /// A node's devices and the switches between them: out and in by its adapters alone.
  double expect_nodes() const {
    double closest = 0;
    const int each = static_cast<int>(cluster_->node.devices);
    const int devices = static_cast<int>(cluster_->device_count());
    for (int node = 0; cluster_->nodes > 1 && node < cluster_->nodes; ++node) {
      std::vector<int> inside;
      for (int device = 0; device < each; ++device) inside.push_back(node * each + device);
      if (each > 1) inside.push_back(devices + node);  // the crossbar
      closest = std::max(closest, expect_both_ways(inside, "node"));
    }
    return closest;
  }
  void expect_random_cuts(RandomStream& random) const {
    for (int cut = 0; cut < kRandomCuts; ++cut) {
      std::vector<int> inside;
      for (int vertex = 0; vertex < vertices_.count(); ++vertex) {
        if (random.integer(0, 1) == 1) inside.push_back(vertex);
      }
      expect_both_ways(inside, "random cut");
    }
  }

 private:
  double expect_both_ways(const std::vector<int>& vertices, const char* cut) const {
    std::vector<bool> inside(static_cast<std::size_t>(vertices_.count()), false);
    for (const int vertex : vertices) inside[static_cast<std::size_t>(vertex)] = true;
    double closest = 0;
    for (int direction = 0; direction < 2; ++direction) {
      const double bytes = must_cross(*traffic_, inside);
      const double capacity = capacity_out_of(inside, *fabric_, vertices_.ends(), by_library_);
      const double taken = static_cast<double>(outcome_->end.picoseconds());
      const double needed = bytes == 0 ? 0 : bytes / capacity * 1e12;
      EXPECT_GE(taken + static_cast<double>(outcome_->counters.messages), needed) << cut;
      closest = std::max(closest, taken > 0 ? needed / taken : 0);
      inside.flip();
    }
    return closest;
  }

  const ClusterSpec* cluster_;
  const DrawnTraffic* traffic_;
  const Outcome* outcome_;
  bool by_library_;
  std::unique_ptr<Fabric> fabric_;
  ClusterVertices vertices_;
};

TEST(CollectiveBounds, NoAlgorithmOnAnyFabricBeatsTheBandwidthBound) {
  const std::vector<std::string> routings = {"ecmp",    "minimal", "spray", "dimension_order",
                                             "up_down", "valiant"};
  std::uint64_t seed = 0;
  std::set<std::string> seen;
  int tight_devices = 0;
  double closest_node = 0;
  for (const Sample& sample : all_samples()) {
    if (sample.site.endpoints < 2 || sample.site.endpoints > kMostDevices) continue;
    for (const std::string& routing : routings) {
      if (routing == "dimension_order" && !sample.is_grid) continue;
      const ClusterSpec cluster = cluster_of(sample, routing);
      for (int draw = 0; draw < 12; ++draw) {
        SCOPED_TRACE(sample.label + ", " + sample.section + ", " + routing + ", " +
                     std::to_string(++seed));
        const int devices = static_cast<int>(cluster.device_count());
        const TrafficLimits limits{.flows = 1 + draw % 4, .transfers = false};
        const DrawnTraffic traffic = RandomTraffic(seed, devices, limits).traffic();
        const Outcome outcome = simulate(cluster, graph_of(traffic, devices).graph, traffic.choice);
        for (const Flow& flow : traffic.flows) seen.insert(algorithm_of(traffic, flow.kind));
        const Bounds bounds(cluster, traffic, outcome);
        tight_devices += bounds.expect_devices() > 0.95 ? 1 : 0;
        closest_node = std::max(closest_node, bounds.expect_nodes());
        RandomStream random(seed, "cuts");
        bounds.expect_random_cuts(random);
        if (HasFailure()) return;
      }
    }
  }
  // Without these the test would say little.
  EXPECT_EQ(seen.size(), builtin_collectives().names().size());
  EXPECT_GE(tight_devices, 5);
  EXPECT_GT(closest_node, 0.5);
}

/// NCCL as it is shipped, over links that it takes for NVLink, with any protocol.
class NcclOn {
 public:
  explicit NcclOn(const ClusterSpec& cluster) : cluster_(&cluster), fabric_(fabric_of(cluster)) {
    const JsonValue document =
        load_json(ORRERY_SOURCE_DIR "/hw/calibration/nccl.json", "nccl.json");
    Diagnostics mistakes;
    fits_ = read_nccl_fits(JsonCursor(document, mistakes));
    mistakes.throw_if_any();
  }
  std::shared_ptr<const CollectiveLibrary> with(const std::string& protocol) const {
    return make_nccl(fits_, *cluster_, *fabric_, {.protocol = protocol});
  }

 private:
  const ClusterSpec* cluster_;
  std::unique_ptr<Fabric> fabric_;
  NcclFits fits_;
};

/// Switches add where there are any.
ClusterSpec adding(ClusterSpec cluster) {
  const auto add = [](JsonValue& section) {
    section.members.push_back({"in_network_reduction", json_boolean(true)});
    if (JsonValue* link = section.find("link"); link != nullptr && link->find("name") != nullptr) {
      *link->find("name") = json_string("nvlink4");
    }
  };
  if (cluster.node.fabric.kind != JsonValue::Kind::null) add(cluster.node.fabric);
  if (cluster.fabric) add(*cluster.fabric);
  return cluster;
}

// Half of the cases by its own choice: rings, trees, PAT, additions in switches; half by name.
TEST(CollectiveBounds, NorDoesNcclWithAnyProtocolOrAlgorithm) {
  std::uint64_t seed = 1'000'000;
  std::set<std::string> taken;
  std::set<std::string> chosen;  // by NCCL
  double closest = 0;
  for (const Sample& sample : all_samples()) {
    if (sample.site.endpoints < 2 || sample.site.endpoints > kMostDevices) continue;
    const ClusterSpec cluster = adding(cluster_of(sample, "minimal"));
    const NcclOn nccl(cluster);
    for (const char* protocol : {"auto", "ll", "ll128", "simple"}) {
      for (int draw = 0; draw < 6; ++draw) {
        SCOPED_TRACE(sample.label + ", " + sample.section + ", " + protocol + ", " +
                     std::to_string(++seed));
        const int devices = static_cast<int>(cluster.device_count());
        const TrafficLimits limits{.flows = 1 + draw % 3, .transfers = false};
        DrawnTraffic traffic = RandomTraffic(seed, devices, limits).traffic();
        if (draw % 2 == 0) traffic.choice.algorithm.fill("auto");
        traffic.choice.library = nccl.with(protocol);
        const Outcome outcome = simulate(cluster, graph_of(traffic, devices).graph, traffic.choice);
        for (const CollectiveRecord& record : outcome.records) {
          taken.insert(record.algorithm);
          if (draw % 2 == 0) chosen.insert(record.algorithm);
          taken.insert(record.protocol);
        }
        const Bounds bounds(cluster, traffic, outcome);
        closest = std::max(closest, bounds.expect_devices());
        bounds.expect_nodes();
        RandomStream random(seed, "cuts");
        bounds.expect_random_cuts(random);
        if (HasFailure()) return;
      }
    }
  }
  EXPECT_EQ(chosen.count("ring"), 1U);
  EXPECT_EQ(chosen.count("double_binary_tree"), 1U);
  for (const char* name : {"pat", "nvls", "sharp", "LL", "LL128", "Simple"}) {
    EXPECT_EQ(taken.count(name), 1U) << name << " never came up";
  }
  EXPECT_GT(closest, 0.5);
}

}  // namespace
}  // namespace orrery
