#include "models/transports.hpp"

#include <algorithm>
#include <cstdint>

namespace orrery {

Transports::Transports(const ClusterSpec& cluster, const Registry<LinkFactory>& kinds)
    : models_(kinds),
      traits_(1),
      nics_per_node_(static_cast<int>(std::max<std::int64_t>(1, cluster.node.nics))),
      bonding_(static_cast<int>(cluster.node.nic_bonding)) {}

int Transports::number_of(const LinkSpec& spec) {
  const int number = models_.of(spec);
  if (static_cast<std::size_t>(number) == traits_.size()) {
    traits_.push_back(models_.traits(number));
  }
  return number;
}

void Transports::add_parts(const ClusterSpec& cluster, const Topology* node,
                           const Topology* between, std::size_t host_base,
                           std::vector<Fabric::Link>& links) {
  if (node != nullptr) {
    std::vector<LinkTraits> inside;
    const std::size_t count = node->links().size();
    for (std::size_t l = 0; l < count; ++l) {
      const int number = number_of(node->links()[l].spec);
      inside.push_back(traits_of(number));
      if (!inside.back().has_terms) continue;
      has_terms_ = true;
      remembers_ = remembers_ || inside.back().remembers_pairs;
      for (std::int64_t n = 0; n < cluster.nodes; ++n) {
        links[static_cast<std::size_t>(n) * count + l].model = number;
      }
    }
    parts_.add_inside(static_cast<int>(cluster.nodes), *node, inside, links);
  }
  if (between == nullptr) return;
  nics_ = static_cast<int>(cluster.nodes) * nics_per_node_;
  nic_model_ = number_of(*cluster.node.nic_link);
  const LinkTraits& traits = traits_of(nic_model_);
  has_terms_ = has_terms_ || traits.has_terms;
  remembers_ = remembers_ || traits.remembers_pairs || traits.incast_efficiency < 1;
  parts_.add_adapters(cluster, traits, links);
  if (host_base != SIZE_MAX) add_host_parts(cluster, host_base, links);
}

void Transports::add_host_parts(const ClusterSpec& cluster, std::size_t host_base,
                                std::vector<Fabric::Link>& links) {
  const double duplex = traits_of(number_of(*cluster.node.host_link)).duplex;
  parts_.add_host(static_cast<int>(cluster.device_count()), duplex, host_base, links);
}

Transports::Receiving Transports::receiving(Fabric::Place from, Fabric::Place to) const {
  const int nic = to.node * nics_per_node_ + to.nic;
  return {.first = nic / bonding_ * bonding_,
          .count = bonding_,
          .source = from.node * nics_per_node_ + from.nic};
}

}  // namespace orrery
