#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/base/registry.hpp"
#include "sim/graph/task_graph.hpp"

namespace orrery {

/// One message of a collective, from the member whose program it is in.
struct Send {
  int to = 0;  // position in the group
  Bytes bytes;
  bool reduces = false;  // the receiver adds it to what it has: it reads the arrived data once more
  bool meets = false;    // it ends in the switches: CollectiveProgram::meeting
  std::int32_t path = -1;  // of a folded program: the name of its way; else by the fabric's route
};

/// Bytes [begin, end) of a buffer, as part of what a message holds. Of an all-to-all, whose buffers
/// hold different things, member m's begins at m times the size.
struct Payload {
  std::size_t send = 0;  // index among the sends of the member in the step
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// The program of a collective among `members` ranks, asked for piece by piece: nothing is stored
/// per message. Every member works through its steps in order. It begins step k when all sends of
/// its step k-1 have left and everything it is to receive in steps <= k - lag() has arrived.
///
/// Steps of different members correspond: what is sent in step k is received as part of step k.
class CollectiveProgram {
 public:
  /// Of a message that ends in the switches: what a byte of it is on the first link, of its sender,
  /// and on the last, of its receiver. Others carry all of it, as does a link that is both.
  struct Load {
    double out = 1;
    double in = 1;
    bool operator==(const Load&) const = default;
  };

  virtual ~CollectiveProgram() = default;
  virtual int steps() const = 0;
  /// How many steps ahead of its receipts a member may send; > 1 pipelines chunks.
  virtual int lag() const { return 1; }
  /// Appends what `member` sends in `step`.
  virtual void sends(int member, int step, std::vector<Send>& out) const = 0;
  /// How many messages `member` receives that were sent in `step`.
  virtual int receives(int member, int step) const = 0;
  /// The first step known to be like this one: in both, every member sends and receives the same.
  /// Never past `step`. The fewer there are, the sooner symmetry is found.
  virtual int pattern(int step) const { return step; }
  /// Appends what the messages of `sends` hold; who receives them has it at the same place when it
  /// begins a later step, and in a buffer for receipts until then. Not needed to run: it is there
  /// so that anybody can check that the right data moves.
  virtual void payloads(int member, int step, std::vector<Payload>& out) const = 0;
  /// Whether switches of the network do a part of it: add, or copy to many. Then some messages
  /// meet.
  virtual bool in_network() const { return false; }
  /// How many messages of a step, of all members together, end in the switches (Send::meets). They
  /// say what links carry, not from whom to whom: none of them has been received before all have
  /// arrived. Who receives one then has, of the bytes it holds, the sum over all members that sent
  /// these in that step.
  virtual int meeting(int) const { return 0; }
  /// Of such messages: a switch that copies a block to n members is sent it once.
  virtual Load meeting_load() const { return {}; }
};

/// Where the members of a group are, as far as an algorithm may care. Equal for groups that are
/// placed alike.
struct CollectiveSite {
  std::vector<int> node;  // by member: its node, numbered as they first appear; empty: all in one
  std::vector<int> nic;   // by member: its adapter among those of its node, numbered likewise
  bool meshed = false;    // members of a node have a link of their own to each other
  // Where members of one node have links of their own to some others, or different ones: rings over
  // these that have no link in common (disjoint_cycles), each to be gone both ways.
  std::vector<std::vector<int>> rings{};
  // Where they stand in a torus or mesh, all of a box of it, or in places that a box is made of
  // when others are left out: its size along two dimensions or more, and the members by place, the
  // first dimension varying fastest.
  std::vector<int> torus{};
  std::vector<int> torus_members{};
  bool switch_adds = false;   // they meet in a switch that adds
  bool network_adds = false;  // the switches between the nodes add
  auto operator<=>(const CollectiveSite&) const = default;
};

/// One of several programs that run side by side, each with an equal slice of every block, and each
/// with an order of its own in which it visits the members.
struct Channel {
  int index = 0;
  int count = 1;
  std::vector<int> order{};  // members; empty: 0, 1, …
};

/// What a program is made for.
struct CollectiveCall {
  CollectiveKind kind = CollectiveKind::all_reduce;
  int members = 2;  // >= 2
  Bytes size;       // as nccl-tests defines it for this kind
  int root = 0;     // broadcast, reduce, gather, scatter: position in the group
  Bytes chunk;      // largest message; larger ones are cut into pieces, at most
                    // kMaximumPieces (parts.hpp), that are pipelined. 0: as the
                    // algorithm likes (a ring does not cut, a broadcast chain must)
  CollectiveSite site{};
  std::shared_ptr<const SizeTable> sizes{};  // all_to_all_v, else null
};

using CollectiveFactory = std::unique_ptr<CollectiveProgram> (*)(const CollectiveCall& call);

/// Named "<kind>/<algorithm>": "all_reduce/ring". The first of a kind is what "auto" takes where
/// neither a library (library.hpp) nor a prediction (prediction.hpp) chooses.
Registry<CollectiveFactory> builtin_collectives();

/// Why an algorithm cannot run at a site: it needs switches that add. Empty when it can.
std::string collective_refusal(const std::string& name, const CollectiveSite& site);

}  // namespace orrery
