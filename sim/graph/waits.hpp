#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/graph/observer.hpp"
#include "sim/graph/rank_class.hpp"

namespace orrery {

/// Who waited for whom in a run. A rank waits while nothing runs on it and the op that ends this is
/// a transfer or collective for which the rank was ready before its partners were. That time is put
/// down to the partner that came last (of several at once, the first within the instance), whatever
/// had made that one late. Of ops that end an idle stretch together, the one that was ready first
/// counts. The waits of a rank are a part of its bubble and idle time (RankBreakdown).
/// Where ranks stand for others, the times of a rank are those of each; what it caused is what any
/// of them did.
struct Waits {
  struct Pair {
    Rank waiting = 0;
    Rank waited_for = 0;
    LabelId category;  // of the communication; invalid: none
    Duration time;
    std::uint64_t times = 0;
  };
  struct OfRank {
    Duration waited;
    double caused_s = 0;  // others' waiting for it; a sum over ranks may leave Duration's range
  };

  std::vector<Pair> pairs;    // longest first, then by ranks
  std::vector<OfRank> ranks;  // by rank
  double total_s = 0;         // of all ranks, those that others stand for among them
};

/// From all spans of a run, which are sorted by rank and start, and gone through once. `classes`:
/// by rank of the graph.
Waits find_waits(const TaskGraph& graph, std::span<const Span> spans,
                 std::span<const RankClass> classes);

}  // namespace orrery
