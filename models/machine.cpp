#include "models/machine.hpp"

#include <algorithm>

#include "models/machine_impl.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

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

/// What memory takes longer to add than to store.
KernelCost with_updates(KernelCost cost, const Kernel& kernel, const DeviceSpec& device) {
  if (kernel.updates) {
    cost.memory_traffic += kernel.written.as_double() * (device.op_and_store.value_or(2) - 1) /
                           device.memory_efficiency_of(kernel.kind);
  }
  return cost;
}

}  // namespace

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
  const FlowChoice& choice = impl_->flow_choice;
  const bool is_native = choice.engine == FlowChoice().engine;
  if (!is_native && (impl_->resources->has_terms() || impl_->resources->watches_incast())) {
    throw UnmappableError(choice.engine +
                          " has nothing for what transports add to messages "
                          "(rendezvous, windows, message rates, incast)");
  }
  if (!is_native && (!graph.tracker_effects().empty() || impl_->communication_cores > 0 ||
                     impl_->device.memory_arbitration.kind != Arbitration::round_robin)) {
    throw UnmappableError(choice.engine +
                          " has nothing for trackers, memory arbitration and cores set apart");
  }
  if (!faults.empty() || impl_->fabric->adapts()) {
    ORRERY_CHECK(symmetry == nullptr, "ranks whose messages find different ways are folded");
    if (!is_native || choice.share_policy != SharePolicy::max_min) {
      throw UnmappableError(
          "messages that change their way (faults, adaptive routings) need engine "
          "\"native\" with share_policy \"max_min\"");
    }
    impl_->resources->let_ways_change();
    impl_->traffic.emplace(*impl_->engine, *impl_->fabric, impl_->activities, *impl_->resources,
                           faults);
  }
  impl_->resources->set_cores_apart(impl_->communication_cores);
  impl_->memory_traffic.emplace(graph);
  impl_->prepare_triggers();
  impl_->kernel_costs.clear();
  for (const Kernel& kernel : graph.kernels()) {
    const std::string refusal = impl_->cost->refusal(kernel, impl_->device);
    ORRERY_CHECK(refusal.empty(), "an unpriceable kernel reached the machine: " + refusal);
    impl_->kernel_costs.push_back(
        with_updates(impl_->cost->cost(kernel, impl_->device), kernel, impl_->device));
  }
}

void Machine::start_compute(InstanceId instance, const Op& op, Rank rank) {
  impl_->counters.kernels += impl_->resources->alike(rank);
  const std::uint32_t index = impl_->kernels.take({instance, op.kernel, rank, op.priority});
  if (impl_->tracker_effects.empty() || !impl_->is_held(index)) impl_->launch_kernel(index);
}

void Machine::Impl::launch_kernel(std::uint32_t index) {
  const RunningKernel& kernel = kernels[index];
  Duration launch = kernel_costs[kernel.kernel.index()].launch;
  if (jitter) {
    const double factor = std::max(0.0, jitter->launch(kernel.instance, kernel.rank));
    launch = duration_from_seconds(to_seconds(launch) * factor);
  }
  if (launch == Duration(0)) {
    start_kernel(index);
    return;
  }
  engine->schedule(engine->now() + launch, Phase::issue, *this,
                   token_of(Topic::kernel_launched, index));
}

void Machine::join_collective(InstanceId, const Op& op, std::span<const Rank> group, Rank member) {
  if (group.size() == 1 || !impl_->calls.has_library()) return;
  impl_->hold_cores(impl_->calls.call_for(*impl_->graph, op, group), member, 1);
}

void Machine::Impl::hold_cores(const CollectiveCalls::Call& call, Rank member, int sign) {
  if (call.terms && call.terms->cores > 0) resources->hold_cores(member, sign * call.terms->cores);
}

void Machine::start_collective(InstanceId instance, const Op& op, std::span<const Rank> group) {
  RunningCollective run;
  run.instance = instance;
  run.group = group;
  run.start = impl_->engine->now();
  run.like.priority = op.priority;
  run.like.course.mover = MachineResources::Mover::cores;
  std::uint64_t groups = impl_->resources->alike(group.front());
  Duration launch = group.size() > 1 ? Duration(0) : impl_->exchange_alone(op);
  if (group.size() > 1) {
    const CollectiveCalls::Call& call = impl_->calls.call_for(*impl_->graph, op, group);
    run.call = &call;
    if (call.terms) run.like.course.terms = &*call.terms;
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
  impl_->runs[index].like.message.run = index;
  impl_->engine->schedule(impl_->engine->now() + launch, Phase::issue, *impl_,
                          token_of(Topic::collective_begins, index));
}

/// An all-to-all of one rank copies the buffer, by the one channel that NCCL finds for it and
/// doubles (connect.cc, "Duplication"; recalled), each one core; free where the device does not say
/// what a core moves.
Duration Machine::Impl::exchange_alone(const Op& op) const {
  constexpr double kChannels = 2;
  if (op.collective != CollectiveKind::all_to_all || !device.collective_core_rate) {
    return Duration(0);
  }
  return device.collective_launch +
         duration_from_seconds(op.bytes.as_double() /
                               (kChannels * device.collective_core_rate->as_double()));
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
    case Topic::triggered: {
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
      LeavingMessage leaving = held[index];
      held.give_back(index);
      begin_message(leaving);
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
  const Kernel& of = graph->kernel(kernel.kernel);
  const auto alike = static_cast<double>(resources->alike(kernel.rank));
  memory_traffic->add(graph->op(kernel.instance.op), of.read.as_double() * alike,
                      of.written.as_double() * alike);
  const std::span<const Usage> used(load.usages, load.count);
  flows->kernel_begins(index, {kernel.rank, of.kind, used, load.terms});
  activities.start(Activity{work, used, load.terms}, *this, token_of(Topic::kernel_done, index));
}

void Machine::Impl::member_finished(std::uint32_t index, int member) {
  RunningCollective& run = runs[index];
  const InstanceId instance = run.instance;
  if (run.call != nullptr) {
    const int position = run.folded == nullptr ? member : run.folded->position(member);
    hold_cores(*run.call, run.group[static_cast<std::size_t>(position)], -1);
  }
  if (--run.members_left == 0) {
    if (run.group.size() > 1) {
      const std::uint64_t groups = run.folded == nullptr ? 1 : run.folded->groups();
      calls.count_run(run.call->record, engine->now() - run.start, groups);
    }
    memory_traffic->add(graph->op(instance.op), run.moved + run.added, run.moved);
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
