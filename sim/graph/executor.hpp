#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/engine/engine.hpp"
#include "sim/graph/observer.hpp"
#include "sim/graph/ready_streams.hpp"
#include "sim/graph/runner.hpp"
#include "sim/graph/slots.hpp"

namespace orrery {

/// Runs a task graph on a runner: issues what is ready, frees streams, reports to observers.
///
/// The unit is the slot. It is ready when everything its rank must wait for has ended and its
/// stream has come to it; an instance starts when all its slots are ready. 33 bytes per slot.
class Executor final : private RunListener, private EventHandler {
 public:
  Executor(Engine& engine, const TaskGraph& graph, Runner& runner,
           std::span<Observer* const> observers);
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  ~Executor();

  /// What runners call back.
  RunListener& listener() { return *this; }

  /// Runs everything to the end and returns the time of the last completion. Throws DeadlockError
  /// that names the first stuck ops and what each waits for.
  Time run();

 private:
  struct Successor {
    OpId op;
    Side side = Side::both;
    // False: the ops have no rank in common, and every rank of `op` waits for all of the other.
    bool rank_by_rank = true;
  };

  void sent(InstanceId instance) override;
  void delivered(InstanceId instance) override;
  void computed(InstanceId instance) override;
  void member_done(InstanceId instance, std::size_t position) override;
  void handle_event(std::uint64_t token) override;

  void index_dependencies();
  void count_dependencies();
  void order_memory_effects();

  void release(Slot slot);  // one thing less to wait for
  void start(InstanceId instance);
  void pass_on(Slot slot);  // its stream runs what is ready first, and is free again
  void end_slot(Slot slot);
  void apply_memory(Slot slot, bool at_start);
  void report_static_memory();
  [[noreturn]] void throw_deadlock() const;
  std::string describe(Slot slot) const;
  std::string what_it_waits_for(Slot slot) const;

  Engine* engine_;
  const TaskGraph* graph_;
  Runner* runner_;
  std::vector<Observer*> observers_;

  SlotLayout slots_;
  ReadyStreams ready_streams_;
  std::vector<std::uint32_t> first_successor_;  // by op, into successors_
  std::vector<Successor> successors_;           // grouped by what they wait for
  std::vector<std::uint32_t> first_effect_;     // by op, into effects_; empty: no memory at all
  std::vector<MemoryEffect> effects_;           // grouped by op
  std::vector<std::uint32_t> pending_;          // by slot: what it still waits for
  std::vector<Slot> next_in_stream_;            // by slot
  std::vector<std::uint8_t> ended_;             // by slot
  std::vector<std::uint32_t> arrived_;          // by first slot of an instance: ready slots
  std::vector<Time> ready_;                     // by slot
  std::vector<Time> start_;                     // by slot
  std::uint64_t slots_left_ = 0;
  Time last_end_;
};

}  // namespace orrery
