#include "models/topology/shortest_ways.hpp"

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/reverse_graph.hpp>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

#include "sim/base/errors.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

constexpr int kUnreachable = std::numeric_limits<int>::max();
constexpr std::size_t kNearby = 8;  // a search is nearby in one of so many parts of the core

struct LinkIndex {
  int link = 0;
};
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS,
                                    boost::no_property, LinkIndex>;

/// The ways of every vertex to one: hops, and the links asked for so far that lead on.
struct WaysTo {
  struct Next {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;  // 0: not asked for yet
  };
  std::vector<int> distances;
  std::vector<Next> next;  // into `links`
  std::vector<int> links;
};

}  // namespace

struct ShortestWays::Impl {
  Graph graph;
  std::vector<std::size_t> vertex;                  // by topology vertex
  std::unordered_map<std::size_t, WaysTo> ways_to;  // by destination; looked up only
  // Of the last search that ended nearby: distances, and the vertices that have one, in its order.
  std::vector<int> nearby;
  std::vector<std::size_t> reached;

  const std::vector<int>& distances_to(std::size_t destination, std::size_t here);
  bool reaches_nearby(std::size_t destination, std::size_t here);
  void append_leading_on(const std::vector<int>& distances, std::size_t here,
                         std::vector<int>& next) const;
};

ShortestWays::ShortestWays(int vertices, std::span<const TopologyLink> links,
                           const std::function<bool(int)>& is_left_out)
    : impl_(std::make_unique<Impl>()) {
  std::vector<bool> left_out(static_cast<std::size_t>(vertices));
  impl_->vertex.resize(left_out.size());
  for (std::size_t vertex = 0; vertex < left_out.size(); ++vertex) {
    left_out[vertex] = is_left_out(static_cast<int>(vertex));
    if (!left_out[vertex]) impl_->vertex[vertex] = boost::add_vertex(impl_->graph);
  }
  for (std::size_t index = 0; index < links.size(); ++index) {
    const auto from = static_cast<std::size_t>(links[index].from);
    const auto to = static_cast<std::size_t>(links[index].to);
    if (!left_out[from] && !left_out[to]) {
      boost::add_edge(impl_->vertex[from], impl_->vertex[to], LinkIndex{static_cast<int>(index)},
                      impl_->graph);
    }
  }
}

ShortestWays::~ShortestWays() = default;

/// A search back from `destination` until it comes to `here`, in a small part of the graph.
bool ShortestWays::Impl::reaches_nearby(std::size_t destination, std::size_t here) {
  const std::size_t vertices = boost::num_vertices(graph);
  nearby.resize(vertices, kUnreachable);
  for (const std::size_t known : reached) nearby[known] = kUnreachable;
  reached.assign(1, destination);
  nearby[destination] = 0;
  for (std::size_t next = 0; next < reached.size() && nearby[here] == kUnreachable; ++next) {
    if (reached.size() > vertices / kNearby) return false;
    const std::size_t at = reached[next];
    const auto [first, last] = boost::in_edges(at, graph);
    for (auto edge = first; edge != last; ++edge) {
      const std::size_t from = boost::source(*edge, graph);
      if (nearby[from] != kUnreachable) continue;
      nearby[from] = nearby[at] + 1;
      reached.push_back(from);
    }
  }
  return nearby[here] != kUnreachable;
}

/// Hops to `destination` from `here` and from every vertex that is nearer, or from all:
/// what a search had to go far for is kept. So neighbours of many destinations cost no memory.
const std::vector<int>& ShortestWays::Impl::distances_to(std::size_t destination,
                                                         std::size_t here) {
  const auto known = ways_to.find(destination);
  if (known != ways_to.end()) return known->second.distances;
  if (reaches_nearby(destination, here)) return nearby;
  const auto [entry, is_new] = ways_to.try_emplace(destination);
  std::vector<int>& distances = entry->second.distances;
  if (is_new) {
    distances.assign(boost::num_vertices(graph), kUnreachable);
    distances[destination] = 0;
    const auto recorder =
        boost::make_bfs_visitor(boost::record_distances(distances.data(), boost::on_tree_edge()));
    boost::breadth_first_search(boost::make_reverse_graph(graph), destination,
                                boost::visitor(recorder));
  }
  return distances;
}

/// The links to vertices that are one hop nearer.
void ShortestWays::Impl::append_leading_on(const std::vector<int>& distances, std::size_t here,
                                           std::vector<int>& next) const {
  if (distances[here] == kUnreachable) return;
  const auto [first, last] = boost::out_edges(here, graph);
  for (auto edge = first; edge != last; ++edge) {
    if (distances[boost::target(*edge, graph)] == distances[here] - 1) {
      next.push_back(graph[*edge].link);
    }
  }
}

void ShortestWays::append_route(int from, int to, std::uint64_t flow_hash,
                                std::vector<int>& route) {
  const Graph& graph = impl_->graph;
  const std::size_t destination = impl_->vertex[static_cast<std::size_t>(to)];
  std::size_t here = impl_->vertex[static_cast<std::size_t>(from)];
  const std::vector<int>& distances = impl_->distances_to(destination, here);
  ORRERY_CHECK(distances[here] != kUnreachable,
               "no route from vertex " + std::to_string(from) + " to " + std::to_string(to));
  std::vector<std::pair<int, std::size_t>> choices;  // link, next vertex
  for (std::uint64_t hop = 0; here != destination; ++hop) {
    choices.clear();
    const auto [first, last] = boost::out_edges(here, graph);
    for (auto edge = first; edge != last; ++edge) {
      const std::size_t next = boost::target(*edge, graph);
      if (distances[next] == distances[here] - 1) {
        choices.emplace_back(graph[*edge].link, next);
      }
    }
    const auto& [link, next] = choices[scramble(flow_hash + hop) % choices.size()];
    route.push_back(link);
    here = next;
  }
}

void ShortestWays::append_next(int vertex, int destination, std::vector<int>& next) {
  const std::size_t here = impl_->vertex[static_cast<std::size_t>(vertex)];
  const std::size_t there = impl_->vertex[static_cast<std::size_t>(destination)];
  const auto kept = impl_->ways_to.find(there);
  if (kept == impl_->ways_to.end()) {
    return impl_->append_leading_on(impl_->distances_to(there, here), here, next);
  }
  // A switch in the middle has many links, few of which lead on, and flows of all sources ask.
  WaysTo& ways = kept->second;
  ways.next.resize(ways.distances.size());
  WaysTo::Next& asked = ways.next[here];
  if (asked.end == 0) {
    asked.begin = static_cast<std::uint32_t>(ways.links.size());
    impl_->append_leading_on(ways.distances, here, ways.links);
    asked.end = static_cast<std::uint32_t>(ways.links.size());
  }
  next.insert(next.end(), ways.links.begin() + asked.begin, ways.links.begin() + asked.end);
}

}  // namespace orrery
