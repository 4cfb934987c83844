#include "tools/orrery/topology_text.hpp"

#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "sim/base/json_value.hpp"

namespace orrery {
namespace {

/// By vertex: what the first link that leaves it calls it.
std::vector<std::string> vertex_names(const Topology& topology) {
  std::vector<std::string> names(static_cast<std::size_t>(topology.vertices()));
  for (const TopologyLink& link : topology.links()) {
    std::string& name = names[static_cast<std::size_t>(link.from)];
    if (name.empty()) name = link.name.substr(0, link.name.find(" -> "));
  }
  return names;
}

double bandwidth_of(const TopologyLink& link) {
  return link.bundle * link.spec.bandwidth.as_double();
}

std::string quoted(const std::string& text) {
  return to_text(json_string(text), false);
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char character : text) {
    switch (character) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      default:
        result += character;
    }
  }
  return result;
}

}  // namespace

std::string graphviz_text(const Topology& topology) {
  std::ostringstream text;
  text << "digraph topology {\n  node [shape=ellipse];\n";
  const std::vector<std::string> names = vertex_names(topology);
  for (std::size_t vertex = 0; vertex < names.size(); ++vertex) {
    const bool is_endpoint = vertex < static_cast<std::size_t>(topology.endpoints());
    text << "  v" << vertex << " [label=" << quoted(names[vertex])
         << (is_endpoint ? ", shape=box" : "") << "];\n";
  }
  std::map<std::pair<int, int>, double> bandwidth;
  for (const TopologyLink& link : topology.links()) {
    bandwidth[{link.from, link.to}] += bandwidth_of(link);
  }
  for (const auto& [ends, forward] : bandwidth) {
    const auto back = bandwidth.find({ends.second, ends.first});
    const bool both = back != bandwidth.end() && back->second == forward;
    if (both && ends.second < ends.first) continue;  // is there already
    text << "  v" << ends.first << " -> v" << ends.second << " [label=\"" << forward / 1e9
         << " GB/s\"" << (both ? ", dir=none" : "") << "];\n";
  }
  text << "}\n";
  return text.str();
}

std::string graphml_text(const Topology& topology) {
  std::ostringstream text;
  text.precision(17);  // what is read again is the same
  text << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
          "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
          "  <key id=\"name\" for=\"all\" attr.name=\"name\" attr.type=\"string\"/>\n"
          "  <key id=\"endpoint\" for=\"node\" attr.name=\"endpoint\" attr.type=\"long\"/>\n"
          "  <key id=\"kind\" for=\"edge\" attr.name=\"kind\" attr.type=\"string\"/>\n"
          "  <key id=\"bandwidth\" for=\"edge\" attr.name=\"bandwidth_Bps\" "
          "attr.type=\"double\"/>\n"
          "  <key id=\"latency\" for=\"edge\" attr.name=\"latency_s\" attr.type=\"double\"/>\n"
          "  <key id=\"efficiency\" for=\"edge\" attr.name=\"efficiency\" attr.type=\"double\"/>\n"
          "  <graph id=\"topology\" edgedefault=\"directed\">\n";
  const std::vector<std::string> names = vertex_names(topology);
  for (std::size_t vertex = 0; vertex < names.size(); ++vertex) {
    text << "    <node id=\"v" << vertex << "\"><data key=\"name\">" << escaped(names[vertex])
         << "</data>";
    if (vertex < static_cast<std::size_t>(topology.endpoints())) {
      text << "<data key=\"endpoint\">" << vertex << "</data>";
    }
    text << "</node>\n";
  }
  for (const TopologyLink& link : topology.links()) {
    text << "    <edge source=\"v" << link.from << "\" target=\"v" << link.to
         << "\"><data key=\"name\">" << escaped(link.name) << "</data><data key=\"kind\">"
         << escaped(link.spec.name) << "</data><data key=\"bandwidth\">" << bandwidth_of(link)
         << "</data><data key=\"latency\">" << to_seconds(link.spec.latency)
         << "</data><data key=\"efficiency\">" << link.spec.efficiency << "</data></edge>\n";
  }
  text << "  </graph>\n</graphml>\n";
  return text.str();
}

}  // namespace orrery
