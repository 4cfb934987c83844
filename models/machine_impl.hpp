#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "models/collective/collective_runner.hpp"
#include "models/collective/folded_program.hpp"
#include "models/jitter.hpp"
#include "models/machine.hpp"
#include "models/memory_traffic.hpp"
#include "models/message_flows.hpp"
#include "models/pool.hpp"
#include "models/trigger/trigger_units.hpp"

namespace orrery {

/// What an event or completion is about, in the top bits of its token; the rest is an index.
enum class Topic : std::uint64_t {
  kernel_launched,
  kernel_done,
  message_left,
  message_arrived,
  collective_begins,
  message_begins,
  triggered
};
constexpr unsigned kTopicShift = 60;

inline std::uint64_t token_of(Topic topic, std::size_t index) {
  return static_cast<std::uint64_t>(topic) << kTopicShift | index;
}

constexpr std::uint32_t kNoRun = UINT32_MAX;

struct Message {
  InstanceId instance{};       // of a transfer
  std::uint32_t run = kNoRun;  // of a collective, else none
  int from = 0;                // positions in the group
  int to = 0;
  int step = 0;
  bool dma = false;    // of a trigger unit's engine
  bool meets = false;  // of a collective: Send::meets
  Rank source = 0;
  Rank destination = 0;
  double bytes = 0;  // of all messages that it stands for
  Duration latency{};
};

/// A message before its first byte, as long as its transport holds it back.
struct LeavingMessage {
  Message message;
  MachineResources::Course course;
  double bound = kUnbounded;  // bytes/s
  int priority = 0;
};

struct RunningKernel {
  InstanceId instance;
  KernelId kernel;
  Rank rank = 0;
  int priority = 0;
};

struct RunningCollective {
  InstanceId instance;
  std::span<const Rank> group;
  std::shared_ptr<const CollectiveProgram> program;
  const FoldedProgram* folded = nullptr;        // the program, when it is folded
  const CollectiveCalls::Call* call = nullptr;  // none of a group of one
  Time start;
  int members = 1;
  int members_left = 1;
  double moved = 0, added = 0;  // bytes of its messages; of those that are added on arrival
  LeavingMessage like;          // what its messages have in common
};

// Messages are in machine_messages.cpp, trackers in machine_triggers.cpp, kernels and collectives
// in machine.cpp.
struct Machine::Impl final : EventHandler, MessageCarrier, TriggerClient {
  Impl(Engine& e, const ClusterSpec& c, Fabric& f, const CostModel& m,
       const Registry<CollectiveFactory>& r, const CollectiveChoice& ch)
      : engine(&e),
        device(c.node.device),
        fabric(&f),
        cost(&m),
        calls(r, ch, f),
        communication_cores(ch.cores),
        activities(e),
        collectives(*this) {}

  void handle_event(std::uint64_t token) override;
  void carry(std::uint32_t run, int from, int step, const Send& send) override;
  void member_finished(std::uint32_t run, int member) override;

  void producer_goes_on(std::uint32_t waiter) override;
  void dma_goes_on(std::uint32_t waiter) override;

  void prepare_triggers();
  /// Whether the op waits for entries, or is a trigger itself: then there is no more to start.
  bool is_held(std::uint32_t kernel);
  Duration& stall_of(std::uint32_t kernel);
  /// One kernel more of a collective that has come to this member, or one less.
  void hold_cores(const CollectiveCalls::Call& call, Rank member, int sign);
  Duration exchange_alone(const Op& op) const;
  void launch_kernel(std::uint32_t index);
  double jittered(const RunningKernel& kernel, double work);
  void start_kernel(std::uint32_t index);
  void start_message(LeavingMessage& leaving);
  void begin_message(LeavingMessage& leaving);
  void send(LeavingMessage& leaving);
  const std::shared_ptr<const FoldedProgram>& folded_program(
      const std::shared_ptr<const CollectiveProgram>& program, std::span<const Rank> group);
  void message_left(std::uint32_t index);
  void message_arrived(std::uint32_t index);

  Engine* engine;
  DeviceSpec device;
  Fabric* fabric;
  const CostModel* cost;
  CollectiveCalls calls;
  std::int64_t communication_cores;
  Activities activities;
  CollectiveRunner collectives;
  RunListener* listener = nullptr;
  const TaskGraph* graph = nullptr;
  const Symmetry* symmetry = nullptr;
  MessageFlowsFactory make_flows = make_native_flows;
  FlowChoice flow_choice;
  std::optional<MachineResources> resources;  // made by prepare
  std::unique_ptr<MessageFlows> flows;        // likewise
  std::optional<Traffic> traffic;             // where links fail or routings adapt
  // By program and first rank of the group, of which it holds a part: only looked up.
  std::map<std::pair<const CollectiveProgram*, const Rank*>, std::shared_ptr<const FoldedProgram>>
      folded_programs;
  std::vector<KernelCost> kernel_costs;
  std::optional<MemoryTraffic> memory_traffic;  // made by prepare
  std::optional<TriggerUnits> triggers;         // where the graph tracks
  std::vector<TrackerEffect> tracker_effects;   // by op; empty: none
  // By op and instance, of those that waited for entries: since when (negative), then how long.
  std::map<std::pair<std::size_t, std::uint32_t>, Duration> tracker_stalls;
  std::optional<Jitter> jitter;
  Pool<RunningKernel> kernels;
  Pool<Message> messages;
  Pool<LeavingMessage> held;
  Pool<RunningCollective> runs;
  MachineCounters counters;
};

}  // namespace orrery
