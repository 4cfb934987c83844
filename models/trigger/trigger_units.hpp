#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "hw/spec.hpp"
#include "sim/engine/engine.hpp"
#include "sim/graph/op.hpp"

namespace orrery {

/// What the units of a run did.
struct TriggerFigures {
  std::uint64_t tracked = 0;      // regions of memory that were followed
  std::uint64_t triggered = 0;    // of which all stores had landed: each once
  std::int64_t peak_entries = 0;  // in use at once, of the fullest unit
  std::uint64_t stalls = 0;       // times that a producer waited for entries
  Duration stalled;               // for so long in all
};

/// Whom the units keep waiting: the machine.
class TriggerClient {
 public:
  /// The entries are there that producer `waiter` waited for.
  virtual void producer_goes_on(std::uint32_t waiter) = 0;
  /// The DMA engine is there that `waiter` waited for.
  virtual void dma_goes_on(std::uint32_t waiter) = 0;

 protected:
  ~TriggerClient() = default;
};

/// The track-and-trigger units of a machine, one on each device: how many regions they follow at
/// once, and how many DMAs they run. What a region waits for (its local stores, its incoming
/// updates) are dependencies of the task graph; here is only what the hardware adds.
///
/// A producer takes the entries of what it is about to write before it begins, and waits, first
/// come first served, while too few are free; one that needs more than there are takes all. They
/// come back when the region is triggered. A producer asks in the order of the program and a region
/// waits only for what producers wrote earlier in the same order, so the earliest region that was
/// not triggered is never behind a full tracker: it stalls, but never deadlocks.
///
/// Source: T3 (Pati et al., ASPLOS 2024), sections 4.1 to 4.3. Leaves out: sets and ways of the
/// table, and that an update which comes before its producer's first store takes the entry earlier.
class TriggerUnits {
 public:
  struct Sample {  // of what is in use, whenever it changes
    Time time;
    Rank rank = 0;
    std::int64_t entries = 0;
  };

  /// All outlive it.
  TriggerUnits(const Engine& engine, const TriggerSpec& spec, TriggerClient& client, Rank ranks)
      : engine_(&engine), spec_(spec), client_(&client), units_(static_cast<std::size_t>(ranks)) {}

  Duration latency() const { return spec_.latency; }

  /// Entries for `bytes`, on behalf of `alike` devices. False: the producer has to wait.
  bool track(Rank rank, Bytes bytes, std::uint32_t waiter, std::uint64_t alike);
  /// Gives them back; producers go on during the call.
  void trigger(Rank rank, Bytes bytes, std::uint64_t alike);

  /// False: the DMA has to wait.
  bool take_engine(Rank rank, std::uint32_t waiter);
  void leave_engine(Rank rank);

  const TriggerFigures& figures() const { return figures_; }
  const std::vector<Sample>& samples() const { return samples_; }

 private:
  struct Waiting {
    std::uint32_t waiter = 0;
    std::int64_t entries = 0;
    std::uint64_t alike = 1;
    Time since;
  };
  struct Unit {
    std::int64_t used = 0;
    std::deque<Waiting> producers;
    std::int64_t busy_engines = 0;
    std::deque<std::uint32_t> dmas;
  };

  Unit& unit(Rank rank) { return units_[static_cast<std::size_t>(rank)]; }
  std::int64_t entries_for(Bytes bytes) const;
  void change(Rank rank, std::int64_t entries);

  const Engine* engine_;
  TriggerSpec spec_;
  TriggerClient* client_;
  std::vector<Unit> units_;  // by rank
  TriggerFigures figures_;
  std::vector<Sample> samples_;
};

}  // namespace orrery
