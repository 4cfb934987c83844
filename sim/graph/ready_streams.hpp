#pragma once

#include <map>
#include <set>
#include <utility>

#include "sim/graph/slots.hpp"

namespace orrery {

/// The streams of a graph that run what is ready first (StreamOrder::first_ready): who has them and
/// who waits. An instance takes all it needs at once, when its partners have come: so nobody holds
/// one while waiting for another.
class ReadyStreams {
 public:
  ReadyStreams(const TaskGraph& graph, const SlotLayout& slots);

  /// Whether the slot is on such a stream.
  bool has(Slot slot) const;
  /// Takes the streams of an instance, or lines it up at one that is taken: then false.
  bool take(InstanceId instance);
  /// The stream of this slot is free; `start(InstanceId)` is called for whoever takes it next.
  template <class Start>
  void give_back(Slot slot, Start start) {
    Server& server = server_of(slot);
    server.taken = false;
    while (!server.taken && !server.waiting.empty()) {
      const InstanceId next = slots_->participant(*server.waiting.begin()).instance;
      server.waiting.erase(server.waiting.begin());
      if (take(next)) start(next);
    }
  }

 private:
  struct Server {
    bool taken = false;
    std::set<Slot> waiting;  // the first slots of instances: in the order in which they were added
  };

  Server& server_of(Slot slot);

  const TaskGraph* graph_;
  const SlotLayout* slots_;
  bool any_ = false;
  std::map<std::pair<Rank, std::size_t>, Server> servers_;  // by rank and stream
};

}  // namespace orrery
