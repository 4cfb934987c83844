#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/machine.hpp"
#include "sim/graph/waits.hpp"
#include "tools/orrery/memory_use.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// Everything a run found out, as plain data; METRICS.md defines each figure. Seconds are doubles
/// where they are averages or shares, exact durations elsewhere.
struct Breakdown {
  struct Part {
    std::string name;      // "compute", "bubble", "idle"; of `exposed`: a category
    double average_s = 0;  // over ranks
    Duration least;
    Rank least_rank = 0;
    Duration most;
    Rank most_rank = 0;
  };
  Part compute;
  std::vector<Part> exposed;  // categories of which at least one rank has some, in order of size
  Part bubble;
  Part idle;
};

/// All runs of one kind, size and group size.
struct CollectiveUse {
  CollectiveRecord record;
  Duration mean;
  double bus_bandwidth = 0;       // bytes/s, of the mean
  double best_bus_bandwidth = 0;  // of the fastest run
};

struct ResourceUse {
  std::string name;
  std::string kind;
  double capacity = 0;  // device-seconds/s for math, bytes/s for the rest
  double utilisation = 0;
  std::uint64_t alike = 1;  // interchangeable ones that it stands for, itself among them
};

/// A part of the critical path.
struct Cause {
  enum class Kind { math, memory, launch, communication, delay, trigger, wait };
  Kind kind = Kind::wait;
  std::string category;  // of communication
  Duration time;
};

/// Who waited for whom.
struct WaitFigures {
  struct OfRank {
    Rank rank = 0;
    Duration waited;
    double caused_s = 0;
    Rank alike = 1;  // so many ranks, of which this is the first
  };
  struct Pair {
    Waits::Pair sum;
    std::string category;
    Rank alike = 1;  // so many ranks wait so
  };
  double total_s = 0;          // of all ranks
  std::vector<OfRank> ranks;   // that others waited for longest first
  std::vector<Pair> pairs;     // the longest
  std::size_t pair_count = 0;  // with those not in `pairs`
};

struct Check {
  std::string name;
  bool holds = false;
  std::string sentence;
};

/// In how many parts the job was simulated.
struct SymmetryUse {
  bool folded = false;           // interchangeable ranks and links were simulated once
  std::size_t rank_classes = 0;  // not folded: all ranks, all links
  std::size_t link_classes = 0;
};

struct Counters {
  std::uint64_t ops = 0;
  std::uint64_t spans = 0;
  std::uint64_t events = 0;
  std::uint64_t activities = 0;
  std::uint64_t solves = 0;
  MachineCounters machine;
};

struct TimedValue {
  std::string key;  // ends in "_s"
  double seconds = 0;
};

struct Result {
  std::string headline;
  Duration makespan;
  Rank ranks = 0;
  SymmetryUse symmetry;
  std::vector<std::pair<std::string, std::string>> fabric_engine;  // its configuration
  double tokens = 0;
  std::optional<double> mfu;  // none: the device has no peak in the job's precision
  std::optional<double> mfu_full_attention;
  std::vector<TimedValue> timed_figures;
  std::vector<WorkloadFact> facts;
  Breakdown breakdown;
  std::vector<MemoryUse> memory;         // by device class
  std::optional<MemoryUse> host_memory;  // none: nothing is kept there
  std::optional<KvCacheRoom> kv_cache;
  std::vector<CollectiveUse> collectives;
  std::vector<FaultRecord> faults;     // in order of time; those of the scenario, which outlives it
  std::vector<ResourceUse> resources;  // most loaded first
  std::vector<MemoryTraffic::Part> memory_traffic;  // over all ranks
  std::optional<TriggerFigures> trigger;            // none: nothing was tracked
  std::vector<Cause> critical_path;                 // largest first; sums to the makespan
  Duration critical_between_nodes;                  // of its communication, that between nodes
  Duration critical_inter_node;                     // of that, what links between nodes bound
  Duration critical_host_copies;                    // of its communication, copies from or to hosts
  WaitFigures waits;
  Counters counters;
  std::vector<Check> checks;
  std::vector<std::string> warnings;

  bool fits() const;
  double tokens_per_s() const;
};

/// "math", "memory", "launch", "communication", "delay", "trigger", "wait".
std::string to_string(Cause::Kind kind);

/// What bounds the run: "arithmetic (67.5 % of the critical path), then …".
std::string bound_by(const Result& result);

/// Nothing when everything fits, else by how much not, and what dominates.
std::string memory_verdict(const Result& result);

}  // namespace orrery
