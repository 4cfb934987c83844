#include "tests/oracle/simgrid_cases.hpp"

#include <deque>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/random.hpp"

namespace orrery::oracle {
namespace {

/// Draws one case piece by piece.
class CaseBuilder {
 public:
  CaseBuilder(std::uint64_t seed, std::string_view name)
      : random_(seed, name), regular_(seed % 2 == 0) {}

  Case take() { return std::move(case_); }
  std::size_t below(std::size_t count) {
    return static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(count) - 1));
  }
  std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }

  std::size_t add_link() {
    case_.links_bytes_per_s.push_back(rate(10e9, 1e9, 20e9));
    return case_.links_bytes_per_s.size() - 1;
  }
  std::vector<std::size_t> add_links(std::size_t count) {
    std::vector<std::size_t> links(count);
    for (std::size_t& link : links) {
      link = add_link();
    }
    return links;
  }
  std::size_t add_host() {
    case_.hosts_flops_per_s.push_back(rate(100e12, 10e12, 200e12));
    return case_.hosts_flops_per_s.size() - 1;
  }
  void add_transfer(std::vector<std::size_t> links) {
    simgrid_program::Transfer transfer;
    transfer.links = std::move(links);
    transfer.bytes = static_cast<std::uint64_t>(rate(1e9, 0.1e9, 3e9));
    transfer.start_s = start();
    if (below(4) == 0) {
      transfer.bound_bytes_per_s = rate(1e9, 0.3e9, 5e9);
    }
    case_.transfers.push_back(std::move(transfer));
  }
  void add_compute(std::size_t host) {
    simgrid_program::Compute compute;
    compute.host = host;
    compute.flops = rate(10e12, 1e12, 30e12);
    compute.start_s = start();
    if (below(4) == 0) {
      compute.bound_flops_per_s = rate(10e12, 3e12, 50e12);
    }
    case_.computes.push_back(compute);
  }

 private:
  double rate(double regular, double low, double high) {
    return regular_ ? regular
                    : static_cast<double>(random_.integer(static_cast<std::int64_t>(low),
                                                          static_cast<std::int64_t>(high)));
  }
  /// A whole number of nanoseconds, so that both clocks hold it.
  double start() {
    constexpr std::int64_t kStep = 50'000'000;
    const std::int64_t ns =
        regular_ ? kStep * random_.integer(0, 2) : random_.integer(0, 6 * kStep);
    return static_cast<double>(ns) / 1e9;
  }

  RandomStream random_;
  bool regular_;
  Case case_;
};

}  // namespace

Case star_case(std::uint64_t seed) {
  CaseBuilder builder(seed, "star");
  const std::size_t hosts = builder.between(2, 6);
  const std::vector<std::size_t> up = builder.add_links(hosts);
  const std::vector<std::size_t> down = builder.add_links(hosts);
  for (std::size_t left = builder.between(3, 14); left > 0; --left) {
    const std::size_t source = builder.below(hosts);
    const std::size_t target = (source + builder.between(1, hosts - 1)) % hosts;
    builder.add_transfer({up[source], down[target]});
  }
  return builder.take();
}

Case ring_case(std::uint64_t seed) {
  CaseBuilder builder(seed, "ring");
  const std::size_t nodes = builder.between(3, 8);
  const std::vector<std::size_t> forth = builder.add_links(nodes);  // from node i to i + 1
  const std::vector<std::size_t> back = builder.add_links(nodes);   // from node i + 1 to i
  for (std::size_t left = builder.between(3, 14); left > 0; --left) {
    const std::size_t source = builder.below(nodes);
    const std::size_t distance = builder.between(1, nodes - 1);
    std::vector<std::size_t> route;
    if (2 * distance <= nodes) {
      for (std::size_t hop = 0; hop < distance; ++hop) {
        route.push_back(forth[(source + hop) % nodes]);
      }
    } else {
      for (std::size_t hop = 1; hop <= nodes - distance; ++hop) {
        route.push_back(back[(source + nodes - hop) % nodes]);
      }
    }
    builder.add_transfer(std::move(route));
  }
  return builder.take();
}

Case fat_tree_case(std::uint64_t seed) {
  CaseBuilder builder(seed, "fat tree");
  const std::size_t leaves = builder.between(2, 4);
  const std::size_t spines = builder.between(1, 3);
  const std::size_t per_leaf = builder.between(1, 4);
  const std::size_t hosts = leaves * per_leaf;
  const std::vector<std::size_t> up = builder.add_links(hosts);
  const std::vector<std::size_t> down = builder.add_links(hosts);
  const std::vector<std::size_t> to_spine = builder.add_links(leaves * spines);
  const std::vector<std::size_t> to_leaf = builder.add_links(leaves * spines);
  for (std::size_t left = builder.between(4, 16); left > 0; --left) {
    const std::size_t source = builder.below(hosts);
    const std::size_t target = (source + builder.between(1, hosts - 1)) % hosts;
    const std::size_t source_leaf = source / per_leaf;
    const std::size_t target_leaf = target / per_leaf;
    std::vector<std::size_t> route = {up[source]};
    if (source_leaf != target_leaf) {
      const std::size_t spine = builder.below(spines);
      route.push_back(to_spine[source_leaf * spines + spine]);
      route.push_back(to_leaf[target_leaf * spines + spine]);
    }
    route.push_back(down[target]);
    builder.add_transfer(std::move(route));
  }
  return builder.take();
}

Case random_graph_case(std::uint64_t seed) {
  struct Edge {
    std::size_t to;
    std::size_t link;
  };
  CaseBuilder builder(seed, "random graph");
  const std::size_t nodes = builder.between(3, 9);
  std::vector<std::vector<Edge>> edges(nodes);
  const auto join = [&](std::size_t a, std::size_t b) {
    edges[a].push_back({b, builder.add_link()});
    edges[b].push_back({a, builder.add_link()});
  };
  for (std::size_t node = 1; node < nodes; ++node) {
    join(node, builder.below(node));
  }
  for (std::size_t left = builder.below(nodes); left > 0; --left) {
    const std::size_t a = builder.below(nodes);
    join(a, (a + builder.between(1, nodes - 1)) % nodes);
  }
  for (std::size_t left = builder.between(3, 14); left > 0; --left) {
    const std::size_t source = builder.below(nodes);
    const std::size_t target = (source + builder.between(1, nodes - 1)) % nodes;
    std::vector<std::vector<std::size_t>> routes(nodes);  // of reached nodes; empty elsewhere
    for (std::deque<std::size_t> reached = {source}; routes[target].empty(); reached.pop_front()) {
      const std::size_t node = reached.front();
      for (const Edge& edge : edges[node]) {
        if (edge.to == source || !routes[edge.to].empty()) {
          continue;
        }
        routes[edge.to] = routes[node];
        routes[edge.to].push_back(edge.link);
        reached.push_back(edge.to);
      }
    }
    builder.add_transfer(std::move(routes[target]));
  }
  return builder.take();
}

Case compute_case(std::uint64_t seed) {
  CaseBuilder builder(seed, "compute");
  const std::size_t hosts = builder.between(1, 3);
  for (std::size_t host = 0; host < hosts; ++host) {
    builder.add_host();
  }
  for (std::size_t left = builder.between(3, 10); left > 0; --left) {
    builder.add_compute(builder.below(hosts));
  }
  const std::size_t link = builder.add_link();
  for (std::size_t left = builder.below(3); left > 0; --left) {
    builder.add_transfer({link});
  }
  return builder.take();
}

}  // namespace orrery::oracle
