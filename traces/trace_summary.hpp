#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "traces/recorded_trace.hpp"

namespace orrery {

/// Where the time of one process (a rank) went, from the first to the last of its spans that are
/// work. Times are those in which at least one such span runs, however many do. In the words of
/// METRICS.md: communication is `overlapped` while a kernel computes beside it, else `exposed`;
/// `idle` is when nothing runs. A copy from or to a host counts by itself and hides nothing.
struct WorkTimes {
  Duration length;
  Duration compute;
  Duration communication;
  Duration copy;
  Duration overlapped;
  Duration exposed;
  Duration idle;

  /// Of the communication; 0 without any.
  double overlap() const {
    return communication > Duration(0) ? overlapped.as_double() / communication.as_double() : 0;
  }
};

struct TraceSummary {
  struct Sum {
    std::string name{};  // of a category or an op
    Work work = Work::compute;
    std::uint64_t count = 0;
    Duration time{};  // of all spans, whether they run at the same time or not
    std::int64_t bytes = 0;
  };
  struct Process {
    std::int64_t number = 0;
    std::string name{};
    WorkTimes times{};
  };
  struct Usage {  // of a link or memory whose utilisation the trace has as a counter
    std::string name{};
    double mean = 0;  // over the time of the counter, in the counter's unit
    double most = 0;
  };

  std::vector<Sum> categories;  // longest first
  std::vector<Sum> ops;         // longest first; waits and the host's left out
  std::vector<Process> processes;
  WorkTimes average;          // over processes; zeros where the trace has no times
  std::vector<Usage> usages;  // largest mean first
};

TraceSummary summarise(const RecordedTrace& trace);

/// Two traces op by op: the k-th op of a name in one is the k-th in the other.
struct TraceComparison {
  struct Op {
    std::string name{};
    std::uint64_t first_count = 0;
    std::uint64_t second_count = 0;
    std::uint64_t aligned = 0;  // ops that have a partner
    Duration first_time{};      // of those
    Duration second_time{};
  };
  std::vector<Op> ops;  // in order of their first appearance in the first trace, then the second's
  std::uint64_t processes = 0;  // of each trace, one beside the other
  std::uint64_t aligned = 0;
  std::uint64_t first_only = 0;
  std::uint64_t second_only = 0;
  /// Of the aligned ops: |second / first - 1|, weighted by the first's time.
  double mean_error = 0;
};

/// Aligns the work of the processes in order of their numbers; where one trace has more of them
/// than the other, of the first of each.
TraceComparison compare(const RecordedTrace& first, const RecordedTrace& second);

}  // namespace orrery
