#pragma once

#include <algorithm>
#include <cstdint>

namespace orrery {

/// What `cores` cores that move a collective bring over one link, bytes/s. Each works on a piece by
/// itself (reads, adds), then hands it to the link, where pieces queue; one alone moves `core`, and
/// all together never more than `link`, both bytes/s and > 0.
///
/// A closed queueing network of one server (the link) and a delay (the cores), the
/// machine-repairman model, by mean value analysis: with c customers, and D = 1 / link and
/// Z = 1 / core - D per byte,
///   R(c) = D (1 + Q(c-1)),   X(c) = c / (Z + R(c)),   Q(c) = X(c) R(c).
/// Source: Reiser and Lavenberg, "Mean-Value Analysis of Closed Multichain Queuing Networks", J.
/// ACM 27(2), 1980 (recalled). Exact for service times that are exponential; steady ones collide
/// less often, and would bring min(cores * core, link).
inline double rate_over_link(std::int64_t cores, double core, double link) {
  const double service = 1 / link;
  const double own = std::max(0.0, 1 / core - service);
  double rate = 0;
  double queue = 0;
  for (std::int64_t c = 1; c <= cores; ++c) {
    const double response = service * (1 + queue);
    rate = static_cast<double>(c) / (own + response);
    queue = rate * response;
  }
  return rate;
}

}  // namespace orrery
