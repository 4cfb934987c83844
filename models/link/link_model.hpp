#pragma once

#include <memory>
#include <optional>

#include "hw/spec.hpp"
#include "sim/base/registry.hpp"
#include "sim/engine/sharing.hpp"

namespace orrery {

/// What is asked about a message: where it goes, without the load of others.
struct MessageSite {
  Bytes bytes;
  Duration round_trip;    // there and back over its route
  double capacity = 0;    // bytes/s of payload of its narrowest link
  bool is_first = false;  // from its source to its destination
};

/// What a transport adds to the links that a message crosses.
struct TransportTerms {
  Duration head = {};         // before its first byte leaves
  double bound = kUnbounded;  // bytes/s that it never exceeds
};

/// What is shared beyond the two directions of a link.
struct LinkTraits {
  bool has_terms = false;        // whether terms() ever says anything
  bool remembers_pairs = false;  // whether it matters which message is the first
  double duplex = 1;             // of both directions' capacity, when both are busy; in [0.5, 1]
  std::optional<double> message_rate = {};  // messages/s of a port, each direction
  double incast_efficiency = 1;             // of a port, by each doubling of adapters that send
  std::optional<Bandwidth> core_rate = {};  // what a core of the host moves
};

/// How a kind of link behaves beyond bandwidth, latency and efficiency, which are in its spec. The
/// transport of a message between nodes is that of the node's NIC, which speaks it; inside a node
/// that of the last link of its route.
class LinkModel {
 public:
  /// Without facts a link adds nothing.
  explicit LinkModel(const LinkSpec& spec);
  virtual ~LinkModel() = default;
  virtual LinkTraits traits() const;
  /// Of a message of `site.bytes` >= 0: `per_message` of the spec, and what the kind adds. More
  /// bytes never take less time.
  virtual TransportTerms terms(const MessageSite& site) const;

 protected:
  const LinkFacts& facts() const { return *facts_; }

 private:
  std::shared_ptr<const LinkFacts> facts_;
};

using LinkFactory = std::unique_ptr<LinkModel> (*)(const LinkSpec& spec);

Registry<LinkFactory> builtin_links();

}  // namespace orrery
