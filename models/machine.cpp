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
  collective_begins,
  message_begins
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
  Rank source = 0;
  Rank destination = 0;
  double bound = kUnbounded;  // bytes/s
};

/// A message that its transport holds back before the first byte.
struct HeldMessage {
  Message message;
  bool reduces = false;
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
  const FoldedProgram* folded = nullptr;  // the program, when it is folded
  std::size_t record = 0;
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
        collective_launch(ch.launch.value_or(c.node.device.collective_launch)),
        calls(r, ch, f),
        activities(e),
        collectives(*this) {}

  void handle_event(std::uint64_t token) override;
  void carry(std::uint32_t run, int from, int step, const Send& send) override;
  void member_finished(std::uint32_t run, int member) override;

  double jittered(const RunningKernel& kernel, double work);
  void start_kernel(std::uint32_t index);
  void send(Message message, const MachineResources::Way& way, int priority);
  void start_message(Message message, Rank source, Rank destination, bool reduces, int priority);
  void begin_message(const Message& message, bool reduces, int priority);
  const std::shared_ptr<const FoldedProgram>& folded_program(
      const std::shared_ptr<const CollectiveProgram>& program, std::span<const Rank> group);
  void message_left(std::uint32_t index);
  void message_arrived(std::uint32_t index);

  Engine* engine;
  DeviceSpec device;
  Fabric* fabric;
  const CostModel* cost;
  Duration collective_launch;
  CollectiveCalls calls;
  Activities activities;
  CollectiveRunner collectives;
  RunListener* listener = nullptr;
  const Symmetry* symmetry = nullptr;
  std::optional<MachineResources> resources;  // made by prepare
  // By program and first rank of the group, of which it holds a part: only looked up.
  std::map<std::pair<const CollectiveProgram*, const Rank*>, std::shared_ptr<const FoldedProgram>>
      folded_programs;
  std::vector<KernelCost> kernel_costs;
  std::optional<Jitter> jitter;
  Pool<RunningKernel> kernels;
  Pool<Message> messages;
  Pool<HeldMessage> held;
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

void Machine::prepare(const TaskGraph& graph, RunListener& listener, const Symmetry* symmetry,
                      const Variability& variability) {
  ORRERY_CHECK(graph.world_size() <= impl_->fabric->devices(), "more ranks than devices");
  ORRERY_CHECK(!impl_->resources, "a machine runs once");
  ORRERY_CHECK(symmetry == nullptr || variability.uniform(), "ranks that differ are folded");
  impl_->listener = &listener;
  if (variability.jitters()) impl_->jitter.emplace(graph, variability);
  impl_->symmetry = symmetry;
  impl_->resources.emplace(impl_->activities, impl_->device, *impl_->fabric, symmetry,
                           memory_use(graph), host_use(graph), variability);
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
    message.source = message.destination = source;
    impl_->send(message, impl_->resources->host_way(source, op.copy, message.alike), op.priority);
    return;
  }
  impl_->start_message(message, source, destination, false, op.priority);
}

void Machine::start_collective(InstanceId instance, const Op& op, std::span<const Rank> group) {
  RunningCollective run;
  run.instance = instance;
  run.group = group;
  run.start = impl_->engine->now();
  run.priority = op.priority;
  std::uint64_t groups = impl_->resources->alike(group.front());
  if (group.size() > 1) {
    const CollectiveCalls::Call& call = impl_->calls.call_for(op, group);
    run.record = call.record;
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
  const Duration launch = group.size() > 1 ? impl_->collective_launch : Duration(0);
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
    case Topic::message_begins: {
      const HeldMessage message = held[index];
      held.give_back(index);
      begin_message(message.message, message.reduces, message.priority);
      break;
    }
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
  activities.start(Activity{work, load.usages, load.terms}, *this,
                   token_of(Topic::kernel_done, index));
}

void Machine::Impl::start_message(Message message, Rank source, Rank destination, bool reduces,
                                  int priority) {
  message.source = source;
  message.destination = destination;
  if (resources->has_terms()) {
    const MessageTerms terms = resources->terms(source, destination, message.bytes);
    message.bound = terms.bound;
    if (terms.head > Duration(0)) {
      const std::uint32_t index = held.take({message, reduces, priority});
      engine->schedule(engine->now() + terms.head, Phase::issue, *this,
                       token_of(Topic::message_begins, index));
      return;
    }
  }
  begin_message(message, reduces, priority);
}

void Machine::Impl::begin_message(const Message& message, bool reduces, int priority) {
  using Mover = MachineResources::Mover;
  const Mover mover = message.run == kNoRun ? Mover::engine : Mover::cores;
  if (resources->watches_incast()) resources->message_begins(message.source, message.destination);
  send(message,
       resources->way(message.source, message.destination, reduces, mover, message.alike,
                      message.bytes.as_double()),
       priority);
}

void Machine::Impl::send(Message message, const MachineResources::Way& way, int priority) {
  const double bytes = message.bytes.as_double();
  counters.messages += message.alike;
  counters.bytes_sent += bytes * static_cast<double>(message.alike);
  message.latency = way.latency;
  const std::uint32_t index = messages.take(message);
  activities.start(
      Activity{bytes, way.usages, ShareTerms{.bound = message.bound, .priority = priority}}, *this,
      token_of(Topic::message_left, index));
}

void Machine::Impl::message_left(std::uint32_t index) {
  const Message message = messages[index];
  if (resources->watches_incast()) resources->message_ends(message.source, message.destination);
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
                of.group[static_cast<std::size_t>(destination)], send.reduces, of.priority);
}

void Machine::Impl::member_finished(std::uint32_t index, int member) {
  RunningCollective& run = runs[index];
  const InstanceId instance = run.instance;
  if (--run.members_left == 0) {
    if (run.group.size() > 1) {
      const std::uint64_t groups = run.folded == nullptr ? 1 : run.folded->groups();
      calls.count_run(run.record, engine->now() - run.start, groups);
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
std::uint64_t Machine::activities_started() const {
  return impl_->activities.started();
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
