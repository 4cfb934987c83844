#pragma once

#include "models/collective/collective.hpp"

namespace orrery {

/// What an algorithm does for a call, as far as its time depends on it.
struct NcclWork {
  int steps = 0;             // messages one after the other, inside nodes
  int steps_between = 0;     // and between nodes
  int crossings = 0;         // of all these steps those that NCCL reckons as between nodes
  int messages_between = 0;  // that one adapter sends one after the other; those steps among them
  double message = 0;        // bytes of one of these
  double moved = 0;          // bytes that each member receives
  double port = 0;           // of these, over links inside nodes, of the busiest member
  double adapter = 0;        // bytes through the busiest adapter
  double first_port = 0;     // bytes that go before any follow them, over such links
  double first_adapter = 0;  // and over adapters
  double tuned = 0;          // bytes over ports that NCCL's own choice reckons with
  double tuned_adapter = 0;  // and over adapters
  // What NcclReckoning is of, else `reckoned` is 0.
  bool is_tree = false;
  int boundaries = 0;   // times that it crosses from node to node
  double reckoned = 0;  // bytes that a node sends
  int adapters = 1;     // by so many
  int ways = 1;         // in which a member sends inside its node at once: of a chain up and down
};

/// Around the rings of ring_orders: an all-reduce, all-gather or reduce-scatter, or a chain cut
/// from them, whose messages are at most `chunk`.
NcclWork ring_work(const CollectiveCall& call, Bytes chunk);
/// Up and down two trees (models/collective/tree.cpp).
NcclWork tree_work(const CollectiveCall& call);
/// NCCL's parallel aggregated trees in `rounds`, of one member a node.
NcclWork pat_work(const CollectiveCall& call, int rounds);
/// Additions by the switches between the nodes: directly to all members of a node, up, down, and
/// directly back.
NcclWork sharp_work(const CollectiveCall& call);
/// To all others at once, or of a send-recv to the next.
NcclWork direct_work(const CollectiveCall& call);
/// An algorithm that was asked for by name: as many steps as its program has, else as a ring.
NcclWork named_work(const CollectiveCall& call, const CollectiveProgram& program, Bytes chunk);

}  // namespace orrery
