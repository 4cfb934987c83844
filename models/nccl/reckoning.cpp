#include "models/nccl/reckoning.hpp"

#include <algorithm>
#include <bit>
#include <string>

namespace orrery {
namespace {

constexpr std::array<const char*, 3> kKeys = {"ll", "ll128", "simple"};
constexpr std::int64_t kFirst = 64;  // bytes, of the first correction
constexpr RatioRange kPlateau = {1, 10};
constexpr CountRange kChannels = {1, 1024};

NcclReckoning::Protocols read_protocols(JsonCursor cursor) {
  NcclReckoning::Protocols protocols;
  for (std::size_t p = 0; p < kKeys.size(); ++p) {
    JsonCursor from = cursor.at(kKeys[p]);
    NcclReckoning::Protocol& to = protocols[p];
    to.launch = from.at("launch").as_duration();
    to.step = from.at("step").as_duration();
    to.between = from.at("between").as_duration();
    to.share = from.at("share").as_ratio();
    if (JsonCursor plateau = from.find("plateau"); plateau.present()) {
      to.plateau = plateau.as_ratio(kPlateau);
    }
    if (JsonCursor correction = from.find("correction"); correction.present()) {
      for (JsonCursor& item : correction.items()) to.correction.push_back(item.as_ratio());
    }
    from.reject_unknown_keys();
  }
  cursor.reject_unknown_keys();
  return protocols;
}

NcclGraph read_graph(JsonCursor cursor, std::int64_t bonded) {
  NcclGraph graph;
  if (!cursor.present()) return graph;
  if (JsonCursor channels = cursor.find("channels"); channels.present()) {
    graph.channels = static_cast<int>(channels.as_count(kChannels));
  }
  if (JsonCursor bandwidth = cursor.find("bandwidth"); bandwidth.present()) {
    graph.bandwidth = bandwidth.as_bandwidth().as_double();
  }
  if (JsonCursor adapters = cursor.find("adapters"); adapters.present()) {
    graph.adapters = static_cast<int>(adapters.as_count(kChannels));
    if (graph.adapters > bonded) {
      adapters.expected("at most those of a device (nic_bonding), " + std::to_string(bonded));
    }
  }
  cursor.reject_unknown_keys();
  return graph;
}

}  // namespace

NcclReckoning read_nccl_reckoning(JsonCursor cursor) {
  NcclReckoning reckoning;
  cursor.at("source").as_string();
  reckoning.ll128 = cursor.at("ll128").as_boolean();
  reckoning.ring = read_protocols(cursor.at("ring"));
  reckoning.tree = read_protocols(cursor.at("tree"));
  cursor.reject_unknown_keys();
  return reckoning;
}

NcclGraphs read_nccl_graphs(JsonCursor cursor, std::int64_t bonded) {
  NcclGraphs graphs;
  graphs.ring = read_graph(cursor.find("ring"), bonded);
  graphs.tree = read_graph(cursor.find("tree"), bonded);
  cursor.reject_unknown_keys();
  return graphs;
}

double NcclReckoning::seconds(std::size_t protocol, const NcclWork& work, Bytes size,
                              double bandwidth) const {
  const Protocol& of = (work.is_tree ? tree : ring)[protocol];
  const int hops = work.steps + work.steps_between;
  const double latency = to_seconds(of.launch) + (hops - work.boundaries) * to_seconds(of.step) +
                         work.boundaries * to_seconds(of.between);
  double carries = of.share * bandwidth;
  const std::int64_t times = size.count() / kFirst;
  const auto place = static_cast<std::size_t>(
      times > 0 ? std::bit_width(static_cast<std::uint64_t>(times)) - 1 : 0);
  if (place < of.correction.size()) carries *= of.correction[place];
  return of.plateau * latency + work.reckoned / carries;
}

}  // namespace orrery
