#include "models/collective/resting_fabric.hpp"

#include <algorithm>

#include "models/transports.hpp"

namespace orrery {

Fabric::Route RestingFabric::route(Rank from, Rank to) {
  if (!fabric_->is_live()) return fabric_->route(from, to);
  way_.clear();
  shares_.clear();
  fabric_->append_route(from, to, way_, fabric_->spreads() ? &shares_ : nullptr);
  double latency = 0;
  for (std::size_t i = 0; i < way_.size(); ++i) {
    latency += (shares_.empty() ? 1 : shares_[i]) * to_seconds(link(way_[i]).latency);
  }
  return {way_, duration_from_seconds(latency), shares_};
}

double RestingFabric::taken(Bytes bytes, const Fabric::Route& route, std::size_t hop,
                            const CollectiveProgram::Load& load) const {
  if (link(route.links[hop]).counts_messages) return bytes > Bytes(0) ? 1 / bytes.as_double() : 0;
  std::size_t first = 0;
  while (link(route.links[first]).is_part) ++first;
  const std::size_t last = route.links.size() - 1;
  const double end = first == last ? 1 : hop == first ? load.out : hop == last ? load.in : 1;
  return end * (route.shares.empty() ? 1 : route.shares[hop]);
}

TransportTerms RestingFabric::terms(Bytes bytes, Rank from, Rank to,
                                    const Fabric::Route& route) const {
  const bool leaves_node = fabric_->place(from).node != fabric_->place(to).node;
  const LinkModel* model = fabric_->transports().of(leaves_node, link(route.links.back()).model);
  if (model == nullptr) return {};
  double narrowest = kUnbounded;
  for (const int index : route.links) {
    if (!link(index).counts_messages) narrowest = std::min(narrowest, link(index).capacity);
  }
  return model->terms({.bytes = bytes, .round_trip = 2 * route.latency, .capacity = narrowest});
}

}  // namespace orrery
