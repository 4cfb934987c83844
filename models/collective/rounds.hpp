#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "models/collective/collective.hpp"

namespace orrery {

/// Blocks that one member sends another in a round: `first`, the next, …, `count` of them, around
/// the end of the buffer to its beginning.
struct Exchange {
  int to = 0;
  int first = 0;
  int count = 1;
  bool reduces = false;
  bool joined = false;  // goes in one message with the exchange before, which has the same `to`
};

/// An algorithm as a rule: what `member` sends in `round`, appended.
using RoundRule = std::function<void(int member, int round, std::vector<Exchange>& out)>;

/// How a buffer is cut for a rule.
struct RoundShape {
  int rounds = 1;
  int blocks = 1;          // of the buffer, equal up to a byte
  bool personal = false;   // every member's buffer holds something else (an all-to-all); block
                           // m * blocks + b is then block b of member m's
  Bytes chunk{};           // largest message; 0: `piece` says
  Bytes piece{};           // where there is no chunk, largest piece of a block; 0: no cutting
  int ahead = 0;           // a round begins so many pieces after the one before; 0: after all
  int apart = 1;           // steps from a piece to the next; above 1 only where `ahead` is 1
  int network_round = -1;  // whose messages end in the switches: Send::meets; -1: none
  CollectiveProgram::Load network_load{};
};

/// The program of a rule for one channel of a call. Where messages exceed the chunk, all blocks are
/// cut into equally many pieces, and a message of a round into as many messages, of one piece of
/// each of its blocks: piece c follows piece c of the round before, so that pieces are pipelined.
/// The rule is asked for all members of a round to count what is received in it, and for everything
/// once where there is a chunk and to find rounds that are alike: members × rounds must be few.
std::unique_ptr<CollectiveProgram> in_rounds(const CollectiveCall& call, const RoundShape& shape,
                                             RoundRule rule, const Channel& channel = {});

}  // namespace orrery
