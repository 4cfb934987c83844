#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/graph/observer.hpp"
#include "sim/graph/task_graph.hpp"
#include "traces/recorded_trace.hpp"

namespace orrery {

/// One thing that a rank does, as formats with a program for each rank have it.
struct RankOp {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  enum class Kind : std::uint8_t { compute, delay, send, receive, collective, copy };
  struct MemoryChange {
    std::uint32_t category = 0;
    Bytes taken;  // when it starts
    Bytes freed;  // when it ends
  };

  Kind kind = Kind::delay;
  CollectiveKind collective = CollectiveKind::all_reduce;
  CopyKind copy = CopyKind::device_to_host;  // of a copy
  Movement movement = Movement::copy;        // of a send or copy
  std::int16_t priority = 0;
  std::uint32_t label = 0;
  std::uint32_t category = 0;    // none: kNone
  std::uint32_t stream = kNone;  // kNone: the file does not say
  std::uint32_t kernel = kNone;  // of a compute
  std::uint32_t group = kNone;   // of a collective
  std::uint32_t sizes = kNone;   // of an all-to-all-v
  std::uint32_t root = 0;        // of a collective: position in the group
  Rank peer = 0;                 // of a send or receive
  std::uint64_t tag = 0;         // of a send or receive: which of the pair's messages meet
  Bytes bytes{};                 // as Op has them
  Bytes tracked{};               // of a compute: as TrackerEffect has them
  Bytes triggered{};
  std::optional<Duration> took{};      // as it was recorded, or of a delay
  std::optional<Time> start{};         // as it was recorded: the order of what depends on nothing
  std::vector<std::uint32_t> after{};  // ops of the same rank that must have ended
  std::vector<MemoryChange> memory{};
};

/// What each rank does: the form that execution traces (Chakra), message schedules (GOAL) and
/// profiles have in common. Sends meet receives of the same pair and tag in their order; members of
/// a group run its collectives in their order.
struct RankPrograms {
  /// What the files say and the programs do not.
  struct LeftOut {
    std::string key;  // "left_out_dependencies"
    std::uint64_t count = 0;
    std::string about;  // a sentence
  };
  struct StaticMemory {
    Rank rank = 0;
    std::uint32_t category = 0;
    Bytes bytes;
  };

  NameTable names;
  std::vector<std::vector<Rank>> groups;
  std::vector<Kernel> kernels;
  std::vector<std::shared_ptr<const SizeTable>> sizes;
  std::vector<std::string> host_categories;
  std::vector<StaticMemory> static_memory;
  std::vector<std::uint32_t> first_ready;  // streams that run what is ready first, by name
  std::vector<std::vector<RankOp>> ranks;
  std::vector<std::pair<std::string, std::string>> notes;  // about the whole job, by key
  std::vector<LeftOut> left_out;
};

/// The task graph that runs these programs. An op without a stream gets one: computes of a rank
/// "compute", delays "host", copies "copy", sends one for each distance to a peer, which run one at
/// a time whatever is ready first, of several the first by dependencies and recorded start;
/// collectives get one for each group, in that order; receives occupy none. Throws
/// DeadlockError where a message is never met, members of a group disagree, or ops wait for each
/// other in a circle, which it names.
///
/// Leaves out: a collective's dependencies hold for every member that has run both ops; where only
/// some members state one, the others keep it too.
///
/// Both ends of a message, and members of a collective, should agree on its size: the send's counts
/// and the largest of the members', and how often they do not is added to `left_out`.
TaskGraph link(const RankPrograms& programs,
               std::vector<RankPrograms::LeftOut>* left_out = nullptr);

/// The programs of a task graph, whose every op becomes one op on each of its ranks; link() makes a
/// graph of them that runs in the same time. Throws TraceError for a dependency between ops that
/// have no rank in common. `spans`, of a run of the graph, give when each op began and how long it
/// took; without them only delays have a duration.
RankPrograms split(const TaskGraph& graph, std::span<const Span> spans = {});

/// Says as dependencies what streams that run in order keep in order: for formats that have none.
void order_streams(RankPrograms& programs);

}  // namespace orrery
