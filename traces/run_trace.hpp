#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/graph/observer.hpp"
#include "sim/graph/rank_class.hpp"
#include "sim/graph/task_graph.hpp"
#include "traces/memory_log.hpp"

namespace orrery {

/// Which part of a run is written; everything when left as it is.
struct TraceSelection {
  std::vector<char> ranks{};  // by rank of the graph; empty: all
  Time from{};
  Time until = Time::max();

  bool shows(Rank rank) const {
    return ranks.empty() || ranks[static_cast<std::size_t>(rank)] != 0;
  }
  /// A span is written whole or not at all: when part of it, its wait included, lies in the window.
  bool shows(const Span& span) const {
    return shows(span.rank) && span.end >= from && span.ready <= until;
  }
  bool shows(Time time) const { return time >= from && time <= until; }
};

/// How much of a resource was used over time: the mean over each stretch, which a sample begins.
struct UtilisationTrack {
  struct Sample {
    Time from;
    float share = 0;  // of the capacity
  };
  std::string name;
  std::vector<Sample> samples;
  std::string kind{};       // "math", "memory", or that of a link
  std::uint64_t alike = 1;  // so many are the same, of which this is the first
};

/// What a run left behind, for writers of traces. Borrows all of it.
struct RunTrace {
  const TaskGraph& graph;
  std::span<const Span> spans;  // in order of end, as Timeline keeps them
  std::span<const MemoryLog::Sample> memory{};
  std::span<const TrackerSample> tracker{};
  std::span<const UtilisationTrack> utilisation{};
  std::span<const RankClass> classes{};  // by rank of the graph; empty: each stands for itself
  TraceSelection selection{};

  RankClass class_of(Rank rank) const {
    return classes.empty() ? RankClass{rank, 1} : classes[static_cast<std::size_t>(rank)];
  }
  /// "rank 0 and 7 alike".
  std::string process_name(Rank rank) const {
    const RankClass of = class_of(rank);
    return "rank " + std::to_string(of.first) +
           (of.count > 1 ? " and " + std::to_string(of.count - 1) + " alike" : std::string());
  }
};

}  // namespace orrery
