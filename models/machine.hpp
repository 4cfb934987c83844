#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hw/spec.hpp"
#include "models/collective/collective_calls.hpp"
#include "models/cost/cost_model.hpp"
#include "models/fabric.hpp"
#include "models/machine_resources.hpp"
#include "models/memory_traffic.hpp"
#include "models/message_flows.hpp"
#include "models/symmetry.hpp"
#include "models/traffic.hpp"
#include "models/trigger/trigger_units.hpp"
#include "models/variability.hpp"
#include "sim/graph/runner.hpp"

namespace orrery {

/// What the machine counted, for results and for their checks.
struct MachineCounters {
  std::uint64_t messages = 0;
  double bytes_sent = 0;      // when messages start
  double bytes_received = 0;  // when messages arrive
  std::uint64_t kernels = 0;
  std::uint64_t kernels_at_floor = 0;  // jitter would have made them faster than the device can be
  std::uint64_t collectives = 0;
};

/// Devices and fabric: runs ops as activities on math pipes, memories and links.
///
/// A kernel uses its device's math (in device-seconds per second) and memory; a message uses the
/// source's memory (read), every link of its route, and the destination's memory (write; read again
/// when it reduces). Latency is paid after the last byte has left; what its transport holds it back
/// (LinkModel) before the first, while the sender waits. Ranks are device indices.
///
/// Jitter multiplies the work of a kernel, but never below its physical floor (KernelCost).
/// Messages of a collective are moved by cores of the source, as NCCL's kernels do: they take math
/// too where the device's collective_core_rate says how much. Otherwise, where a library says how
/// many cores its kernel has, a member holds these from when it has come to the collective until it
/// is done: while bytes move, and while it waits for others or for data (the launch counts with
/// it). Leaves out: kernels that hold all cores already when it wants to begin.
///
/// With a symmetry it runs one instance of each class, with the load and the counts of all; the ops
/// then come from a FoldedGraph, and so do the positions of a collective's members.
class Machine final : public Runner {
 public:
  Machine(Engine& engine, const ClusterSpec& cluster, Fabric& fabric, const CostModel& cost,
          const Registry<CollectiveFactory>& collectives, const CollectiveChoice& choice);
  ~Machine();

  /// What makes the same calls as this machine.
  CollectiveCalls& collective_calls();
  /// Who moves the messages, if not the native engine with its defaults. Before prepare. Only
  /// native ones can be folded.
  void use_engine(MessageFlowsFactory make, const FlowChoice& choice);
  /// Must be called before running: whom to call back, whose kernels to price, what to fold by
  /// (null: nothing; it must outlive the run otherwise, as the graph must), and which devices and
  /// kernels are not nominal (with a symmetry they must be: variability.uniform()). Degraded links
  /// are the fabric's. With `faults`, which must outlive the run, nothing may be folded.
  void prepare(const TaskGraph& graph, RunListener& listener, const Symmetry* symmetry = nullptr,
               const Variability& variability = {}, std::span<const Fault> faults = {});

  void join_collective(InstanceId instance, const Op& op, std::span<const Rank> group,
                       Rank member) override;
  void start_compute(InstanceId instance, const Op& op, Rank rank) override;
  void start_transfer(InstanceId instance, const Op& op, Rank source, Rank destination) override;
  void start_collective(InstanceId instance, const Op& op, std::span<const Rank> group) override;

  const KernelCost& kernel_cost(KernelId kernel) const;
  const MachineCounters& counters() const;
  std::vector<CollectiveRecord> collective_records() const;
  /// One for each fault, in order of time.
  std::vector<FaultRecord> fault_records() const;

  std::vector<MemoryTraffic::Part> memory_traffic() const;
  /// Null where nothing is tracked.
  const TriggerUnits* triggers() const;
  /// How long the instance of a compute waited for entries of its tracker before it began.
  Duration tracker_stall(InstanceId instance) const;

  using ResourceUse = MachineResources::ResourceUse;
  std::vector<ResourceUse> resources() const;
  std::uint64_t activities_started() const;
  std::uint64_t solves() const;
  /// Of what moves the messages.
  std::vector<std::pair<std::string, std::string>> engine_configuration() const;
  const DeviceSpec& device() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery
