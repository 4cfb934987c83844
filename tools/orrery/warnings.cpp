#include "tools/orrery/warnings.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <string_view>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

constexpr std::string_view kAssumed = "assumed";
// From this size on a collective is bound by bandwidth, and using few of the links is a loss.
constexpr Bytes kLargeCollective = Bytes(16'777'216);
// Drivers, contexts and communication buffers, which are not simulated, have filled smaller gaps.
constexpr double kNearlyFull = 0.95;

bool is_unused_precision(std::string_view parent, std::string_view key, const Job& job) {
  const bool by_precision = parent.ends_with("/peak") || parent.ends_with("/efficiency/math");
  return by_precision && key != to_string(job.precision) && key != to_string(Precision::fp32);
}

void collect_assumed(const JsonValue& value, const std::string& pointer, const Job& job,
                     std::vector<std::string>& found) {
  const JsonValue* source = value.find("source");
  if (source != nullptr && value.find("value") != nullptr &&
      std::string_view(source->string).starts_with(kAssumed)) {
    found.push_back(pointer);
    return;
  }
  for (std::size_t index = 0; index < value.items.size(); ++index) {
    collect_assumed(value.items[index], pointer + "/" + std::to_string(index), job, found);
  }
  for (const JsonValue::Member& member : value.members) {
    const bool unused_host = member.key == "host_memory" && !job.graph.uses_host();
    if (!unused_host && !is_unused_precision(pointer, member.key, job)) {
      collect_assumed(member.value, pointer + "/" + pointer_token(member.key), job, found);
    }
  }
}

std::string gigabytes_per_second(double bytes_per_second) {
  return to_text(Bandwidth(static_cast<std::int64_t>(bytes_per_second)));
}

}  // namespace

std::string idle_links_warning(const CollectiveRecord& record, double bus_bandwidth) {
  if (record.size < kLargeCollective || bus_bandwidth >= record.port_limit / 2) return "";
  return std::string(to_string(record.kind)) + " of " + to_text(record.size) + " among " +
         std::to_string(record.members) + " ranks reaches " + gigabytes_per_second(bus_bandwidth) +
         " of the " + gigabytes_per_second(record.port_limit) +
         " that lead into a member: other traffic shares them, or its algorithm does not use them "
         "all";
}

std::string unused_devices_warning(std::int64_t used, std::int64_t devices) {
  return used < devices ? "the workload uses " + std::to_string(used) + " of " +
                              std::to_string(devices) + " devices"
                        : "";
}

std::string assumed_figures_warning(const JsonValue& resolved, const Job& job) {
  const std::size_t assumed = assumed_figures(resolved, job).size();
  if (assumed == 0) return "";
  return std::to_string(assumed) +
         (assumed == 1 ? " catalogue figure is" : " catalogue figures are") +
         " assumed, not measured; `orrery check --resolved` names them";
}

namespace {

void add(std::string warning, std::vector<std::string>& warnings) {
  if (!warning.empty()) warnings.push_back(std::move(warning));
}

void warn_of_idle_links(const Scenario& scenario, const Result& result,
                        std::vector<std::string>& warnings) {
  // Where routes change, the limit is that of all links, which no one route uses.
  if (!result.faults.empty() || scenario.fabric->adapts()) return;
  const std::size_t before = warnings.size();
  for (const CollectiveUse& use : result.collectives) {
    add(idle_links_warning(use.record, use.best_bus_bandwidth), warnings);
    if (warnings.size() > before) return;  // one is enough to know
  }
}

void warn_of_what_was_not_measured(const Job& job, const Machine& machine,
                                   std::vector<std::string>& warnings) {
  std::size_t outside = 0;
  std::set<std::string> kinds;
  for (std::size_t k = 0; k < job.graph.kernels().size(); ++k) {
    if (!machine.kernel_cost(KernelId(k)).outside_measured) continue;
    const Kernel& kernel = job.graph.kernels()[k];
    const bool usual = kernel.precision == Precision::bf16 || kernel.precision == Precision::fp16 ||
                       kernel.unit == MathUnit::vector;
    kinds.insert(kernel.kind + (usual ? "" : " in " + std::string(to_string(kernel.precision))));
    ++outside;
  }
  if (outside == 0) return;
  std::string names;
  for (const std::string& kind : kinds) names += (names.empty() ? "" : ", ") + kind;
  warnings.push_back(std::to_string(outside) + " of " + std::to_string(job.graph.kernels().size()) +
                     " kernels are of a kind or size whose efficiency was not measured (" + names +
                     "): their times are optimistic");
}

void warn_of_transfer(const Job& job, const Machine& machine, std::vector<std::string>& warnings) {
  for (std::size_t k = 0; k < job.graph.kernels().size(); ++k) {
    const std::string& from = machine.kernel_cost(KernelId(k)).transferred_from;
    if (from.empty()) continue;
    if (from == machine.device().name) {
      warnings.push_back(
          "kernels take what was measured on " + from +
          ", scaled, as its rates, clock or efficiency are not the catalogue's here");
      return;
    }
    warnings.push_back("nobody measured kernels on " + machine.device().name + ": they take what " +
                       from + " takes, scaled by the figures of the catalogue");
    return;
  }
}

}  // namespace

std::vector<std::string> assumed_figures(const JsonValue& resolved, const Job& job) {
  std::vector<std::string> found;
  if (const JsonValue* cluster = resolved.find("cluster")) {
    collect_assumed(*cluster, "/cluster", job, found);
  }
  return found;
}

std::vector<std::string> warnings_of(const Scenario& scenario, const Job& job,
                                     const Machine& machine, const Result& result) {
  std::vector<std::string> warnings;
  add(assumed_figures_warning(scenario.resolved, job), warnings);
  for (const WorkloadFact& fact : job.facts) {
    if (!fact.key.starts_with("left_out_")) continue;
    warnings.push_back(std::to_string(std::llround(fact.value)) + ": " + fact.about);
  }
  if (const std::uint64_t held = result.counters.machine.kernels_at_floor; held > 0) {
    warnings.push_back("jitter would have made " + std::to_string(held) + " of " +
                       std::to_string(result.counters.machine.kernels) +
                       " kernels faster than the device's peaks: they took their floor, so the "
                       "mean of their times is above that without jitter");
  }
  warn_of_what_was_not_measured(job, machine, warnings);
  warn_of_transfer(job, machine, warnings);
  warn_of_idle_links(scenario, result, warnings);
  for (const MemoryUse& use : result.memory) {
    if (use.fits() && use.peak.as_double() > kNearlyFull * use.capacity.as_double()) {
      warnings.push_back(
          "memory is nearly full: drivers, contexts and communication buffers are "
          "not counted");
    }
  }
  for (const FaultRecord& record : result.faults) {
    if (record.happened) continue;
    warnings.push_back("the fault of " + record.fault->what + " at " +
                       to_text(record.fault->at.since_start()) + " comes after the end");
    break;
  }
  add(unused_devices_warning(job.graph.world_size(), scenario.cluster.device_count()), warnings);
  return warnings;
}

}  // namespace orrery
