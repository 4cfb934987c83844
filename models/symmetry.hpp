#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/collective/collective_calls.hpp"
#include "models/fabric.hpp"
#include "sim/graph/task_graph.hpp"

namespace orrery {

/// Which ranks of a job, and which links of its fabric, are interchangeable: they do the same at
/// the same time. Simulating one of each class, with the load that all put on it, gives the same
/// times.
struct Symmetry {
  std::vector<std::uint32_t> rank_class;  // by rank
  std::vector<std::uint32_t> link_class;  // by link; without hosts, those before first_host_link
  std::vector<std::uint32_t> ranks_in;    // by rank class: how many
  std::vector<std::uint32_t> links_in;    // by link class
};

/// Looks for it by colour refinement of ranks, links and groups over everything that is sent.
/// Nothing when it would not pay (more than half as many classes as ranks), when there is too much
/// to look at, where routings adapt, where a transport remembers who has met (LinkTraits), or when
/// an op orders its own pairs (a transfer with one stream at both ends), which makes them
/// different.
///
/// Why the times are the same: what a rank waits for and what shares a link with it is the same for
/// all of a class, so by induction over time they are in the same state; and the max–min allocation
/// is unique, so that flows which no permutation of the classes tells apart get one rate (Grohe et
/// al. 2014, cited at ColourRefinement). Rates are sums in another order than unfolded, and may
/// differ in the last bit; ends are rounded so that true halves of a picosecond, where that would
/// show, go one way all the same (activity.cpp).
std::optional<Symmetry> find_symmetry(const TaskGraph& graph, const Fabric& fabric,
                                      CollectiveCalls& calls);

}  // namespace orrery
