#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/random.hpp"
#include "tests/property/drawn_graph.hpp"

namespace orrery {

// Random clusters: graphs that no catalogue holds, and the built-in shapes with random parameters.

template <class T>
void shuffle(std::vector<T>& items, RandomStream& random) {
  for (std::size_t left = items.size(); left > 1; --left) {
    const auto pick = random.integer(0, static_cast<std::int64_t>(left) - 1);
    std::swap(items[left - 1], items[static_cast<std::size_t>(pick)]);
  }
}

enum class Shape { graph, tree, crossbar, full_mesh, fat_tree, two_levels };
inline constexpr int kShapes = 6;

/// The same cluster otherwise: every number is drawn as without it.
struct Variation {
  std::int64_t capacity_factor = 1;  // of links and memories
  std::int64_t latency_factor = 1;
  std::uint64_t link_order = 0;  // other than 0: drawn links are added in another order
  int idle_devices = 0;          // so many more; a fat tree gets as many leaves
};

class RandomCluster {
 public:
  RandomCluster(std::uint64_t seed, Shape shape, const Variation& variation = {})
      : random_(seed, "random cluster"), variation_(variation) {
    cluster_.nodes = 1;
    cluster_.node.device = device_of({.memory = any_memory()});
    cluster_.node.device.memory_efficiency = any_efficiency();
    const int devices = count(2, 9);
    cluster_.node.devices = devices + variation.idle_devices;
    switch (shape) {
      case Shape::graph:
        cluster_.node.fabric = to_json(any_graph(devices, variation.idle_devices));
        break;
      case Shape::tree:
        cluster_.node.fabric = to_json(any_tree(devices, variation.idle_devices));
        break;
      case Shape::crossbar:
        cluster_.node.fabric = section("crossbar", {{"links_per_device", any_small()}});
        break;
      case Shape::full_mesh:
        cluster_.node.fabric = section("full_mesh", {{"links_per_pair", any_small()}});
        break;
      case Shape::fat_tree:
        make_fat_tree();
        break;
      case Shape::two_levels:
        make_two_levels();
        break;
    }
  }

  const ClusterSpec& spec() const { return cluster_; }
  /// Without the idle ones, which come last.
  int busy_devices() const {
    return static_cast<int>(cluster_.device_count()) - variation_.idle_devices;
  }

 private:
  int count(int low, int high) { return static_cast<int>(random_.integer(low, high)); }
  JsonValue any_small() { return json_integer(random_.integer(1, 4)); }
  double any_efficiency() {
    constexpr double kEfficiencies[] = {1, 0.9, 0.75, 0.5};
    return kEfficiencies[random_.integer(0, 3)];
  }
  /// Three times in four far more than the links ask for, else what they ask for.
  Bandwidth any_memory() {
    const std::int64_t ample = random_.integer(0, 3) != 0 ? 1'000 : 1;
    return variation_.capacity_factor * ample * Bandwidth(random_.integer(5'000, 60'000)) *
           1'000'000;
  }
  /// Some in whole GB/s, so that equal levels and simultaneous ends are frequent.
  LinkSpec any_link() {
    const bool whole = random_.integer(0, 2) == 0;
    const std::int64_t megabytes =
        whole ? 1'000 * random_.integer(1, 4) : random_.integer(1'000, 100'000);
    const Duration latency(random_.integer(0, 3) == 0 ? 0 : random_.integer(1, 900'000));
    LinkSpec link = wire(variation_.capacity_factor * Bandwidth(megabytes * 1'000'000),
                         variation_.latency_factor * latency, any_efficiency());
    link.name = "link " + std::to_string(links_drawn_++);
    return link;
  }

  JsonValue section(const std::string& kind, std::vector<std::pair<std::string, JsonValue>> keys) {
    keys.emplace_back("kind", json_string(kind));
    keys.emplace_back("link", to_json(any_link()));
    return json_object(std::move(keys));
  }

  /// A directed ring through all vertices, so that everyone reaches everyone, and random links.
  DrawnGraph any_graph(int endpoints, int idle) {
    DrawnGraph graph{.switches = count(1, 6), .links = {}};
    std::vector<int> ring;
    for (int v = -graph.switches; v < endpoints; ++v) ring.push_back(v);
    shuffle(ring, random_);
    for (std::size_t i = 0; i < ring.size(); ++i) {
      graph.links.push_back({ring[i], ring[(i + 1) % ring.size()], any_link()});
    }
    for (int extra = count(0, 3 * static_cast<int>(ring.size())); extra > 0; --extra) {
      const int from = count(-graph.switches, endpoints - 1);
      const int to = count(-graph.switches, endpoints - 1);
      if (from != to) graph.links.push_back({from, to, any_link()});
    }
    return finished(std::move(graph), endpoints, idle);
  }

  /// Every vertex hangs on an earlier switch: one path between any two.
  DrawnGraph any_tree(int endpoints, int idle) {
    DrawnGraph graph{.switches = count(1, 6), .links = {}};
    const auto hang = [&](int vertex, int switches) {
      const int above = count(-switches, -1);
      graph.links.push_back({vertex, above, any_link()});
      graph.links.push_back({above, vertex, any_link()});
    };
    for (int s = 1; s < graph.switches; ++s) hang(-1 - s, s);
    for (int e = 0; e < endpoints; ++e) hang(e, graph.switches);
    return finished(std::move(graph), endpoints, idle);
  }

  DrawnGraph finished(DrawnGraph graph, int endpoints, int idle) {
    for (int e = endpoints; e < endpoints + idle; ++e) {
      graph.links.push_back({e, -1, any_link()});
      graph.links.push_back({-1, e, any_link()});
    }
    if (variation_.link_order != 0) {
      RandomStream order(variation_.link_order, "link order");
      shuffle(graph.links, order);
    }
    return graph;
  }

  /// Nodes of one device and one NIC below full leaves, so that idle ones widen nobody's uplink.
  void make_fat_tree() {
    const int each = count(1, 3);
    const int leaves = count(2, 4) + variation_.idle_devices;
    variation_.idle_devices *= each;
    cluster_.node.devices = 1;
    cluster_.node.nics = 1;
    cluster_.node.nic_link = any_link();
    cluster_.node.host_link = any_link();
    cluster_.nodes = each * leaves;
    cluster_.fabric = section("fat_tree", {{"nodes_per_leaf", json_integer(each)},
                                           {"oversubscription", json_real(count(1, 4))}});
  }

  /// Nodes with a random graph inside, and a random graph between their NICs.
  void make_two_levels() {
    const int devices = count(2, 4);
    const int nodes = count(2, 3);
    cluster_.node.devices = devices;
    cluster_.node.nics = count(1, devices);
    cluster_.node.nic_link = any_link();
    cluster_.node.host_link = any_link();
    cluster_.node.fabric = to_json(any_graph(devices, 0));
    cluster_.nodes = nodes;
    cluster_.fabric = to_json(any_graph(nodes * static_cast<int>(cluster_.node.nics), 0));
    variation_.idle_devices = 0;
  }

  RandomStream random_;
  Variation variation_;
  ClusterSpec cluster_;
  int links_drawn_ = 0;
};

inline Shape shape_of(std::uint64_t seed) {
  return static_cast<Shape>(seed % kShapes);
}

}  // namespace orrery
