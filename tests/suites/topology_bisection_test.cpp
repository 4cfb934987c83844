// What goes at once from the first half of the endpoints to the second: maximum flow, as Boost
// finds it, against the number that follows from the shape.
#include <gtest/gtest.h>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/push_relabel_max_flow.hpp>

#include "tests/suites/topology_samples.hpp"

namespace orrery {
namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
using Graph = boost::adjacency_list<
    boost::vecS, boost::vecS, boost::directedS, boost::no_property,
    boost::property<
        boost::edge_capacity_t, std::int64_t,
        boost::property<boost::edge_residual_capacity_t, std::int64_t,
                        boost::property<boost::edge_reverse_t, Traits::edge_descriptor>>>>;

class FlowNetwork {
 public:
  explicit FlowNetwork(int vertices) : graph_(static_cast<std::size_t>(vertices)) {}
  void add(int from, int to, std::int64_t capacity) {
    const auto there = edge(from, to, capacity);
    const auto back = edge(to, from, 0);
    boost::get(boost::edge_reverse, graph_)[there] = back;
    boost::get(boost::edge_reverse, graph_)[back] = there;
  }
  std::int64_t maximum(int from, int to) {
    return boost::push_relabel_max_flow(graph_, static_cast<std::size_t>(from),
                                        static_cast<std::size_t>(to));
  }

 private:
  Traits::edge_descriptor edge(int from, int to, std::int64_t capacity) {
    const auto made =
        boost::add_edge(static_cast<std::size_t>(from), static_cast<std::size_t>(to), graph_).first;
    boost::get(boost::edge_capacity, graph_)[made] = capacity;
    return made;
  }
  Graph graph_;
};

TEST(TopologyBisection, IsThatOfTheShape) {
  constexpr double kUnit = 1e6;  // bytes/s, so that whole numbers keep six digits
  int stated = 0;
  for (const Sample& sample : all_samples()) {
    if (sample.halves == 0) continue;
    SCOPED_TRACE(sample.section);
    ++stated;
    const auto topology = make_topology(sample.section, sample.site);
    const int source = topology->vertices();
    const int sink = source + 1;
    FlowNetwork network(sink + 1);
    for (const TopologyLink& link : topology->links()) {
      const double capacity = link.bundle * link.spec.bandwidth.as_double() / kUnit;
      network.add(link.from, link.to, static_cast<std::int64_t>(capacity + 0.5));
    }
    constexpr std::int64_t kAmple = 1'000'000'000;
    for (int endpoint = 0; endpoint < topology->endpoints(); ++endpoint) {
      if (endpoint < topology->endpoints() / 2) {
        network.add(source, endpoint, kAmple);
      } else {
        network.add(endpoint, sink, kAmple);
      }
    }
    EXPECT_NEAR(static_cast<double>(network.maximum(source, sink)) * kUnit, sample.halves * 1e9,
                1e-5 * sample.halves * 1e9);  // bundles are rounded to a whole unit
  }
  EXPECT_GT(stated, 25);
}

}  // namespace
}  // namespace orrery
