#include "tools/orrery/graphml_reader.hpp"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/graphml.hpp>
#include <boost/property_tree/exceptions.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "sim/base/json_cursor.hpp"

namespace orrery {
namespace {

using Attributes = std::map<std::string, std::string>;
template <class Direction>
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, Direction, Attributes, Attributes>;

/// What is wrong with a file.
struct Malformed {
  std::string message;
};

/// Any attribute of vertices or edges, as text.
template <class G, class Key>
class TextMap final : public boost::dynamic_property_map {
 public:
  TextMap(G& graph, std::string name) : graph_(&graph), name_(std::move(name)) {}
  boost::any get(const boost::any& key) override { return get_string(key); }
  std::string get_string(const boost::any& key) override {
    return (*graph_)[boost::any_cast<Key>(key)][name_];
  }
  void put(const boost::any& key, const boost::any& value) override {
    std::ostringstream text;
    text.precision(17);
    const bool is_known = write<bool>(value, text) || write<int>(value, text) ||
                          write<long>(value, text) || write<float>(value, text) ||
                          write<double>(value, text) || write<std::string>(value, text);
    if (is_known) (*graph_)[boost::any_cast<Key>(key)][name_] = text.str();
  }
  const std::type_info& key() const override { return typeid(Key); }
  const std::type_info& value() const override { return typeid(std::string); }

 private:
  template <class T>
  static bool write(const boost::any& value, std::ostream& text) {
    const T* const held = boost::any_cast<T>(&value);
    if (held != nullptr) text << *held;
    return held != nullptr;
  }
  G* graph_;
  std::string name_;
};

template <class G>
G parse(const std::string& content) {
  using Vertex = typename boost::graph_traits<G>::vertex_descriptor;
  using Edge = typename boost::graph_traits<G>::edge_descriptor;
  using Map = boost::shared_ptr<boost::dynamic_property_map>;
  G graph;
  boost::dynamic_properties attributes(
      [&graph](const std::string& name, const boost::any& key, const boost::any&) -> Map {
        if (key.type() == typeid(Vertex)) return Map(new TextMap<G, Vertex>(graph, name));
        if (key.type() == typeid(Edge)) return Map(new TextMap<G, Edge>(graph, name));
        return {};
      });
  std::istringstream stream(content);
  boost::read_graphml(stream, graph, attributes);
  return graph;
}

const std::string* find(const Attributes& attributes, const char* name) {
  const auto found = attributes.find(name);
  return found == attributes.end() ? nullptr : &found->second;
}

double number(const std::string& text, const std::string& what) {
  std::size_t used = 0;
  double value = -1;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = std::string::npos;
  }
  if (used != text.size() || !(value >= 0) || !(value < 9e18)) {
    throw Malformed{what + ": expected a number >= 0, got \"" + text + "\""};
  }
  return value;
}

std::int64_t whole(double value) {
  return static_cast<std::int64_t>(std::llround(value));
}

/// Turns a graph into the keys "switches" and "links" of a fabric.
template <class G>
class Writer {
 public:
  Writer(const G& graph, const JsonValue* default_link) : graph_(&graph), default_(default_link) {}

  std::pair<JsonValue, JsonValue> write() {
    std::vector<JsonValue> switches;
    std::set<std::int64_t> endpoints;
    const auto [first, last] = boost::vertices(*graph_);
    for (auto vertex = first; vertex != last; ++vertex) {
      const Attributes& of = (*graph_)[*vertex];
      const std::string* name = find(of, "name");
      const std::string what = "node " + std::to_string(*vertex + 1) + " of the file";
      if (const std::string* endpoint = find(of, "endpoint")) {
        ends_.push_back(json_integer(whole(number(*endpoint, what + ", \"endpoint\""))));
        if (!endpoints.insert(ends_.back().integer).second) {
          throw Malformed{what + ": an earlier one is endpoint " + *endpoint + " already"};
        }
      } else if (name == nullptr) {
        throw Malformed{what +
                        R"( has neither "endpoint", a number, nor "name", that of a switch)"};
      } else {
        ends_.push_back(json_string(*name));
        switches.push_back(json_string(*name));
      }
    }
    std::vector<JsonValue> links;
    const auto add = [&](const auto& edge) {
      links.push_back(
          link(boost::source(edge, *graph_), boost::target(edge, *graph_), (*graph_)[edge]));
    };
    if constexpr (kDirected) {  // g++ 12 sees something uninitialised in boost::edges of these
      for (auto vertex = first; vertex != last; ++vertex) {
        const auto [begin, end] = boost::out_edges(*vertex, *graph_);
        for (auto edge = begin; edge != end; ++edge) add(*edge);
      }
    } else {
      const auto [begin, end] = boost::edges(*graph_);
      for (auto edge = begin; edge != end; ++edge) add(*edge);
    }
    return {json_array(std::move(switches)), json_array(std::move(links))};
  }

 private:
  static constexpr bool kDirected =
      std::is_convertible_v<typename boost::graph_traits<G>::directed_category,
                            boost::directed_tag>;

  static std::string text_of(const JsonValue& end) {
    return end.kind == JsonValue::Kind::string ? end.string : std::to_string(end.integer);
  }

  JsonValue link(std::size_t from, std::size_t to, const Attributes& of) const {
    const std::string what = "the edge " + text_of(ends_[from]) + " -> " + text_of(ends_[to]);
    std::vector<std::pair<std::string, JsonValue>> members;
    if (kDirected) {
      members = {{"from", ends_[from]}, {"to", ends_[to]}};
    } else {
      members = {{"between", json_array({ends_[from], ends_[to]})}};
    }
    if (const std::string* count = find(of, "count")) {
      members.emplace_back("count", json_integer(whole(number(*count, what + ", \"count\""))));
    }
    members.emplace_back("link", spec(of, what));
    return json_object(std::move(members));
  }

  static std::vector<std::pair<std::string, JsonValue>> own_figures(const Attributes& of,
                                                                    const std::string& what) {
    std::vector<std::pair<std::string, JsonValue>> own;
    if (const std::string* name = find(of, "kind")) own.emplace_back("name", json_string(*name));
    if (const std::string* text = find(of, "bandwidth")) {
      own.emplace_back("bandwidth", json_string(*text));
    } else if (const std::string* rate = find(of, "bandwidth_Bps")) {
      const std::int64_t bytes = whole(number(*rate, what + ", \"bandwidth_Bps\""));
      own.emplace_back("bandwidth", json_string(std::to_string(bytes) + " B/s"));
    }
    if (const std::string* text = find(of, "latency")) {
      own.emplace_back("latency", json_string(*text));
    } else if (const std::string* seconds = find(of, "latency_s")) {
      const double picoseconds = 1e12 * number(*seconds, what + ", \"latency_s\"");
      if (!(picoseconds < 9e18)) throw Malformed{what + ", \"latency_s\": too long"};
      own.emplace_back("latency", json_string(std::to_string(whole(picoseconds)) + " ps"));
    }
    if (const std::string* share = find(of, "efficiency")) {
      own.emplace_back("efficiency", json_real(number(*share, what + ", \"efficiency\"")));
    }
    return own;
  }

  JsonValue spec(const Attributes& of, const std::string& what) const {
    auto own = own_figures(of, what);
    if (const std::string* use = find(of, "link")) {
      return json_object({{"use", json_string(*use)}, {"with", json_object(std::move(own))}});
    }
    if (default_ == nullptr) {
      for (const char* key : {"bandwidth", "latency", "efficiency"}) {
        if (std::none_of(own.begin(), own.end(), [&](const auto& o) { return o.first == key; })) {
          throw Malformed{what + " says no " + key + R"(, and there is no "link" to take it from)"};
        }
      }
      own.emplace_back("kind", json_string("wire"));
      return json_object(std::move(own));
    }
    if (own.empty()) return *default_;
    if (default_->kind == JsonValue::Kind::string) {
      return json_object({{"use", *default_}, {"with", json_object(std::move(own))}});
    }
    JsonValue merged = *default_;
    const bool refers = merged.find("use") != nullptr;
    merge_patch(merged, refers ? json_object({{"with", json_object(std::move(own))}})
                               : json_object(std::move(own)));
    return merged;
  }

  const G* graph_;
  const JsonValue* default_;
  std::vector<JsonValue> ends_;  // by vertex: the number of an endpoint or the name of a switch
};

std::pair<JsonValue, JsonValue> parsed(const std::string& content, const JsonValue* default_link) {
  using Directed = Graph<boost::directedS>;
  using Undirected = Graph<boost::undirectedS>;
  try {
    const auto graph = parse<Directed>(content);
    return Writer<Directed>(graph, default_link).write();
  } catch (const boost::undirected_graph_error&) {
    const auto graph = parse<Undirected>(content);
    return Writer<Undirected>(graph, default_link).write();
  }
}

std::pair<JsonValue, JsonValue> read_file(const std::string& path, const JsonValue* default_link) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  if (stream) content << stream.rdbuf();
  if (!stream || !content) throw Malformed{"the file cannot be read"};
  try {
    return parsed(content.str(), default_link);
  } catch (const boost::property_tree::xml_parser_error& error) {
    throw Malformed{"line " + std::to_string(error.line()) + ": " + error.message()};
  } catch (const std::exception& error) {
    throw Malformed{error.what()};
  }
}

/// What comes out of the file stands, for messages, where the file is named.
void stand_at(JsonValue& value, const Origin& origin) {
  value.origin = origin;
  for (JsonValue& item : value.items) stand_at(item, origin);
  for (JsonValue::Member& member : value.members) stand_at(member.value, origin);
}

void inline_one(JsonValue& fabric, Diagnostics& diagnostics) {
  const JsonValue file = *fabric.find("file");
  if (file.kind != JsonValue::Kind::string || file.string.empty()) {
    report_at(file, "expected the name of a GraphML file, got " + file.describe(), diagnostics);
    return;
  }
  const std::string named_in = file.origin.file ? *file.origin.file : "";
  const auto path = std::filesystem::path(named_in).parent_path() / file.string;
  try {
    for (const char* key : {"switches", "links"}) {
      if (fabric.find(key) != nullptr) {
        throw Malformed{std::string("the file says what the \"") + key + "\" are"};
      }
    }
    auto [switches, links] = read_file(path.string(), fabric.find("link"));
    std::erase_if(fabric.members, [](const JsonValue::Member& member) {
      return member.key == "file" || member.key == "link";
    });
    stand_at(switches, file.origin);
    stand_at(links, file.origin);
    fabric.members.push_back({"switches", std::move(switches)});
    fabric.members.push_back({"links", std::move(links)});
  } catch (const Malformed& mistake) {
    report_at(file, "cannot read \"" + file.string + "\" as GraphML: " + mistake.message,
              diagnostics);
  }
}

}  // namespace

bool inline_graphml(JsonValue& document, Diagnostics& diagnostics) {
  bool found = false;
  const JsonValue* kind = document.find("kind");
  if (kind != nullptr && kind->string == "graph" && document.find("file") != nullptr) {
    inline_one(document, diagnostics);
    found = true;
  }
  for (JsonValue& item : document.items) found = inline_graphml(item, diagnostics) || found;
  for (JsonValue::Member& member : document.members) {
    found = inline_graphml(member.value, diagnostics) || found;
  }
  return found;
}

}  // namespace orrery
