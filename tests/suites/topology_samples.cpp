#include "tests/suites/topology_samples.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace orrery {
namespace {

TopologySite devices(int count) {
  return {.endpoints = count, .endpoint_link = std::nullopt};
}
TopologySite nics(int nodes, int each) {
  return {.endpoints = nodes * each,
          .endpoints_per_node = each,
          .endpoint_link = link_of("nic", Bandwidth(50'000'000'000))};
}

std::string section(const std::string& kind, const std::string& keys) {
  return R"({"kind": ")" + kind + R"(", "link": )" + kLinkText + keys + "}";
}
std::string link_key(const std::string& key) {
  return ", \"" + key + "\": " + kLinkText;
}

/// Two hops below one leaf, four in a pod, six beyond.
auto fat_tree_hops(int each, int nodes_per_leaf, bool has_rails, int leaves_per_pod = 1'000) {
  return [=](int from, int to) -> std::size_t {
    const int rails = has_rails ? each : 1;
    const auto leaf = [&](int endpoint) {
      return endpoint / each / nodes_per_leaf * rails + (has_rails ? endpoint % each : 0);
    };
    if (leaf(from) == leaf(to)) return 2;
    return leaf(from) / leaves_per_pod == leaf(to) / leaves_per_pod ? 4 : 6;
  };
}

/// The sum of distances along each dimension; 2 more with routers of `each` endpoints apart.
auto grid_hops(std::vector<int> sizes, std::function<int(int, int)> along, int each = 0) {
  return [=](int from, int to) -> std::size_t {
    int a = each == 0 ? from : from / each;
    int b = each == 0 ? to : to / each;
    int hops = each == 0 ? 0 : 2;
    for (const int size : sizes) {
      hops += along(std::abs(a % size - b % size), size);
      a /= size;
      b /= size;
    }
    return static_cast<std::size_t>(hops);
  };
}
int round_ring(int apart, int size) {
  return std::min(apart, size - apart);
}
int in_line(int apart, int) {
  return apart;
}
int all_joined(int apart, int) {
  return apart == 0 ? 0 : 1;
}

/// Groups of `a` routers with `h` global links each and `p` endpoints, as many groups as can be:
/// one link between every two, which meets group offset o at router (o-1)/h. Local, global, local;
/// or two global links through a third group, where a router has both.
auto dragonfly_hops(int p, int a, int h) {
  return [=](int from, int to) -> std::size_t {
    const int groups = a * h + 1;
    const int router = from / p;
    const int other = to / p;
    if (router == other) return 2;
    const int group = router / a;
    const int far = other / a;
    if (group == far) return 3;
    const auto leads = [&](int here, int there) {  // the router of group `here` towards `there`
      return here * a + ((there - here + groups) % groups - 1) / h;
    };
    const int direct = (router != leads(group, far)) + 1 + (other != leads(far, group));
    for (int third = 0; third < groups && direct == 3; ++third) {
      if (third == group || third == far) continue;
      if (leads(group, third) == router && leads(third, group) == leads(third, far) &&
          leads(far, third) == other) {
        return 4;
      }
    }
    return static_cast<std::size_t>(2 + direct);
  };
}

std::vector<Sample> grid_samples(const std::string& kind) {
  const std::string one = R"(, "links_per_pair": 1)";
  const std::string two = R"(, "links_per_pair": 2)";
  if (kind == "ring") {
    return {{"eight", section(kind, one), devices(8), grid_hops({8}, round_ring), 20, true},
            {"two", section(kind, one), devices(2), grid_hops({2}, round_ring), 10, true},
            {"NICs", section(kind, two), nics(6, 2), grid_hops({6}, round_ring, 2), 40, true}};
  }
  if (kind == "hypercube") {
    return {{"eight", section(kind, one), devices(8), grid_hops({2, 2, 2}, all_joined), 40, true},
            {"NICs", section(kind, one + R"(, "endpoints_per_router": 3)"), nics(8, 3),
             grid_hops({2, 2, 2}, all_joined, 3), 40, true}};
  }
  if (kind == "hyperx") {
    return {{"plane", section(kind, one + R"(, "dimensions": [3, 4])"), devices(12),
             grid_hops({3, 4}, all_joined), 120, true},
            {"NICs", section(kind, two + R"(, "dimensions": [2, 2])"), nics(4, 2),
             grid_hops({2, 2}, all_joined, 2), 40, true}};
  }
  return {{"plane", section(kind, one + R"(, "dimensions": [4, 4])"), devices(16),
           grid_hops({4, 4}, round_ring), 80, true},
          {"cube", section(kind, one + R"(, "dimensions": [3, 2, 4])"), devices(24),
           grid_hops({3, 2, 4}, round_ring), 120, true},
          {"mesh", section(kind, two + R"(, "dimensions": [3, 4], "wrap_around": false)"),
           devices(12), grid_hops({3, 4}, in_line), 60, true},
          {"NICs", section(kind, one + R"(, "dimensions": [5, 4])"), nics(20, 1),
           grid_hops({5, 4}, round_ring, 1), 100, true},
          {"long first", section(kind, one + R"(, "dimensions": [6, 2])"), nics(12, 2),
           grid_hops({6, 2}, round_ring, 2), 40, true}};
}

std::vector<Sample> fat_tree_samples() {
  const std::string plain = R"(, "nodes_per_leaf": 2, "oversubscription": 2)";
  const std::string rails = plain + R"(, "rail_optimised": true)";
  const std::string k_ary =
      R"(, "nodes_per_leaf": 2, "oversubscription": 1, "spines": 2, "leaves_per_pod": 2, "cores": 4)";
  const std::string narrow = k_ary + R"(, "pod_oversubscription": 2)";
  const auto tree = [](const std::string& keys) { return section("fat_tree", keys); };
  return {{"one leaf", tree(plain), nics(2, 4), fat_tree_hops(4, 2, false), 200},
          {"leaves", tree(plain), nics(5, 4), fat_tree_hops(4, 2, false)},
          {"rails", tree(rails), nics(5, 4), fat_tree_hops(4, 2, true), 250},
          {"rails, one group", tree(rails), nics(2, 4), fat_tree_hops(4, 2, true), 100},
          {"in a node", tree(plain), devices(6), fat_tree_hops(1, 2, false)},
          {"spines", tree(plain + R"(, "spines": 3)"), nics(8, 2), fat_tree_hops(2, 2, false), 200},
          {"4-ary", tree(k_ary), devices(16), fat_tree_hops(1, 2, false, 2), 80},
          {"4-ary, narrow", tree(narrow), devices(16), fat_tree_hops(1, 2, false, 2), 40},
          {"one pod", tree(k_ary), devices(4), fat_tree_hops(1, 2, false, 2), 20}};
}

std::vector<Sample> group_samples(const std::string& kind) {
  if (kind == "dragonfly") {
    const std::string keys = link_key("global_link") +
                             R"(, "endpoints_per_router": 2, "routers_per_group": 4)"
                             R"(, "global_links_per_router": )";
    return {{"full", section(kind, keys + "1"), devices(40), dragonfly_hops(2, 4, 1)},
            {"full, NICs", section(kind, keys + "2"), nics(36, 2), dragonfly_hops(2, 4, 2)},
            {"one group", section(kind, keys + "1"), devices(8), dragonfly_hops(2, 4, 1), 40},
            {"two groups", section(kind, keys + "2"), devices(16),
             [](int a, int b) -> std::size_t {  // a router has two links to its counterpart
               if (a / 2 == b / 2) return 2;
               return a / 8 == b / 8 || a / 2 % 4 == b / 2 % 4 ? 3 : 4;
             },
             80}};
  }
  const std::string keys = link_key("global_link") +
                           R"(, "endpoints_per_router": 2, "leaves_per_group": 2)"
                           R"(, "spines_per_group": 2, "global_links_per_spine": )";
  return {{"three groups", section(kind, keys + "2"), devices(12),
           [](int a, int b) -> std::size_t { return a / 2 == b / 2   ? 2
                                                    : a / 4 == b / 4 ? 4
                                                                     : 5; }},
          {"two groups", section(kind, keys + "1"), nics(4, 2),
           [](int a, int b) -> std::size_t { return a / 2 == b / 2   ? 2
                                                    : a / 4 == b / 4 ? 4
                                                                     : 5; },
           20}};
}

std::vector<Sample> node_samples(const std::string& kind) {
  if (kind == "hybrid_cube_mesh") {
    return {{"DGX-1", section(kind, ""), devices(8),
             [](int a, int b) -> std::size_t { return a / 4 == b / 4 || a % 4 == b % 4 ? 1 : 2; },
             60}};
  }
  if (kind == "pcie_tree") {
    const std::string keys = link_key("uplink") + link_key("processor_link") +
                             R"(, "devices_per_switch": 2, "switches_per_bridge": 2)";
    return {
        {"eight", section(kind, keys), devices(8),
         [](int a, int b) -> std::size_t { return a / 2 == b / 2   ? 2
                                                  : a / 4 == b / 4 ? 4
                                                                   : 5; },
         10},
        {"no switches", section(kind, link_key("processor_link") + R"(, "devices_per_bridge": 2)"),
         devices(4), [](int a, int b) -> std::size_t { return a / 2 == b / 2 ? 2 : 3; }, 10}};
  }
  const std::string keys =
      link_key("uplink") + R"(, "devices_per_board": 4, "planes": 3, "upper_switches": 4)";
  return {{"four boards", section(kind, keys), devices(16),
           [](int a, int b) -> std::size_t { return a / 4 == b / 4 ? 2 : 4; }, 8 * 3 * 10.0},
          {"one board", section(kind, keys), devices(4), [](int, int) -> std::size_t { return 2; },
           2 * 3 * 10.0}};
}

std::vector<Sample> levels_samples() {
  const std::string inside = R"("fabric": {"kind": "crossbar"})";
  const std::string racks =
      R"({"kind": "levels", "levels": [{"name": "rack", "members": 2, "uplinks": 2, "uplink": )" +
      std::string(kLinkText) + ", " + inside + R"(}, {"name": "hall", )" + inside + "}]}";
  const std::string three =
      R"({"kind": "levels", "levels": [{"name": "rack", "members": 2, "uplinks": 1, "uplink": )" +
      std::string(kLinkText) + ", " + inside +
      R"(}, {"name": "pod", "members": 2, "uplinks": 1, "uplink": )" + kLinkText + ", " + inside +
      R"(}, {"name": "hall", )" + inside + "}]}";
  return {{"racks", racks, nics(4, 2),
           [](int a, int b) -> std::size_t { return a / 4 == b / 4 ? 2 : 6; }, 20},
          {"a last rack", racks, nics(5, 2),
           [](int a, int b) -> std::size_t { return a / 4 == b / 4 ? 2 : 6; }},
          {"pods", three, nics(8, 1),
           [](int a, int b) -> std::size_t { return a / 2 == b / 2   ? 2
                                                    : a / 4 == b / 4 ? 6
                                                                     : 10; },
           10},
          {"one level", R"({"kind": "levels", "levels": [{"name": "hall", )" + inside + "}]}",
           nics(2, 2), [](int, int) -> std::size_t { return 2; }, 100}};
}

}  // namespace

std::map<std::string, std::vector<Sample>> samples() {
  const auto always = [](std::size_t hops) { return [hops](int, int) { return hops; }; };
  const std::string theta = R"({"kind": "graph", "switches": ["a", "b", "c"], "links": [)"
                            R"({"between": [0, "a"], "link": L}, {"between": [1, "c"], "link": L},)"
                            R"({"between": ["a", "b"], "link": L, "count": 3},)"
                            R"({"between": ["b", "c"], "link": L, "count": 3}]})";
  std::string graph = theta;
  for (std::size_t at = 0; (at = graph.find(": L")) != std::string::npos;) {
    graph.replace(at + 2, 1, kLinkText);
  }
  std::map<std::string, std::vector<Sample>> all = {
      {"crossbar",
       {{"one device", section("crossbar", R"(, "links_per_device": 1)"), devices(1), always(2)},
        {"eight", section("crossbar", R"(, "links_per_device": 18)"), devices(8), always(2), 720},
        {"NICs", R"({"kind": "crossbar"})", nics(3, 2), always(2), 150}}},
      {"full_mesh",
       {{"two", section("full_mesh", R"(, "links_per_pair": 1)"), devices(2), always(1), 10},
        {"eight", section("full_mesh", R"(, "links_per_pair": 2)"), devices(8), always(1), 320}}},
      {"fat_tree", fat_tree_samples()},
      {"graph", {{"a chain", graph, devices(2), always(4), 10}}},
      {"levels", levels_samples()}};
  for (const char* kind : {"ring", "torus", "hypercube", "hyperx"}) all[kind] = grid_samples(kind);
  for (const char* kind : {"dragonfly", "dragonfly_plus"}) all[kind] = group_samples(kind);
  for (const char* kind : {"hybrid_cube_mesh", "pcie_tree", "supernode"}) {
    all[kind] = node_samples(kind);
  }
  return all;
}

std::vector<Sample> all_samples() {
  std::vector<Sample> all;
  const auto known = samples();
  const auto registry = builtin_topologies();
  for (const auto& entry : registry.entries()) {
    if (const auto found = known.find(entry.name); found != known.end()) {
      all.insert(all.end(), found->second.begin(), found->second.end());
    }
  }
  return all;
}

std::string test_name(const ::testing::TestParamInfo<Sample>& info) {
  const JsonValue section_value = parse_json(info.param.section, "t.json");
  std::string name = section_value.find("kind")->string + "_" + info.param.label;
  for (char& character : name) {
    character = std::isalnum(static_cast<unsigned char>(character)) != 0 ? character : '_';
  }
  return name;
}

}  // namespace orrery
