#pragma once

#include <optional>
#include <string>

#include "models/collective/collective.hpp"

namespace orrery {

/// What the kernels of a library make of the messages of an algorithm, in place of what the links
/// alone would.
struct MessageTerms {
  Duration step;       // latency of a message inside a node, in place of `replaces`; between
                       // nodes beside that of its route
  Duration replaces;   // of the latency of a route inside a node: what is longer stays, as on
                       // a degraded link
  double share = 1;    // of the raw bandwidth of links inside nodes that messages can use
  double between = 1;  // bytes on a link between nodes for one of a message
  int cores = 0;       // that its kernel holds on each member, from when that has come to the
                       // collective to its end there; 0: none are known of
};

/// How one collective runs.
struct CollectivePlan {
  std::string algorithm;  // what follows the slash of its name
  CollectiveFactory make = nullptr;
  std::string protocol;                 // "" when there are none
  int channels = 0;                     // cores of each member that it takes; 0: unknown
  int adapters = 0;                     // of each node that it takes; 0: all
  std::string reason;                   // why these
  Bytes chunk{};                        // largest message, where none was asked for; 0: as the
                                        // algorithm likes
  std::optional<Duration> launch{};     // before the first message; none: the device's own
  std::optional<MessageTerms> terms{};  // none: messages go as the links are
};

/// The seam at which NCCL, and others like it, say how they run what they are asked for.
class CollectiveLibrary {
 public:
  virtual ~CollectiveLibrary() = default;
  /// `asked`: what was asked for; null for its own choice, which lacks `make` where it has none.
  virtual CollectivePlan plan(const CollectiveCall& call,
                              const Registry<CollectiveFactory>::Entry* asked) const = 0;
  /// Where its constants are from: "nvlink4, measured on h100_sxm".
  virtual std::string constants() const = 0;
};

}  // namespace orrery
