// The transport "tcp" against packets: experiments/transports/ns3/tcp_cases.csv, recorded with
// ns-3. Nothing of the transport was fitted to these cases; all of them are judged.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

// ns-3's point-to-point links frame with PPP: 2 B, and IPv4 20, TCP 20, timestamps 12.
constexpr Bytes kMss = 1'448_B;
constexpr Bytes kHeader = 54_B;

// The fluid model has no queues and no rounding to windows of whole segments, and its route is as
// long as the recorded one: alone a flow is met within 1.4 %.
constexpr double kAlone = 0.02;
// Flows that share a link end together in the model; packets end one flow after another, so that
// the mean of eight lies up to 5 % earlier, with or without losses of a shallow queue.
constexpr double kShared = 0.06;
// Several short messages at once: the model pays slow start before the first byte, while it is
// alone or not; packets of others fill these gaps.
constexpr double kShortAndShared = 0.16;
// The formula of Mathis et al. is for periodic loss; the mean of five runs of random loss at these
// lengths varies by some percent itself.
constexpr double kRandomLoss = 0.15;

struct Case {
  std::string name;
  std::string shape;
  int flows = 0;
  std::int64_t bytes = 0;
  double rate = 0;          // bytes/s
  double propagation = 0;   // s, there and back
  std::int64_t window = 0;  // bytes
  double loss = 0;
  double mean = 0;  // s; of the second half where packets are lost
  double last = 0;  // s; of one run: where there are several, the mean
};

std::vector<Case> recorded() {
  std::ifstream file(ORRERY_SOURCE_DIR "/experiments/transports/ns3/tcp_cases.csv");
  std::string line;
  std::getline(file, line);
  std::vector<Case> cases;
  std::map<std::string, int> rows;
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::string cell;
    std::vector<std::string> row;
    while (std::getline(cells, cell, ',')) row.push_back(cell);
    if (row.size() != 13) return {};
    if (rows[row[0]]++ == 0) {
      Case next;
      next.name = row[0];
      next.shape = row[1];
      next.flows = std::stoi(row[2]);
      next.bytes = std::stoll(row[3]);
      next.rate = std::stod(row[4]) / 8;
      next.propagation = std::stod(row[5]) * 1e-6;
      next.window = std::stoll(row[6]);
      next.loss = std::stod(row[7]);
      cases.push_back(next);
    }
    Case& of = cases.back();
    const double took = std::stod(row[of.loss > 0 ? 12 : 11]) * 1e-6;
    of.mean += took;
    of.last = std::max(of.last, took);
  }
  for (Case& of : cases) of.mean /= rows[of.name];
  return cases;
}

std::string seconds(double value) {
  return std::to_string(std::llround(value * 1e12)) + " ps";
}

/// The recorded network, every link of which has one rate, one delay, and stores each frame.
ClusterSpec cluster_of(const Case& of) {
  const bool incast = of.shape == "incast";
  const double frame = (kMss + kHeader).as_double() / of.rate;
  const double hop = of.propagation / 2 / (incast ? 2 : 3) + frame;
  std::string more =
      R"(, "mss": "1448 B", "header": "54 B", "window": ")" + std::to_string(of.window) + R"( B")";
  more += of.loss > 0 ? R"(, "loss": )" + std::to_string(of.loss) : R"(, "slow_start": "every")";
  const Bandwidth rate(std::llround(of.rate));
  const LinkSpec link = link_of(link_json("tcp", rate, duration_from_seconds(hop), more));
  ClusterSpec cluster = star_of({.nodes = incast ? of.flows + 1 : 2 * of.flows}, link);
  if (incast) return cluster;
  std::string links = R"({"between": ["left", "right"], "link": {"name": "bottleneck",
      "kind": "tcp", "mss": "1448 B", "header": "54 B", "bandwidth": ")" +
                      std::to_string(rate.count()) + R"( B/s", "latency": ")" + seconds(hop) +
                      R"("}})";
  for (int flow = 0; flow < of.flows; ++flow) {
    links += R"(, {"between": [)" + std::to_string(flow) + R"(, "left"]}, {"between": [)" +
             std::to_string(of.flows + flow) + R"(, "right"]})";
  }
  cluster.fabric = parse_json(
      R"({"kind": "graph", "switches": ["left", "right"], "links": [)" + links + "]}", "n.json");
  return cluster;
}

TEST(Ns3Tcp, FlowsTakeAsLongAsThosePackets) {
  const std::vector<Case> cases = recorded();
  ASSERT_GE(cases.size(), 15U) << "the recorded set is not there";
  for (const Case& of : cases) {
    const ClusterSpec cluster = cluster_of(of);
    GraphOf graph(static_cast<int>(cluster.nodes));
    std::vector<OpId> ops;
    const Bytes size(of.loss > 0 ? of.bytes / 2 : of.bytes);
    for (int flow = 0; flow < of.flows; ++flow) {
      ops.push_back(graph.transfer(flow, of.shape == "incast" ? of.flows : of.flows + flow, size));
    }
    const Finished done = run(cluster, graph);
    double mean = 0;
    for (const OpId op : ops) mean += to_seconds(done.end_of(op)) / of.flows;
    const bool brief = of.flows > 1 && of.bytes < 1'000'000;
    const double alone = of.flows == 1 ? kAlone : kShared;
    const double tolerance = of.loss > 0 ? kRandomLoss : brief ? kShortAndShared : alone;
    RecordProperty(of.name, std::to_string(mean / of.mean - 1));
    std::printf("%-20s ns-3 %10.1f us  tcp %10.1f us  %+5.1f %%\n", of.name.c_str(), of.mean * 1e6,
                mean * 1e6, 100 * (mean / of.mean - 1));
    EXPECT_NEAR(mean, of.mean, tolerance * of.mean) << of.name;
    if (of.loss == 0) {
      EXPECT_NEAR(to_seconds(done.end), of.last, tolerance * of.last) << of.name;
    }
  }
}

}  // namespace
}  // namespace orrery
