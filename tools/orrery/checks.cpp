#include "tools/orrery/checks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

/// Sums of whole numbers of bytes are exact below 2^53; beyond, each addition rounds by 1.1e-16.
constexpr double kSumTolerance = 1e-9;
/// Start and end of an activity are each rounded to the nearest picosecond.
constexpr Duration kRounding = Duration(1);
/// What went through a resource is a sum of products of doubles.
constexpr double kUtilisationTolerance = 1e-9;

template <class... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

std::string rate_text(double bytes_per_second) {
  return format("%.4g GB/s", bytes_per_second / 1e9);
}

/// The bus bandwidth of an all-reduce counts its bytes as they must cross where members add; where
/// switches do, each link carries them once (nccl-tests, doc/PERFORMANCE.md: "busbw" of NVLS and
/// SHARP may exceed the links' bandwidth).
double in_network_gain(const CollectiveRecord& record) {
  if (!record.in_network || record.kind != CollectiveKind::all_reduce) return 1;
  // Of nvls a link carries a member's own block twice (models/collective/nvls.cpp).
  const double carried = record.algorithm == "nvls" ? record.members + 1 : record.members;
  return std::max(1.0, 2.0 * (record.members - 1) / carried);
}

std::string exact(Duration duration) {
  return std::to_string(duration.count()) + " ps";
}

}  // namespace

double bus_bandwidth(CollectiveKind kind, Bytes size, int members, Duration time) {
  if (time <= Duration(0)) {
    return 0;
  }
  const double algorithm_bandwidth = size.as_double() / to_seconds(time);
  const double others = static_cast<double>(members - 1) / members;
  switch (kind) {
    case CollectiveKind::all_reduce:
      return algorithm_bandwidth * 2 * others;
    case CollectiveKind::all_gather:
    case CollectiveKind::reduce_scatter:
    case CollectiveKind::all_to_all:
    case CollectiveKind::gather:
    case CollectiveKind::scatter:
      return algorithm_bandwidth * others;
    case CollectiveKind::broadcast:
    case CollectiveKind::reduce:
    case CollectiveKind::send_recv:
    case CollectiveKind::all_to_all_v:  // its size is what crosses the busiest member's links
      return algorithm_bandwidth;
    case CollectiveKind::barrier:
      return 0;
  }
  return 0;
}

Check check_bytes(const Evidence& evidence) {
  const double sent = evidence.counters.bytes_sent;
  const double received = evidence.counters.bytes_received;
  Check check{"bytes sent = bytes received", std::abs(sent - received) <= kSumTolerance * sent, ""};
  check.sentence = check.holds ? format("%.6g bytes were sent and received", sent)
                               : format("%.17g bytes were sent, %.17g received", sent, received);
  return check;
}

Check check_bus_bandwidth(const Evidence& evidence) {
  Check check{"bus bandwidth <= what the links carry", true, ""};
  double nearest = 0;
  for (const CollectiveUse& use : evidence.collectives) {
    const CollectiveRecord& record = use.record;
    // Compared at the longest time that rounds to the one measured.
    const double bandwidth =
        bus_bandwidth(record.kind, record.size, record.members, record.fastest + kRounding);
    const double limit = record.port_limit * in_network_gain(record);
    if (bandwidth > limit) {
      check.holds = false;
      check.sentence = std::string(to_string(record.kind)) + " of " + to_text(record.size) +
                       " among " + std::to_string(record.members) + " reached " +
                       rate_text(bandwidth) + ", the links of a member carry " + rate_text(limit);
      return check;
    }
    if (limit > 0) {
      nearest = std::max(nearest, bandwidth / limit);
    }
  }
  check.sentence = evidence.collectives.empty()
                       ? "no collective ran"
                       : format("the best collective reached %.1f %% of its links", 100 * nearest);
  return check;
}

Check check_kernels(const Evidence& evidence) {
  Check check{"no kernel beats the device's peaks", true, ""};
  double nearest = 0;
  for (const Evidence::KernelSpan& kernel : evidence.kernels) {
    const double longest_s = to_seconds(kernel.duration + kRounding);
    if (longest_s < kernel.floor_s) {
      check.holds = false;
      check.sentence = kernel.label + " took " + exact(kernel.duration) +
                       ", at every peak it takes " + format("%.0f ps", kernel.floor_s * 1e12);
      return check;
    }
    nearest = std::max(nearest, kernel.floor_s / longest_s);
  }
  check.sentence = evidence.kernels.empty()
                       ? "no kernel ran"
                       : format("the best kernel reached %.1f %% of its roofline", 100 * nearest);
  return check;
}

Check check_critical_path(const Evidence& evidence) {
  Check check{"critical path = whole run", evidence.critical_path == evidence.makespan, ""};
  check.sentence = "the critical path sums to " + exact(evidence.critical_path) +
                   ", the run took " + exact(evidence.makespan);
  return check;
}

Check check_breakdown(const Evidence& evidence) {
  Check check{"time breakdown sums to the whole", true, ""};
  std::int64_t ranks = 0;
  for (const Evidence::RankSum& rank : evidence.rank_sums) {
    ranks += rank.alike;
    if (rank.sum != evidence.makespan) {
      check.holds = false;
      check.sentence = "the parts of rank " + std::to_string(rank.rank) + " sum to " +
                       exact(rank.sum) + ", the run took " + exact(evidence.makespan);
      return check;
    }
  }
  check.sentence = "the parts of each of " + std::to_string(ranks) + " ranks sum exactly";
  return check;
}

Check check_memory(const Evidence& evidence) {
  Check check{"memory taken = memory freed", evidence.unfreed.empty(), ""};
  if (check.holds) {
    check.sentence = "everything that ops took was freed";
    return check;
  }
  const Evidence::Unfreed& first = evidence.unfreed.front();
  check.sentence = std::to_string(first.bytes.count()) + " bytes of " + first.category +
                   (first.on_host ? " are left in the host of node " : " are left on rank ") +
                   std::to_string(first.rank) + " (" + std::to_string(evidence.unfreed.size()) +
                   " such leftovers in all)";
  return check;
}

Check check_utilisation(const Evidence& evidence) {
  Check check{"utilisation <= 1", true, ""};
  double highest = 0;
  for (const ResourceUse& use : evidence.resources) {
    if (use.utilisation > 1 + kUtilisationTolerance) {
      check.holds = false;
      check.sentence = use.name + " is used " + format("%.12g", use.utilisation) + " times over";
      return check;
    }
    highest = std::max(highest, use.utilisation);
  }
  check.sentence = format("the most loaded resource is used %.1f %% of the time", 100 * highest);
  return check;
}

Check check_mfu(const Evidence& evidence) {
  const double mfu = evidence.mfu.value_or(0);
  Check check{"MFU <= 1", mfu <= 1, ""};
  check.sentence = format("the model needs %.1f %% of what the devices can do", 100 * mfu);
  return check;
}

std::vector<Check> check_all(const Evidence& evidence) {
  return {check_bytes(evidence),       check_bus_bandwidth(evidence),
          check_kernels(evidence),     check_critical_path(evidence),
          check_breakdown(evidence),   check_memory(evidence),
          check_utilisation(evidence), check_mfu(evidence)};
}

}  // namespace orrery
