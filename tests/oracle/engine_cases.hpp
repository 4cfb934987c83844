#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/property/simulate.hpp"
#include "tests/suites/topology_samples.hpp"

namespace orrery::oracle {

/// A short scenario: kernels, transfers and collectives on a cluster.
struct EngineCase {
  ClusterSpec cluster;
  TrafficGraph made;
  CollectiveChoice choice;
};

/// Half of the clusters have random links, memories and efficiencies; the others are the samples of
/// the topologies, with a routing each. Short, since a long contended graph is chaotic: a rounding
/// then decides which of two messages comes first.
class RandomEngineCase {
 public:
  explicit RandomEngineCase(std::uint64_t seed) : random_(seed, "engine case"), seed_(seed) {}

  EngineCase take() {
    EngineCase made{.cluster = seed_ % 2 == 0 ? RandomCluster(seed_, shape_of(seed_ / 2)).spec()
                                              : sample_cluster(),
                    .made = {TaskGraph(1), {}},
                    .choice = {}};
    const auto devices = static_cast<int>(made.cluster.device_count());
    const TrafficLimits limits{
        .flows = 6, .streams = static_cast<int>(random_.integer(0, 1)) * 3, .priorities = false};
    const DrawnTraffic traffic = RandomTraffic(seed_, devices, limits).traffic();
    made.choice = traffic.choice;
    made.made = graph_of(traffic, devices);
    for (std::int64_t left = random_.integer(0, 4); left > 0; --left) add_kernel(made.made);
    return made;
  }

 private:
  static constexpr int kMostEndpoints = 24;

  /// NICs are those of nodes with a device for each.
  ClusterSpec sample_cluster() {
    std::vector<Sample> samples = all_samples();
    std::erase_if(samples, [](const Sample& sample) {
      return sample.site.endpoints < 2 || sample.site.endpoints > kMostEndpoints;
    });
    const Sample& sample = samples[seed_ / 2 % samples.size()];
    ClusterSpec cluster;
    cluster.node.device = device_of({.memory = Bandwidth(3'000'000'000'000)});
    JsonValue fabric = parse_json(sample.section, "sample");
    choose_routing(fabric, sample.is_grid);
    const LinkSpec inside = wire(Bandwidth(100'000'000'000), Duration(400'000), 0.9);
    if (sample.site.endpoint_link) {
      const int each = sample.site.endpoints_per_node;
      cluster.nodes = sample.site.endpoints / each;
      cluster.node.devices = each;
      cluster.node.nics = each;
      cluster.node.nic_link = sample.site.endpoint_link;
      cluster.node.host_link = inside;
      cluster.node.fabric = json_object({{"kind", json_string("crossbar")},
                                         {"link", to_json(inside)},
                                         {"links_per_device", json_integer(1)}});
      cluster.fabric = std::move(fabric);
    } else {
      cluster.nodes = 1;
      cluster.node.devices = sample.site.endpoints;
      cluster.node.fabric = std::move(fabric);
    }
    return cluster;
  }

  /// Those that leave every message on one way.
  void choose_routing(JsonValue& fabric, bool is_grid) {
    const std::string kind = fabric.find("kind")->string;
    std::vector<std::string> routings = {"", "ecmp", "minimal", "valiant"};
    if (is_grid) routings.emplace_back("dimension_order");
    if (kind == "fat_tree") routings.emplace_back("up_down");
    if (kind == "levels") routings = {""};
    const auto last = static_cast<std::int64_t>(routings.size()) - 1;
    const std::string& routing = routings[static_cast<std::size_t>(random_.integer(0, last))];
    if (!routing.empty()) fabric.members.push_back({"routing", json_string(routing)});
  }

  /// Beside the traffic, or before or after one op of it. Some move more than they calculate.
  void add_kernel(TrafficGraph& made) {
    const auto flows = static_cast<std::int64_t>(made.ids.size());
    const auto rank = static_cast<Rank>(random_.integer(0, made.graph.world_size() - 1));
    Op op;
    op.kind = OpKind::compute;
    op.stream = made.graph.stream("compute");
    op.ranks = made.graph.rank_set({rank});
    op.kernel = made.graph.kernel(kernel_of(Flops(random_.integer(1, 40'000'000'000)),
                                            Bytes(random_.integer(1, 600'000'000))));
    const OpId kernel = made.graph.add(op);
    const OpId flow = made.ids[static_cast<std::size_t>(random_.integer(0, flows - 1))];
    if (random_.integer(0, 2) == 0) made.graph.depend(kernel, flow);
    made.ids.push_back(kernel);
  }

  RandomStream random_;
  std::uint64_t seed_;
};

}  // namespace orrery::oracle
