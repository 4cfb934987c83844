#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "tests/property/cluster_vertices.hpp"
#include "tests/property/random_traffic.hpp"

namespace orrery {

/// A part of the bytes of an n-th, rounded down: parts of a buffer differ by at most one byte.
inline double part(const Flow& flow) {
  return std::floor(flow.bytes.as_double() / flow.group_size);
}

/// Least bytes of one group that cross from the members inside to those outside, by any algorithm;
/// S is the size, n the members, m of them inside.
///   broadcast       S, when the root is inside and anybody outside
///   reduce          S, when the root is outside: it depends on all S bytes of what is inside
///   gather          m S/n, when the root is outside; scatter (n-m) S/n, when it is inside
///   all-gather      m S/n: everybody outside gets to know the blocks of those inside
///   reduce-scatter  (n-m) S/n: each result outside depends on what is inside
///   all-reduce      S: the result outside depends on all S bytes of what is inside
///   all-to-all      m (n-m) S/n, send-recv S for each pair, all-to-all-v its entries: by
///   definition barrier         0
/// Source: Chan, Heimlich, Purkayastha and van de Geijn 2007, Concurrency and Computation 19(13),
/// §3 (lower bounds), for m = 1 and n-1; the same argument for any m.
inline double must_cross(const Flow& flow, std::span<const Rank> group,
                         const std::vector<bool>& inside) {
  const auto is_in = [&](std::size_t position) {
    return bool{inside[static_cast<std::size_t>(group[position % group.size()])]};
  };
  const auto n = static_cast<double>(group.size());
  double m = 0;
  double neighbours = 0;
  for (std::size_t i = 0; i < group.size(); ++i) {
    m += is_in(i) ? 1 : 0;
    neighbours += is_in(i) && !is_in(i + 1) ? 1 : 0;
  }
  if (m == 0 || m == n) return 0;
  const bool root_in = is_in(flow.root);
  switch (flow.kind) {
    case CollectiveKind::broadcast:
      return root_in ? flow.bytes.as_double() : 0;
    case CollectiveKind::reduce:
      return root_in ? 0 : flow.bytes.as_double();
    case CollectiveKind::gather:
      return root_in ? 0 : m * part(flow);
    case CollectiveKind::scatter:
      return root_in ? (n - m) * part(flow) : 0;
    case CollectiveKind::all_gather:
      return m * part(flow);
    case CollectiveKind::reduce_scatter:
      return (n - m) * part(flow);
    case CollectiveKind::all_reduce:
      return flow.bytes.as_double();
    case CollectiveKind::all_to_all:
      return m * (n - m) * part(flow);
    case CollectiveKind::send_recv:
      return neighbours * flow.bytes.as_double();
    case CollectiveKind::barrier:
      return 0;
    case CollectiveKind::all_to_all_v: {
      double bytes = 0;
      for (std::size_t from = 0; from < group.size(); ++from) {
        for (std::size_t to = 0; to < group.size(); ++to) {
          if (!is_in(from) || is_in(to)) continue;
          bytes += flow.sizes->between(static_cast<int>(from), static_cast<int>(to)).as_double();
        }
      }
      return bytes;
    }
  }
  return 0;
}

inline double must_cross(const DrawnTraffic& traffic, const std::vector<bool>& inside) {
  double bytes = 0;
  for (const Flow& flow : traffic.flows) {
    const std::span<const Rank> ranks = flow.ranks;
    if (!flow.is_collective) {
      const bool crosses =
          inside[static_cast<std::size_t>(ranks[0])] && !inside[static_cast<std::size_t>(ranks[1])];
      bytes += crosses ? flow.bytes.as_double() : 0;
      continue;
    }
    for (std::size_t first = 0; first < ranks.size(); first += flow.group_size) {
      bytes += must_cross(flow, ranks.subspan(first, flow.group_size), inside);
    }
  }
  return bytes;
}

/// Over the links that lead out of the vertices inside; `raw`, as a library may use what the links'
/// own efficiency leaves.
inline double capacity_out_of(const std::vector<bool>& inside, const Fabric& fabric,
                              const std::vector<LinkEnds>& ends, bool raw = false) {
  double capacity = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (inside[static_cast<std::size_t>(ends[i].from)] &&
        !inside[static_cast<std::size_t>(ends[i].to)]) {
      capacity += raw ? fabric.links()[i].raw_capacity : fabric.links()[i].capacity;
    }
  }
  return capacity;
}

}  // namespace orrery
