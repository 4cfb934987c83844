// Any graph, link by link.
//
//   "switches": ["left", "right"],
//   "links": [ { "between": [0, "left"], "link": "nvlink4", "count": 2 },    both ways
//              { "from": 1, "to": "right", "link": "nvlink4" } ]             one way
//
// An integer is an endpoint: device, or between nodes NIC k of node n as n·NICs + k. "count" is the
// number of links side by side, 1 when left out. A link at a NIC may leave out its "link": it is
// the NIC port then. Every endpoint must reach every other.
//
// Instead of both a scenario may give "file": a GraphML file (tools/orrery/graphml_reader.hpp),
// which is written in as switches and links before this is read.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"

namespace orrery {
namespace {

/// Reads the section into a topology; mistakes go to the diagnostics.
class GraphReader {
 public:
  GraphReader(JsonCursor parameters, const TopologySite& site)
      : parameters_(std::move(parameters)),
        site_(&site),
        topology_(std::make_unique<GraphTopology>(site.endpoints)) {}

  std::unique_ptr<Topology> read() {
    if (JsonCursor switches = parameters_.find("switches"); switches.present()) {
      for (JsonCursor& item : switches.items()) add_switch(item);
    }
    std::vector<JsonCursor> links = parameters_.at("links").items();
    parameters_.reject_unknown_keys();
    if (!allow_links(parameters_, 2 * static_cast<double>(links.size()))) return nullptr;
    for (JsonCursor& link : links) add_link(link);
    if (parameters_.diagnostics().empty()) check_connection();
    return parameters_.diagnostics().empty() ? std::move(topology_) : nullptr;
  }

 private:
  void add_switch(JsonCursor& item) {
    const std::string name = item.as_string();
    if (name.empty()) {
      item.expected("a name");
    } else if (!switches_.try_emplace(name, topology_->add_vertex()).second) {
      item.error("a second switch is named \"" + name + "\"");
    } else {
      switch_names_.push_back(name);
    }
  }

  std::optional<int> vertex(JsonCursor place) {
    if (!place.present()) return std::nullopt;
    if (place.value().kind == JsonValue::Kind::string) {
      const auto found = switches_.find(place.value().string);
      if (found != switches_.end()) return found->second;
      place.expected("the number of an endpoint or the name of a switch");
      return std::nullopt;
    }
    const std::size_t mistakes = place.diagnostics().count();
    const std::int64_t endpoint =
        place.as_count({.minimum = 0, .maximum = std::max(0, site_->endpoints - 1)});
    if (place.diagnostics().count() > mistakes) return std::nullopt;
    return static_cast<int>(endpoint);
  }

  std::string name_of(int vertex) const {
    if (vertex < site_->endpoints) return endpoint_name(*site_, vertex);
    return switch_names_[static_cast<std::size_t>(vertex - site_->endpoints)];
  }

  void add_link(JsonCursor& item) {
    const bool both = item.has("between");
    JsonCursor place = both ? item.at("between") : item;
    std::optional<int> from;
    std::optional<int> to;
    if (both) {
      std::vector<JsonCursor> ends = place.items();
      if (ends.size() != 2) {
        place.expected("two ends");
      } else {
        from = vertex(ends[0]);
        to = vertex(ends[1]);
      }
    } else {
      from = vertex(item.at("from"));
      to = vertex(item.at("to"));
    }
    if (from && to && *from == *to) place.error("a link joins two different vertices");
    const bool at_endpoint = (from && *from < site_->endpoints) || (to && *to < site_->endpoints);
    const bool is_port = site_->endpoint_link && at_endpoint && !item.has("link");
    const LinkSpec spec = is_port ? *site_->endpoint_link : read_link(item.at("link"));
    double count = 1;
    if (JsonCursor bundle = item.find("count"); bundle.present()) {
      count = static_cast<double>(bundle.as_count({.minimum = 1, .maximum = 1'000}));
    }
    item.reject_unknown_keys();
    if (!item.diagnostics().empty() || !from || !to) return;
    add_way(*from, *to, spec, count);
    if (both) add_way(*to, *from, spec, count);
  }

  void add_way(int from, int to, const LinkSpec& spec, double count) {
    std::string name = name_of(from) + " -> " + name_of(to);
    if (const int others = names_[name]++; others > 0) name += " (" + std::to_string(others) + ")";
    topology_->add_link({from, to, spec, count, name});
  }

  /// Everyone reaches endpoint 0 and is reached by it, hence everyone reaches everyone.
  void check_connection() {
    for (const bool forward : {true, false}) {
      const std::vector<bool> seen = reached(forward);
      for (int endpoint = 1; endpoint < site_->endpoints; ++endpoint) {
        if (seen[static_cast<std::size_t>(endpoint)]) continue;
        const std::string first = name_of(0);
        const std::string other = name_of(endpoint);
        parameters_.error("no way leads from " + (forward ? first : other) + " to " +
                          (forward ? other : first));
        return;
      }
    }
  }
  /// Vertices that endpoint 0 reaches, or that reach it.
  std::vector<bool> reached(bool forward) const {
    std::vector<std::vector<int>> next(static_cast<std::size_t>(topology_->vertices()));
    for (const TopologyLink& link : topology_->links()) {
      next[static_cast<std::size_t>(forward ? link.from : link.to)].push_back(forward ? link.to
                                                                                      : link.from);
    }
    std::vector<bool> seen(next.size(), false);
    seen[0] = true;
    std::vector<int> open = {0};
    while (!open.empty()) {
      const int here = open.back();
      open.pop_back();
      for (const int there : next[static_cast<std::size_t>(here)]) {
        if (seen[static_cast<std::size_t>(there)]) continue;
        seen[static_cast<std::size_t>(there)] = true;
        open.push_back(there);
      }
    }
    return seen;
  }

  JsonCursor parameters_;
  const TopologySite* site_;
  std::unique_ptr<GraphTopology> topology_;
  std::map<std::string, int> switches_;    // their vertices
  std::vector<std::string> switch_names_;  // in the order of vertices
  std::map<std::string, int> names_;       // how many links have each
};

}  // namespace

std::unique_ptr<Topology> make_graph(JsonCursor parameters, const TopologySite& site) {
  return GraphReader(std::move(parameters), site).read();
}

}  // namespace orrery
