#include "models/machine.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "models/collective/collective_runner.hpp"
#include "models/collective/folded_program.hpp"
#include "models/jitter.hpp"
#include "models/pool.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

/// What an event or completion is about, in the top bits of its token; the rest is an index.
enum class Topic : std::uint64_t {
  kernel_launched,
  kernel_done,
  message_left,
  message_arrived,
  collective_begins
};
constexpr unsigned kTopicShift = 60;

std::uint64_t token_of(Topic topic, std::size_t index) {
  return static_cast<std::uint64_t>(topic) << kTopicShift | index;
}

constexpr std::uint32_t kNoRun = UINT32_MAX;

struct Message {
  InstanceId instance;         // of a transfer
  std::uint32_t run = kNoRun;  // of a collective, else none
  int from = 0;                // positions in the group
  int to = 0;
  int step = 0;
  Bytes bytes;
  Duration latency;
  std::uint64_t alike = 1;  // messages that it stands for
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
  int priority = 0;
};

/// A copy on one device counts with the kernels: no link limits it.
MachineResources::MemoryUse memory_use(const TaskGraph& graph) {
  using Use = MachineResources::MemoryUse;
  for (const Op& op : graph.ops()) {
    if (op.kind == OpKind::compute) return Use::kernels;
    if (op.kind != OpKind::transfer) continue;
    const std::span<const Rank> sources = graph.ranks(op.ranks);
    const std::span<const Rank> destinations = graph.ranks(op.peers);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (sources[i] == destinations[i]) return Use::kernels;
    }
  }
  return Use::messages;
}

MachineResources::HostUse host_use(const TaskGraph& graph) {
  using Use = MachineResources::HostUse;
  return graph.uses_host() ? Use::copies : Use::none;
}

}  // namespace

struct Machine::Impl final : EventHandler, MessageCarrier {
  Impl(Engine& e, const ClusterSpec& c, Fabric& f, const CostModel& m,
       const Registry<CollectiveFactory>& r, const CollectiveChoice& ch)
      : engine(&e),
        device(c.node.device),
        fabric(&f),
        cost(&m),
        calls(r, ch, f),
        activities(e),
        collectives(*this) {}

  void handle_event(std::uint64_t token) override;
  void carry(std::uint32_t run, int from, int step, const Send& send) override;
  void member_finished(std::uint32_t run, int member) override;

  double jittered(const RunningKernel& kernel, double work);
  void start_kernel(std::uint32_t index);
  void send(Message message, const MachineResources::Way& way, int priority,
            const Traffic::Course& course);
  void start_message(Message message, Rank source, Rank destination, bool reduces, int priority,
                     const MessageTerms* terms);
  const std::shared_ptr<const FoldedProgram>& folded_program(
      const std::shared_ptr<const CollectiveProgram>& program, std::span<const Rank> group);
  void message_left(std::uint32_t index);
  void message_arrived(std::uint32_t index);

  Engine* engine;
  DeviceSpec device;
  Fabric* fabric;
  const CostModel* cost;
  CollectiveCalls calls;
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
  std::optional<Jitter> jitter;
  Pool<RunningKernel> kernels;
  Pool<Message> messages;
  Pool<RunningCollective> runs;
  MachineCounters counters;
};

Machine::Machine(Engine& engine, const ClusterSpec& cluster, Fabric& fabric, const CostModel& cost,
                 const Registry<CollectiveFactory>& collectives, const CollectiveChoice& choice)
    : impl_(std::make_unique<Impl>(engine, cluster, fabric, cost, collectives, choice)) {}

Machine::~Machine() = default;

CollectiveCalls& Machine::collective_calls() {
  return impl_->calls;
}

void Machine::use_engine(MessageFlowsFactory make, const FlowChoice& choice) {
  ORRERY_CHECK(!impl_->resources, "an engine comes before prepare");
  impl_->make_flows = make;
  impl_->flow_choice = choice;
}

void Machine::prepare(const TaskGraph& graph, RunListener& listener, const Symmetry* symmetry,
                      const Variability& variability, std::span<const Fault> faults) {
  ORRERY_CHECK(graph.world_size() <= impl_->fabric->devices(), "more ranks than devices");
  ORRERY_CHECK(!impl_->resources, "a machine runs once");
  ORRERY_CHECK(symmetry == nullptr || variability.uniform(), "ranks that differ are folded");
  impl_->listener = &listener;
  impl_->graph = &graph;
  if (variability.jitters()) impl_->jitter.emplace(graph, variability);
  impl_->symmetry = symmetry;
  impl_->resources.emplace(impl_->activities, impl_->device, *impl_->fabric, symmetry,
                           memory_use(graph), host_use(graph), variability);
  impl_->flows = impl_->make_flows(
      impl_->flow_choice, {*impl_->engine, impl_->activities, *impl_->resources, *impl_->fabric});
  if (!faults.empty() || impl_->fabric->adapts()) {
    ORRERY_CHECK(symmetry == nullptr, "ranks whose messages find different ways are folded");
    const FlowChoice& choice = impl_->flow_choice;
    if (choice.engine != FlowChoice().engine || choice.share_policy != SharePolicy::max_min) {
      throw UnmappableError("messages that change their way (faults, adaptive routings)");
    }
    impl_->traffic.emplace(*impl_->engine, *impl_->fabric, impl_->activities, *impl_->resources,
                           faults);
  }
  impl_->kernel_costs.clear();
  for (const Kernel& kernel : graph.kernels()) {
    const std::string refusal = impl_->cost->refusal(kernel, impl_->device);
    ORRERY_CHECK(refusal.empty(), "an unpriceable kernel reached the machine: " + refusal);
    impl_->kernel_costs.push_back(impl_->cost->cost(kernel, impl_->device));
  }
}

void Machine::start_compute(InstanceId instance, const Op& op, Rank rank) {
  impl_->counters.kernels += impl_->resources->alike(rank);
  const std::uint32_t index = impl_->kernels.take({instance, op.kernel, rank, op.priority});
  Duration launch = impl_->kernel_costs[op.kernel.index()].launch;
  if (impl_->jitter) {
    const double factor = std::max(0.0, impl_->jitter->launch(instance, rank));
    launch = duration_from_seconds(to_seconds(launch) * factor);
  }
  if (launch == Duration(0)) {
    impl_->start_kernel(index);
    return;
  }
  impl_->engine->schedule(impl_->engine->now() + launch, Phase::issue, *impl_,
                          token_of(Topic::kernel_launched, index));
}

void Machine::start_transfer(InstanceId instance, const Op& op, Rank source, Rank destination) {
  Message message;
  message.instance = instance;
  message.bytes = op.bytes;
  message.alike = impl_->resources->alike(source);
  if (op.copy != CopyKind::device_to_device) {
    const Traffic::Course course{.source = source, .destination = source, .copy = op.copy};
    if (impl_->traffic) impl_->traffic->require_way(course);
    impl_->send(message, impl_->resources->host_way(source, op.copy, message.alike), op.priority,
                course);
    return;
  }
  impl_->start_message(message, source, destination, false, op.priority, nullptr);
}

void Machine::start_collective(InstanceId instance, const Op& op, std::span<const Rank> group) {
  RunningCollective run;
  run.instance = instance;
  run.group = group;
  run.start = impl_->engine->now();
  run.priority = op.priority;
  std::uint64_t groups = impl_->resources->alike(group.front());
  Duration launch;
  if (group.size() > 1) {
    const CollectiveCalls::Call& call = impl_->calls.call_for(*impl_->graph, op, group);
    run.call = &call;
    launch = call.launch.value_or(impl_->device.collective_launch);
    run.program = call.program;
    run.members = static_cast<int>(group.size());
    if (impl_->symmetry != nullptr) {
      const auto& folded = impl_->folded_program(call.program, group);
      run.program = folded;
      run.folded = folded.get();
      run.members = folded->members();
      groups = folded->groups();
    }
    run.members_left = run.members;
  }
  impl_->counters.collectives += groups;
  const std::uint32_t index = impl_->runs.take(std::move(run));
  impl_->engine->schedule(impl_->engine->now() + launch, Phase::issue, *impl_,
                          token_of(Topic::collective_begins, index));
}

const std::shared_ptr<const FoldedProgram>& Machine::Impl::folded_program(
    const std::shared_ptr<const CollectiveProgram>& program, std::span<const Rank> group) {
  auto& folded = folded_programs[{program.get(), group.data()}];
  if (folded == nullptr) {
    folded = std::make_shared<const FoldedProgram>(program, group, *symmetry, *fabric);
  }
  return folded;
}

void Machine::Impl::handle_event(std::uint64_t token) {
  const auto index = static_cast<std::uint32_t>(token);
  switch (static_cast<Topic>(token >> kTopicShift)) {
    case Topic::kernel_launched:
      start_kernel(index);
      break;
    case Topic::kernel_done: {
      const InstanceId instance = kernels[index].instance;
      flows->kernel_ends(index);
      kernels.give_back(index);
      listener->computed(instance);
      break;
    }
    case Topic::message_left:
      message_left(index);
      break;
    case Topic::message_arrived:
      message_arrived(index);
      break;
    case Topic::collective_begins: {
      const RunningCollective& run = runs[index];
      if (run.group.size() == 1) {
        member_finished(index, 0);
      } else {
        collectives.begin(index, run.program, run.members);
      }
      break;
    }
  }
}

/// A kernel alone on a nominal device takes `alone` for work 1, and cannot take less than its
/// floor.
double Machine::Impl::jittered(const RunningKernel& kernel, double work) {
  const KernelCost& price = kernel_costs[kernel.kernel.index()];
  const double alone =
      std::max(price.math_seconds, price.memory_traffic / device.memory_bandwidth.as_double());
  const double least = alone > 0 ? std::min(1.0, price.floor_seconds / alone) : 1;
  const double drawn = jitter->kernel(kernel.instance, kernel.rank);
  if (drawn < least) ++counters.kernels_at_floor;
  return work * std::max(drawn, least);
}

void Machine::Impl::start_kernel(std::uint32_t index) {
  const RunningKernel& kernel = kernels[index];
  const MachineResources::Load load =
      resources->load(kernel.rank, kernel_costs[kernel.kernel.index()], kernel.priority);
  const double work = jitter ? jittered(kernel, load.work) : load.work;
  flows->kernel_begins(index,
                       {kernel.rank, graph->kernel(kernel.kernel).kind, load.usages, load.terms});
  activities.start(Activity{work, load.usages, load.terms}, *this,
                   token_of(Topic::kernel_done, index));
}

void Machine::Impl::start_message(Message message, Rank source, Rank destination, bool reduces,
                                  int priority, const MessageTerms* terms) {
  using Mover = MachineResources::Mover;
  const Mover mover = message.run == kNoRun ? Mover::engine : Mover::cores;
  const Traffic::Course course{.source = source,
                               .destination = destination,
                               .reduces = reduces,
                               .mover = mover,
                               .terms = terms};
  if (traffic) traffic->require_way(course);
  send(message,
       resources->way(source, destination, reduces, mover, message.alike, message.bytes.as_double(),
                      terms),
       priority, course);
}

void Machine::Impl::send(Message message, const MachineResources::Way& way, int priority,
                         const Traffic::Course& course) {
  const double bytes = message.bytes.as_double();
  counters.messages += message.alike;
  counters.bytes_sent += bytes * static_cast<double>(message.alike);
  message.latency = flows->latency_after(way.latency);
  const std::uint32_t index = messages.take(message);
  const ShareTerms terms{.priority = priority};
  const std::uint64_t token = token_of(Topic::message_left, index);
  const ShareId share = flows->start(MessageFlow{.bytes = bytes,
                                                 .usages = way.usages,
                                                 .terms = terms,
                                                 .latency = way.latency,
                                                 .source = course.source,
                                                 .destination = course.destination},
                                     *this, token);
  if (traffic) {
    traffic->enter(index, course, {share, terms, this, token, way.latency}, way.usages);
  }
}

void Machine::Impl::message_left(std::uint32_t index) {
  if (traffic) messages[index].latency = traffic->leave(index);
  const Message message = messages[index];
  const bool arrives_now = message.latency == Duration(0);
  if (!arrives_now) {
    const Time arrival = engine->now() + message.latency;
    engine->schedule(arrival, Phase::complete, *this, token_of(Topic::message_arrived, index));
  }
  if (message.run == kNoRun) {
    listener->sent(message.instance);
  } else {
    collectives.message_sent(message.run, message.from);
  }
  if (arrives_now) message_arrived(index);
}

void Machine::Impl::message_arrived(std::uint32_t index) {
  const Message message = messages[index];
  messages.give_back(index);
  counters.bytes_received += message.bytes.as_double() * static_cast<double>(message.alike);
  if (message.run == kNoRun) {
    listener->delivered(message.instance);
  } else {
    collectives.message_arrived(message.run, message.to, message.step);
  }
}

void Machine::Impl::carry(std::uint32_t run, int from, int step, const Send& send) {
  Message message;
  message.run = run;
  message.from = from;
  message.to = send.to;
  message.step = step;
  message.bytes = send.bytes;
  const RunningCollective& of = runs[run];
  int source = from;
  int destination = send.to;
  if (of.folded != nullptr) {
    const FoldedProgram::Path& path = of.folded->path(send.path);
    source = path.from;
    destination = path.to;
    message.alike = path.messages;
  }
  start_message(message, of.group[static_cast<std::size_t>(source)],
                of.group[static_cast<std::size_t>(destination)], send.reduces, of.priority,
                of.call->terms ? &*of.call->terms : nullptr);
}

void Machine::Impl::member_finished(std::uint32_t index, int member) {
  RunningCollective& run = runs[index];
  const InstanceId instance = run.instance;
  if (--run.members_left == 0) {
    if (run.group.size() > 1) {
      const std::uint64_t groups = run.folded == nullptr ? 1 : run.folded->groups();
      calls.count_run(run.call->record, engine->now() - run.start, groups);
    }
    run.program.reset();
    runs.give_back(index);
  }
  listener->member_done(instance, static_cast<std::size_t>(member));
}

const KernelCost& Machine::kernel_cost(KernelId kernel) const {
  return impl_->kernel_costs[kernel.index()];
}
const MachineCounters& Machine::counters() const {
  return impl_->counters;
}
std::vector<CollectiveRecord> Machine::collective_records() const {
  return impl_->calls.records();
}
std::vector<FaultRecord> Machine::fault_records() const {
  return impl_->traffic ? impl_->traffic->faults() : std::vector<FaultRecord>{};
}
std::uint64_t Machine::activities_started() const {
  return impl_->activities.started() + (impl_->flows ? impl_->flows->started() : 0);
}
std::vector<std::pair<std::string, std::string>> Machine::engine_configuration() const {
  return impl_->flows->configuration();
}
std::uint64_t Machine::solves() const {
  return impl_->activities.sharing().solves();
}
const DeviceSpec& Machine::device() const {
  return impl_->device;
}

std::vector<Machine::ResourceUse> Machine::resources() const {
  return impl_->resources->uses();
}

}  // namespace orrery
