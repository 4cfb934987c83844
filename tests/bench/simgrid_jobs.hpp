#pragma once

#include <simgrid/s4u.hpp>

#include <cstdint>
#include <functional>
#include <vector>

// The jobs of tests/bench/jobs.hpp on SimGrid, each in the ways that SimGrid offers for it: whoever
// compares against the slower one compares against nothing.
namespace orrery::jobs {

/// How SimGrid is driven.
///   callbacks  no actor: host-to-host communications, the next of which the end of one starts
///   mailboxes  actors that put and get
///   sendto     actors that start host-to-host communications and wait for them
enum class Api { callbacks, mailboxes, sendto };

/// How routes are stored: their halves at each host, or every one of them.
enum class Zone { star, full };

/// A rank is one SimGrid host, or one for each way out of it (leaf–spine in a star zone).
struct Platform {
  int ranks = 0;
  int ways = 1;
  std::vector<simgrid::s4u::Host*> hosts;  // ways of rank 0, ways of rank 1, ...
  std::function<int(int from, int to)> way = [](int, int) { return 0; };

  simgrid::s4u::Host* host(int rank, int way_out = 0) const {
    return hosts[static_cast<std::size_t>(rank * ways + way_out)];
  }
};

/// From each host one link up and one down; a route is the up of one and the down of another.
///   successors_only  no route but from a host to the next; a full zone need not store the others
struct StarShape {
  int hosts = 0;
  double hop_s = 0;
  bool successors_only = false;
};
Platform star_platform(const StarShape& shape, Zone zone);
Platform leaf_spine_platform(int hosts, Zone zone);

/// What SimGrid was given; the clock of the engine has the rest.
struct Activities {
  std::uint64_t count = 0;
};

// These start everything; Engine::run is inside. One of them in the life of a process.
Activities run_ring(const Platform& platform, Api api);
using Sizes = std::function<std::uint64_t(int from, int to)>;
Activities run_all_to_all(const Platform& platform, Api api, const Sizes& bytes);
Activities run_permutation();
Activities run_layered_graph(const Platform& platform, Api api, int layers);

}  // namespace orrery::jobs
