#pragma once

#include <optional>
#include <span>
#include <vector>

#include "models/fabric.hpp"
#include "models/link/link_models.hpp"
#include "models/shared_parts.hpp"

namespace orrery {

/// How messages travel over the links of a fabric, beyond bandwidth, latency and efficiency: which
/// model each link has, what is shared besides, and who receives from several at once.
class Transports {
 public:
  Transports(const ClusterSpec& cluster, const Registry<LinkFactory>& kinds);

  /// Adds what is shared to the links of the fabric; null: there is no such topology. `host_base`:
  /// the first link between devices and NICs; SIZE_MAX where the node's topology holds the NICs.
  void add_parts(const ClusterSpec& cluster, const Topology* node, const Topology* between,
                 std::size_t host_base, std::vector<Fabric::Link>& links);
  /// Of the links between devices and hosts where there are no NICs.
  void add_host_parts(const ClusterSpec& cluster, std::size_t host_base,
                      std::vector<Fabric::Link>& links);
  const SharedParts& parts() const { return parts_; }

  /// Whether any transport ever adds terms to a message.
  bool has_terms() const { return has_terms_; }
  /// Whether a link counts messages instead of bytes.
  bool counts_messages() const { return parts_.message_rate != SharedParts::kNone; }
  /// Whether a message depends on those before it or beside it in other ways than by sharing: then
  /// interchangeable ranks cannot be found by what they send.
  bool remembers() const { return remembers_; }

  /// The transport of a message whose route ends with a link of model `last_model`; null: it adds
  /// nothing. Of one that leaves its node that of the NICs.
  const LinkModel* of(bool leaves_node, int last_model) const {
    const int number = leaves_node ? nic_model_ : last_model;
    return number == 0 || !traits_[static_cast<std::size_t>(number)].has_terms ? nullptr
                                                                               : &models_[number];
  }

  /// Of the ports that receive a message between nodes: the first and how many, as NICs of the
  /// cluster, and the NIC that sends it.
  struct Receiving {
    int first = 0;
    int count = 0;
    int source = 0;
  };
  bool watches_incast() const { return parts_.incast != SharedParts::kNone; }
  Receiving receiving(Fabric::Place from, Fabric::Place to) const;
  double incast_efficiency() const { return traits_of(nic_model_).incast_efficiency; }
  int nics() const { return nics_; }

 private:
  const LinkTraits& traits_of(int number) const {
    return traits_[static_cast<std::size_t>(number)];
  }
  int number_of(const LinkSpec& spec);

  LinkModels models_;
  std::vector<LinkTraits> traits_;  // by model
  SharedParts parts_;
  int nic_model_ = 0;
  int nics_per_node_ = 1;
  int bonding_ = 1;
  int nics_ = 0;
  bool has_terms_ = false;
  bool remembers_ = false;
};

}  // namespace orrery
