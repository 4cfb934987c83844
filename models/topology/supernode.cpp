// Boards of devices in planes of switches, two levels: every device has a link to its board's
// switch of each plane, and every such switch a link to each of the upper switches of its plane.
//
//   upper switches of plane 0     of plane 1         upper_switches a plane
//      [u] [u] [u] [u]          [u] [u] [u] [u]
//       \   \  /   /              each board's switch to all of its plane: uplink
//        [board 0, plane 0]  [board 0, plane 1]      planes a board
//           /  |   \  ______/  |
//          d0  d1  d2                                a link to each plane
//
// Source of the shape: "Serving large language models on Huawei CloudMatrix384", arXiv 2506.12708,
// §3 (UB plane of 7 sub-planes; assumed: from memory). Left out: processors on the boards. A flow
// takes one plane by its hash, unless the routing is "spray".
#include <string>
#include <vector>

#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"

namespace orrery {

std::unique_ptr<Topology> make_supernode(JsonCursor parameters, const TopologySite& site) {
  constexpr CountRange kCount = {.minimum = 1, .maximum = 1'000};
  const LinkSpec link = site.endpoint_link && !parameters.has("link")
                            ? *site.endpoint_link
                            : read_link(parameters.at("link"));
  const LinkSpec uplink = read_link(parameters.at("uplink"));
  const std::int64_t per_board = parameters.at("devices_per_board").as_count(kCount);
  const std::int64_t planes = parameters.at("planes").as_count(kCount);
  const std::int64_t uppers = parameters.at("upper_switches").as_count(kCount);
  parameters.reject_unknown_keys();
  if (!parameters.diagnostics().empty()) return nullptr;
  const std::int64_t boards = (site.endpoints + per_board - 1) / per_board;
  if (!allow_links(parameters, 2.0 * static_cast<double>(planes) *
                                   (site.endpoints + static_cast<double>(boards * uppers)))) {
    return nullptr;
  }

  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const std::string in_plane = ", plane " + std::to_string(plane);
    std::vector<int> upper;
    for (std::int64_t i = 0; boards > 1 && i < uppers; ++i) upper.push_back(topology->add_vertex());
    for (std::int64_t board = 0; board < boards; ++board) {
      const int vertex = topology->add_vertex();
      const std::string name = "board " + std::to_string(board) + in_plane;
      for (std::int64_t d = board * per_board; d < (board + 1) * per_board; ++d) {
        if (d >= site.endpoints) break;
        const std::string device = endpoint_name(site, static_cast<int>(d));
        topology->add_both_ways({static_cast<int>(d), device}, {vertex, name}, link, 1);
      }
      for (std::size_t i = 0; i < upper.size(); ++i) {
        const std::string above = "upper switch " + std::to_string(i) + in_plane;
        topology->add_both_ways({vertex, name}, {upper[i], above}, uplink, 1);
      }
    }
  }
  return topology;
}

}  // namespace orrery
