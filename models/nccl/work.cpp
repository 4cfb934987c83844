#include "models/nccl/work.hpp"

#include <algorithm>
#include <bit>
#include <set>

#include "models/collective/parts.hpp"
#include "models/collective/ring_orders.hpp"

namespace orrery {
namespace {

/// Members of a call, and the nodes and adapters that they are spread over.
struct Spread {
  int members;
  int nodes;
  int in_node;   // members of a node
  int adapters;  // of a node, that they use
};

Spread spread_of(const CollectiveCall& call) {
  const std::set<int> nodes(call.site.node.begin(), call.site.node.end());
  const int count = std::max<int>(1, static_cast<int>(nodes.size()));
  return {.members = call.members,
          .nodes = count,
          .in_node = std::max(1, call.members / count),
          .adapters = adapters_of(call)};
}

double all_but_own(const CollectiveCall& call) {
  return call.size.as_double() * (call.members - 1) / call.members;
}

/// Of so many messages one after the other around a ring every `in_node`-th leaves a node.
int crossings_of(const Spread& over, int hops) {
  return over.nodes == 1 ? 0 : (hops - 1) / over.in_node + 1;
}
/// Of several rings side by side some ring leaves a node in every step, and a member waits for all
/// of its rings (models/collective/channels.hpp).
int leave_nodes(const Spread& over, int hops) {
  return over.nodes > 1 && over.adapters > 1 ? hops : crossings_of(over, hops);
}

NcclWork around_a_ring(const CollectiveCall& call, int rounds) {
  const Spread over = spread_of(call);
  const int hops = rounds * (over.members - 1);
  NcclWork work;
  work.steps_between = leave_nodes(over, hops);
  work.steps = hops - work.steps_between;
  work.crossings = crossings_of(over, hops);
  work.messages_between = over.nodes > 1 ? hops : 0;
  work.message = call.size.as_double() / over.members / over.adapters;
  work.moved = rounds * all_but_own(call);
  work.port = over.in_node > 1 ? work.moved : 0;
  work.adapter = over.nodes > 1 ? work.moved / over.adapters : 0;
  work.tuned = work.port;
  work.tuned_adapter = work.adapter;
  work.boundaries = rounds * (over.nodes - 1);
  work.reckoned = work.moved;
  work.adapters = over.adapters;
  return work;
}

/// Pieces follow the first, which passes all members before the last ends.
NcclWork along_a_chain(const CollectiveCall& call, Bytes chunk) {
  const Spread over = spread_of(call);
  const int hops = over.members - 1;
  const double slice = call.size.as_double() / over.adapters;
  NcclWork work;
  work.crossings = over.nodes - 1;
  work.steps_between = over.nodes > 1 && over.adapters > 1 ? hops : work.crossings;
  work.steps = hops - work.steps_between;
  work.message = std::min(slice, (call.chunk > Bytes(0) ? call.chunk : chunk).as_double());
  if (over.nodes > 1 && work.message > 0) {
    const double pieces = slice / work.message;
    work.messages_between = work.steps_between + static_cast<int>(pieces) - 1;
  }
  work.moved = call.size.as_double();
  work.port = over.in_node > 1 ? work.moved : 0;
  work.adapter = over.nodes > 1 ? slice : 0;
  work.tuned = work.port;
  work.tuned_adapter = work.adapter;
  work.first_port = std::max(0, work.steps - 1) * work.message;
  work.first_adapter = std::max(0, work.steps_between - 1) * work.message;
  return work;
}

}  // namespace

NcclWork ring_work(const CollectiveCall& call, Bytes chunk) {
  switch (call.kind) {
    case CollectiveKind::all_reduce:
      return around_a_ring(call, 2);
    case CollectiveKind::broadcast:
    case CollectiveKind::reduce:
      return along_a_chain(call, chunk);
    default:
      return around_a_ring(call, 1);
  }
}

/// Each of the channels, two for each adapter, carries its slice along the chains to their heads,
/// up a tree of nodes, and back. Heads get it from two below them in the tree in which they are
/// inside and send it to two; a node is inside in one tree of an adapter and outside in the other.
/// Of two nodes one is below the other.
NcclWork tree_work(const CollectiveCall& call) {
  const Spread over = spread_of(call);
  const bool one_node = over.nodes == 1;  // then the tree is among its members
  const int chain = one_node ? 0 : over.in_node - 1;
  const int nodes = one_node ? over.members : over.nodes;
  const auto height = static_cast<int>(std::bit_width(static_cast<unsigned>(nodes - 1)));
  const double slice = call.size.as_double() / (2 * over.adapters);
  const Bytes chunk = call.chunk > Bytes(0)
                          ? call.chunk
                          : tree_chunk(call.size / (2 * over.adapters), chain + height);
  const double first = std::min(slice, chunk.as_double());
  const double below = nodes > 2 ? 2 : 1;
  // What a head carries of both trees, up and down, before and while pieces follow each other.
  const double filling = 2 * height * below * first;
  const double following = 2 * below * (slice - first);
  NcclWork work;
  work.moved = 2 * all_but_own(call);
  work.message = first;
  if (one_node) {
    work.steps = 2 * height;
    work.first_port = filling;
    work.port = following;
    work.tuned = filling + following;
    return work;
  }
  // NCCL reckons with twice the buffer, at 0.92 of a ring's bandwidth, also of two nodes (assumed:
  // recalled from src/graph/tuning.cc).
  work.tuned = 2 * call.size.as_double() / 0.92;
  work.tuned_adapter = work.tuned / over.adapters;
  work.is_tree = true;
  work.boundaries = 2 * height;
  work.reckoned = 2 * call.size.as_double();
  work.adapters = over.adapters;
  work.ways = chain > 1 ? 2 : 1;
  work.steps = 2 * chain;
  work.steps_between = work.crossings = 2 * height;
  const int pieces = first > 0 ? static_cast<int>(slice / first) : 1;
  work.messages_between = work.steps_between + 2 * (pieces - 1);
  work.first_adapter = filling;
  work.adapter = following;
  // In a round each member sends both slices of the channel in which it is so far from the head.
  const double rounds = std::max(1.0, static_cast<double>(chain) * over.adapters / over.in_node);
  work.first_port = chain > 0 ? 4 * chain * first : 0;
  work.port = chain > 0 ? std::max(0.0, 4 * (rounds * slice - chain * first)) : 0;
  return work;
}

NcclWork pat_work(const CollectiveCall& call, int rounds) {
  NcclWork work;
  work.steps_between = work.crossings = work.messages_between = rounds;
  work.moved = all_but_own(call);
  work.message = work.moved / std::max(1, rounds);
  work.adapter = work.tuned_adapter = work.moved;
  return work;
}

NcclWork sharp_work(const CollectiveCall& call) {
  const Spread over = spread_of(call);
  const double part = call.size.as_double() / over.in_node;
  NcclWork work;
  work.steps = over.in_node > 1 ? 2 : 0;
  work.steps_between = work.crossings = work.messages_between = 1;
  work.message = part;
  work.port = work.tuned = 2 * (over.in_node - 1) * part;
  work.adapter = work.tuned_adapter = part * over.in_node / over.adapters;
  work.moved = work.port + part;
  return work;
}

NcclWork direct_work(const CollectiveCall& call) {
  const Spread over = spread_of(call);
  NcclWork work;
  work.steps = over.nodes > 1 ? 0 : 1;
  work.steps_between = work.crossings = work.messages_between = 1 - work.steps;
  if (call.kind == CollectiveKind::send_recv) {  // to the next, which may be in another node
    work.moved = work.port = work.message = call.size.as_double();
    work.adapter = over.nodes > 1 ? work.moved : 0;
    return work;
  }
  const double part = call.size.as_double() / over.members;
  const double leaves = part * (over.members - over.in_node);
  work.message = part;
  work.moved = all_but_own(call);
  work.port = part * (over.in_node - 1);
  work.adapter = leaves * over.in_node / over.adapters;
  return work;
}

NcclWork named_work(const CollectiveCall& call, const CollectiveProgram& program, Bytes chunk) {
  NcclWork work = ring_work(call, chunk);
  if (has_root(call.kind)) return work;  // chunks are steps of its program
  const int steps = program.steps() / program.lag();
  work.steps_between = std::min(work.steps_between, steps);
  work.crossings = std::min(work.crossings, steps);
  work.messages_between = std::min(work.messages_between, steps);
  work.steps = steps - work.steps_between;
  return work;
}

}  // namespace orrery
