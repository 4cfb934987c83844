#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/orrery/result.hpp"

namespace orrery {

/// What the checks look at: plain data, so that a test can tamper with each of them.
struct Evidence {
  struct KernelSpan {  // the run of a compute op that came nearest to its physical bound, or beat
                       // it
    std::string label;
    Duration duration;
    double floor_s = 0;
  };
  struct RankSum {  // the parts of one rank's time
    Rank rank = 0;
    Duration sum;
    Rank alike = 1;  // ranks with these parts, this one the first
  };
  struct Unfreed {  // memory that ops took and none gave back, or the reverse
    Rank rank = 0;  // or node, of what lies in its host
    std::string category;
    Bytes bytes;
    bool on_host = false;
  };

  Duration makespan;
  std::optional<double> mfu;
  MachineCounters counters;
  std::vector<CollectiveUse> collectives;
  std::vector<KernelSpan> kernels;
  Duration critical_path;  // sum of its spans and waits
  std::vector<RankSum> rank_sums;
  std::vector<Unfreed> unfreed;
  std::vector<ResourceUse> resources;
};

/// Each says what it looked at, or what is wrong and where.
Check check_bytes(const Evidence& evidence);          // sent = received
Check check_bus_bandwidth(const Evidence& evidence);  // <= what a member's links carry
Check check_kernels(const Evidence& evidence);        // none faster than the device's peaks allow
Check check_critical_path(const Evidence& evidence);  // its sum is the makespan
Check check_breakdown(const Evidence& evidence);      // the parts of each rank sum to the makespan
Check check_memory(const Evidence& evidence);         // all that was taken is freed
Check check_utilisation(const Evidence& evidence);    // <= 1
Check check_mfu(const Evidence& evidence);            // <= 1

/// All of them, in the order above.
std::vector<Check> check_all(const Evidence& evidence);

/// nccl-tests' bus bandwidth of a collective that took `time`, in bytes/s; 0 when it took none.
/// Source: nccl-tests, doc/PERFORMANCE.md: (size / time) times 2(n-1)/n for all-reduce, (n-1)/n for
/// all-gather, reduce-scatter and all-to-all, 1 for broadcast and reduce; src/gather.cu,
/// scatter.cu, sendrecv.cu: (n-1)/n for gather and scatter, 1 for send-recv. Of an all-to-all-v 1,
/// as its size is what the busiest member exchanges with others; 0 for a barrier.
double bus_bandwidth(CollectiveKind kind, Bytes size, int members, Duration time);

}  // namespace orrery
