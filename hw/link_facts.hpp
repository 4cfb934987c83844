#pragma once

#include <cstdint>
#include <optional>

#include "sim/base/units.hpp"

namespace orrery {

// What an entry of hw/catalog/links says beyond bandwidth and latency. What follows from it is said
// in models/link, one file a kind. What is left out does not take place.

/// Memory that the adapter does not know yet and has to be told of.
struct RegistrationFacts {
  Duration latency;     // of a registration
  Bandwidth bandwidth;  // at which pages are pinned and told
  bool operator==(const RegistrationFacts&) const = default;
};

struct RdmaFacts {
  std::optional<double> message_rate;             // messages/s of a port, each direction
  std::optional<Bytes> rendezvous_threshold;      // from this size on; none: every message is eager
  std::optional<RegistrationFacts> registration;  // none: registrations are cached
  Duration queue_pair_setup;                      // before the first message between two devices
  double incast_efficiency = 1;                   // of a port, by each doubling of its senders
  bool operator==(const RdmaFacts&) const = default;
};

/// When a connection has to find out its rate again.
enum class SlowStart : std::uint8_t { never, first, every };

struct TcpFacts {
  Bytes mss;                         // payload of a segment
  std::int64_t sockets = 1;          // side by side, over which a message is split
  std::optional<Bytes> window;       // of a socket; none: never short
  double loss = 0;                   // probability that a segment is lost
  std::int64_t initial_window = 10;  // segments; RFC 6928, section 2
  SlowStart slow_start = SlowStart::never;
  std::optional<Bandwidth> core_rate;  // what a core of the host moves through the kernel
  bool operator==(const TcpFacts&) const = default;
};

struct LinkFacts {
  Duration per_message;  // before the first byte of a message, for which the sender waits
  double duplex = 1;     // share of both directions' capacity that is left when both are busy
  std::optional<RdmaFacts> rdma;
  std::optional<TcpFacts> tcp;
  bool operator==(const LinkFacts&) const = default;
};

}  // namespace orrery
