// The NVLink wiring of a DGX-1 with V100: two boards of four devices, each a full mesh, and a cable
// from every device to its counterpart; some pairs have two links, so that every device uses six.
//
//   0 -- 1        4 -- 5      0-1 0-2 1-3 | 4-5 4-6 5-7 | 2-6 3-7   one link
//   ||\ /|   ==   ||\ /|      0-3 1-2 2-3 | 4-7 5-6 6-7 | 0-4 1-5   two links
//   3 == 2        7 == 6
//
// Source: NVIDIA DGX-1 with Tesla V100 System Architecture whitepaper, 2017, NVLink hybrid cube
// mesh; which pairs have two links: `nvidia-smi topo -m` of a p3.16xlarge, as published by Li et
// al., "Evaluating modern GPU interconnect", IEEE TPDS 31(1), 2020 (assumed: from memory). Left
// out: GPUs do not forward for others; here they do, by the shortest way, where NCCL would send
// over PCIe.
#include "models/topology/builtin.hpp"
#include "models/topology/graph_topology.hpp"

namespace orrery {

std::unique_ptr<Topology> make_hybrid_cube_mesh(JsonCursor parameters, const TopologySite& site) {
  constexpr int kDevices = 8;
  struct Pair {
    int a, b;
    double links;
  };
  constexpr Pair kPairs[] = {{0, 1, 1}, {0, 2, 1}, {1, 3, 1}, {4, 5, 1}, {4, 6, 1}, {5, 7, 1},
                             {2, 6, 1}, {3, 7, 1}, {0, 3, 2}, {1, 2, 2}, {2, 3, 2}, {4, 7, 2},
                             {5, 6, 2}, {6, 7, 2}, {0, 4, 2}, {1, 5, 2}};
  const LinkSpec link = read_link(parameters.at("link"));
  parameters.reject_unknown_keys();
  if (site.endpoints != kDevices) {
    parameters.error("a hybrid cube mesh joins 8 devices, here are " +
                     std::to_string(site.endpoints));
  }
  if (!parameters.diagnostics().empty()) return nullptr;

  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  for (const Pair& pair : kPairs) {
    const std::string a = endpoint_name(site, pair.a);
    const std::string b = endpoint_name(site, pair.b);
    topology->add_both_ways({pair.a, a}, {pair.b, b}, link, pair.links);
  }
  return topology;
}

}  // namespace orrery
