#include "models/machine.hpp"

#include <algorithm>
#include <array>

#include "models/collective/collective_runner.hpp"
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

/// Slots that are handed out and taken back; what is in use keeps its index.
template <class Item>
class Pool {
 public:
  std::uint32_t take(Item item) {
    if (free_.empty()) {
      items_.push_back(std::move(item));
      return static_cast<std::uint32_t>(items_.size() - 1);
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    items_[index] = std::move(item);
    return index;
  }
  void give_back(std::uint32_t index) { free_.push_back(index); }
  Item& operator[](std::size_t index) { return items_[index]; }

 private:
  std::vector<Item> items_;
  std::vector<std::uint32_t> free_;
};

constexpr std::uint32_t kNoRun = UINT32_MAX;

struct Message {
  InstanceId instance;         // of a transfer
  std::uint32_t run = kNoRun;  // of a collective, else none
  int from = 0;                // positions in the group
  int to = 0;
  int step = 0;
  Bytes bytes;
  Duration latency;
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
  std::size_t record = 0;
  Time start;
  std::size_t members_left = 0;
  int priority = 0;
};

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

  struct DeviceResources {
    ResourceId math;    // capacity 1: device-seconds per second
    ResourceId memory;  // capacity: bytes per second
  };

  void handle_event(std::uint64_t token) override;
  void carry(std::uint32_t run, int from, int step, const Send& send) override;
  void member_finished(std::uint32_t run, int member) override;

  void start_kernel(std::uint32_t index);
  void start_message(Message message, Rank source, Rank destination, bool reduces, int priority);
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
  std::vector<DeviceResources> devices;
  std::vector<ResourceId> links;
  std::vector<KernelCost> kernel_costs;
  Pool<RunningKernel> kernels;
  Pool<Message> messages;
  Pool<RunningCollective> runs;
  MachineCounters counters;
  std::vector<Usage> usages;
};

Machine::Machine(Engine& engine, const ClusterSpec& cluster, Fabric& fabric, const CostModel& cost,
                 const Registry<CollectiveFactory>& collectives, const CollectiveChoice& choice)
    : impl_(std::make_unique<Impl>(engine, cluster, fabric, cost, collectives, choice)) {
  impl_->devices.reserve(static_cast<std::size_t>(fabric.devices()));
  for (int d = 0; d < fabric.devices(); ++d) {
    const ResourceId math = impl_->activities.add_resource(1);
    const ResourceId memory =
        impl_->activities.add_resource(impl_->device.memory_bandwidth.as_double());
    impl_->devices.push_back({math, memory});
  }
  impl_->links.reserve(fabric.links().size());
  for (const Fabric::Link& link : fabric.links()) {
    impl_->links.push_back(impl_->activities.add_resource(link.capacity));
  }
}

Machine::~Machine() = default;

void Machine::prepare(const TaskGraph& graph, RunListener& listener) {
  ORRERY_CHECK(graph.world_size() <= impl_->fabric->devices(), "more ranks than devices");
  impl_->listener = &listener;
  impl_->kernel_costs.clear();
  for (const Kernel& kernel : graph.kernels()) {
    const std::string refusal = impl_->cost->refusal(kernel, impl_->device);
    ORRERY_CHECK(refusal.empty(), "an unpriceable kernel reached the machine: " + refusal);
    impl_->kernel_costs.push_back(impl_->cost->cost(kernel, impl_->device));
  }
}

void Machine::start_compute(InstanceId instance, const Op& op, Rank rank) {
  ++impl_->counters.kernels;
  const std::uint32_t index = impl_->kernels.take({instance, op.kernel, rank, op.priority});
  const Duration launch = impl_->kernel_costs[op.kernel.index()].launch;
  impl_->engine->schedule(impl_->engine->now() + launch, Phase::issue, *impl_,
                          token_of(Topic::kernel_launched, index));
}

void Machine::start_transfer(InstanceId instance, const Op& op, Rank source, Rank destination) {
  Message message;
  message.instance = instance;
  message.bytes = op.bytes;
  impl_->start_message(message, source, destination, false, op.priority);
}

void Machine::start_collective(InstanceId instance, const Op& op, std::span<const Rank> group) {
  ++impl_->counters.collectives;
  RunningCollective run;
  run.instance = instance;
  run.group = group;
  run.start = impl_->engine->now();
  run.members_left = group.size();
  run.priority = op.priority;
  if (group.size() > 1) {
    const CollectiveCalls::Call& call = impl_->calls.call_for(op, group);
    run.program = call.program;
    run.record = call.record;
  }
  const std::uint32_t index = impl_->runs.take(std::move(run));
  const Duration launch = group.size() > 1 ? impl_->collective_launch : Duration(0);
  impl_->engine->schedule(impl_->engine->now() + launch, Phase::issue, *impl_,
                          token_of(Topic::collective_begins, index));
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
    case Topic::collective_begins: {
      const RunningCollective& run = runs[index];
      if (run.group.size() == 1) {
        member_finished(index, 0);
      } else {
        collectives.begin(index, run.program, static_cast<int>(run.group.size()));
      }
      break;
    }
  }
}

void Machine::Impl::start_kernel(std::uint32_t index) {
  const RunningKernel& kernel = kernels[index];
  const KernelCost& price = kernel_costs[kernel.kernel.index()];
  const DeviceResources& on = devices[static_cast<std::size_t>(kernel.rank)];
  // Work 1 is the whole kernel; the coefficients say what all of it takes.
  const std::array<Usage, 2> takes = {Usage{on.math, price.math_seconds},
                                      Usage{on.memory, price.memory_traffic}};
  const bool free = price.math_seconds <= 0 && price.memory_traffic <= 0;
  // Shares are of equal units: a kernel counts as the bytes that its device could move in the time
  // that it takes alone. So kernels share math evenly, and memory byte for byte with messages.
  const double bandwidth = device.memory_bandwidth.as_double();
  const double alone = std::max(price.math_seconds, price.memory_traffic / bandwidth);
  const ShareTerms terms{.weight = free ? 1 : 1 / (alone * bandwidth * device.memory_efficiency),
                         .bound = free ? 1 : kUnbounded,
                         .priority = kernel.priority};
  activities.start(Activity{free ? 0.0 : 1.0, takes, terms}, *this,
                   token_of(Topic::kernel_done, index));
}

void Machine::Impl::start_message(Message message, Rank source, Rank destination, bool reduces,
                                  int priority) {
  ++counters.messages;
  counters.bytes_sent += message.bytes.as_double();
  // Memory is read at the source and written at the destination; a reducing message is read again
  // there, to be added. Achievable memory bandwidth is the same share of peak as for kernels.
  const double touch = 1 / device.memory_efficiency;
  usages.clear();
  usages.push_back({devices[static_cast<std::size_t>(source)].memory, touch});
  if (source != destination) {
    const Fabric::Route& route = fabric->route(source, destination);
    for (const int link : route.links) usages.push_back({links[static_cast<std::size_t>(link)], 1});
    usages.push_back(
        {devices[static_cast<std::size_t>(destination)].memory, reduces ? 2 * touch : touch});
    message.latency = route.latency;
  } else {
    usages.front().coefficient = 2 * touch;
  }
  const double bytes = message.bytes.as_double();
  const std::uint32_t index = messages.take(message);
  activities.start(Activity{bytes, usages, ShareTerms{.priority = priority}}, *this,
                   token_of(Topic::message_left, index));
}

void Machine::Impl::message_left(std::uint32_t index) {
  const Message message = messages[index];
  const Time arrival = engine->now() + message.latency;
  engine->schedule(arrival, Phase::complete, *this, token_of(Topic::message_arrived, index));
  if (message.run == kNoRun) {
    listener->sent(message.instance);
  } else {
    collectives.message_sent(message.run, message.from);
  }
}

void Machine::Impl::message_arrived(std::uint32_t index) {
  const Message message = messages[index];
  messages.give_back(index);
  counters.bytes_received += message.bytes.as_double();
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
  const std::span<const Rank> group = runs[run].group;
  start_message(message, group[static_cast<std::size_t>(from)],
                group[static_cast<std::size_t>(send.to)], send.reduces, runs[run].priority);
}

void Machine::Impl::member_finished(std::uint32_t index, int member) {
  RunningCollective& run = runs[index];
  const InstanceId instance = run.instance;
  if (--run.members_left == 0) {
    if (run.group.size() > 1) calls.count_run(run.record, engine->now() - run.start);
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
  std::vector<ResourceUse> result;
  const auto add = [&](std::string name, std::string kind, ResourceId id) {
    result.push_back({std::move(name), std::move(kind), impl_->activities.sharing().capacity(id),
                      impl_->activities.carried(id)});
  };
  for (std::size_t d = 0; d < impl_->devices.size(); ++d) {
    add("device " + std::to_string(d) + " math", "math", impl_->devices[d].math);
    add("device " + std::to_string(d) + " memory", "memory", impl_->devices[d].memory);
  }
  for (std::size_t l = 0; l < impl_->links.size(); ++l) {
    const Fabric::Link& link = impl_->fabric->links()[l];
    add(link.name, link.kind, impl_->links[l]);
  }
  return result;
}

}  // namespace orrery
