// A network of networks: nodes in racks, racks in pods, pods in a hall; each part is a topology of
// its own, and has uplinks, which are the endpoints of the level above.
//
//           ( the last level's fabric )
//            |  |      |  |      |  |         uplinks of each pod
//          ( pod 0 ) ( pod 1 ) ( pod 2 )      each one a fabric of the same kind
//           |   |     …
//      ( rack 0 )( rack 1 ) …                 members of a pod
//        | | | |
//       nodes, by their NICs                  members of a rack
//
//   "levels": [ { "name": "rack", "members": 4, "uplinks": 2, "uplink": LINK, "fabric": { … } },
//               { "name": "hall", "fabric": { … } } ]
//
// In a part the uplinks are endpoints like the others and come last: a crossbar joins them by a
// port link, a torus counts them in its grid. "uplink" is the link by which they enter the level
// above, as a NIC port does; a message that leaves pays both. The last level holds everything. A
// last part with fewer members keeps all its uplinks.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"

namespace orrery {
namespace {

struct Level {
  std::string name;
  std::int64_t members = 0;  // of a part; 0: all there are
  std::int64_t uplinks = 0;  // of a part
  LinkSpec uplink;
  JsonCursor fabric;
};

std::vector<Level> read_levels(JsonCursor& parameters) {
  constexpr CountRange kCount = {.minimum = 1, .maximum = 1'000'000};
  constexpr std::size_t kMostLevels = 8;
  JsonCursor section = parameters.at("levels");
  std::vector<JsonCursor> items = section.items();
  if (section.present() && (items.empty() || items.size() > kMostLevels)) {
    section.expected("1 to " + std::to_string(kMostLevels) + " levels");
    return {};
  }
  std::vector<Level> levels;
  for (std::size_t i = 0; i < items.size(); ++i) {
    JsonCursor& item = items[i];
    Level level{item.at("name").as_string(), 0, 0, LinkSpec{}, item.at("fabric")};
    if (i + 1 < items.size()) {
      level.members = item.at("members").as_count(kCount);
      level.uplinks = item.at("uplinks").as_count(kCount);
      level.uplink = read_link(item.at("uplink"));
    }
    item.reject_unknown_keys();
    const bool is_known = std::any_of(levels.begin(), levels.end(), [&level](const Level& below) {
      return !level.name.empty() && below.name == level.name;
    });
    if (is_known) item.at("name").error("a second level is named \"" + level.name + "\"");
    levels.push_back(std::move(level));
  }
  return levels;
}

/// Puts parts together, level by level.
class Composer {
 public:
  Composer(const TopologySite& site, JsonCursor& parameters)
      : parameters_(&parameters),
        kinds_(site.kinds),
        topology_(std::make_unique<GraphTopology>(site.endpoints)) {
    for (int endpoint = 0; endpoint < site.endpoints; ++endpoint) ends_.push_back(endpoint);
    below_ = site;
  }

  /// False after mistakes.
  bool add(const Level& level) {
    const auto unit = static_cast<std::size_t>(below_.endpoints_per_node);
    const std::size_t members =
        level.members == 0 ? ends_.size() : static_cast<std::size_t>(level.members) * unit;
    const double parts =
        std::ceil(static_cast<double>(ends_.size()) / static_cast<double>(members));
    if (!allow_links(*parameters_, parts * static_cast<double>(level.uplinks))) return false;
    std::vector<int> above;
    for (std::size_t first = 0; first < ends_.size(); first += members) {
      std::vector<int> ends(
          ends_.begin() + static_cast<std::ptrdiff_t>(first),
          ends_.begin() + static_cast<std::ptrdiff_t>(std::min(first + members, ends_.size())));
      const Topology* part = part_of(level, static_cast<int>(ends.size()));
      if (part == nullptr) return false;
      const std::size_t links = topology_->links().size() + part->links().size();
      if (!allow_links(*parameters_, static_cast<double>(links))) return false;
      const std::string prefix =
          level.members == 0 ? "" : level.name + " " + std::to_string(first / members) + ": ";
      append(*part, std::move(ends), prefix, above, static_cast<std::size_t>(level.uplinks));
    }
    parts_.clear();
    ends_ = std::move(above);
    below_ = {.endpoints_per_node = static_cast<int>(level.uplinks),
              .endpoint_link = level.uplink,
              .kinds = kinds_,
              .member = level.name,
              .port = "uplink"};
    return true;
  }

  std::unique_ptr<Topology> finished() { return std::move(topology_); }

 private:
  /// The topology of a part with so many endpoints below; all of one size are alike.
  const Topology* part_of(const Level& level, int endpoints) {
    const auto [entry, is_new] = parts_.try_emplace(endpoints);
    if (!is_new) return entry->second.get();
    JsonCursor fabric = level.fabric;
    const auto* kind = kinds_->find(fabric.at("kind").as_choice(kinds_->names()));
    if (kind == nullptr) return nullptr;
    TopologySite site = below_;
    site.endpoints = endpoints + static_cast<int>(level.uplinks);
    site.uplinks = static_cast<int>(level.uplinks);
    entry->second = kind->make(fabric, site);
    return parameters_->diagnostics().empty() ? entry->second.get() : nullptr;
  }

  void append(const Topology& part, std::vector<int> vertices, const std::string& prefix,
              std::vector<int>& above, std::size_t uplinks) {
    const std::size_t below = vertices.size();
    while (vertices.size() < static_cast<std::size_t>(part.vertices())) {
      vertices.push_back(topology_->add_vertex());
    }
    above.insert(above.end(), vertices.begin() + static_cast<std::ptrdiff_t>(below),
                 vertices.begin() + static_cast<std::ptrdiff_t>(below + uplinks));
    for (TopologyLink link : part.links()) {
      link.from = vertices[static_cast<std::size_t>(link.from)];
      link.to = vertices[static_cast<std::size_t>(link.to)];
      link.name = prefix + link.name;
      link.dimension = -1;  // of a part's grid, not of the whole
      topology_->add_link(std::move(link));
    }
  }

  JsonCursor* parameters_;
  const Registry<TopologyFactory>* kinds_;
  std::unique_ptr<GraphTopology> topology_;
  std::vector<int> ends_;                           // what the next level joins
  TopologySite below_;                              // what these are
  std::map<int, std::unique_ptr<Topology>> parts_;  // of the level at hand, by endpoints below
};

}  // namespace

std::unique_ptr<Topology> make_levels(JsonCursor parameters, const TopologySite& site) {
  const std::vector<Level> levels = read_levels(parameters);
  parameters.reject_unknown_keys();
  if (!parameters.diagnostics().empty()) return nullptr;
  Composer composer(site, parameters);
  for (const Level& level : levels) {
    if (!composer.add(level)) return nullptr;
  }
  return composer.finished();
}

}  // namespace orrery
