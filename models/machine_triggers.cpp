// What a machine does with ops that a tracker follows.
#include "models/machine_impl.hpp"

namespace orrery {

void Machine::Impl::prepare_triggers() {
  tracker_effects.clear();
  triggers.reset();
  if (graph->tracker_effects().empty()) return;
  ORRERY_CHECK(device.trigger.has_value(), "ops are tracked on a device without a trigger unit");
  tracker_effects.resize(graph->ops().size());
  for (const TrackerEffect& effect : graph->tracker_effects()) {
    TrackerEffect& of = tracker_effects[effect.op.index()];
    ORRERY_CHECK(of.tracked + of.triggered == Bytes(0), "an op has two things for its tracker");
    of = effect;
  }
  triggers.emplace(*engine, *device.trigger, *this, fabric->devices());
}

bool Machine::Impl::is_held(std::uint32_t kernel) {
  const RunningKernel& of = kernels[kernel];
  const TrackerEffect& effect = tracker_effects[of.instance.op.index()];
  const std::uint64_t alike = resources->alike(of.rank);
  if (effect.tracked > Bytes(0)) {
    if (triggers->track(of.rank, effect.tracked, kernel, alike)) return false;
    stall_of(kernel) = Duration(0) - engine->now().since_start();
    return true;
  }
  if (effect.triggered == Bytes(0)) return false;
  engine->schedule(engine->now() + triggers->latency(), Phase::complete, *this,
                   token_of(Topic::triggered, kernel));
  triggers->trigger(of.rank, effect.triggered, alike);
  return true;
}

Duration& Machine::Impl::stall_of(std::uint32_t kernel) {
  const InstanceId instance = kernels[kernel].instance;
  return tracker_stalls[{instance.op.index(), instance.instance}];
}

void Machine::Impl::producer_goes_on(std::uint32_t waiter) {
  stall_of(waiter) += engine->now().since_start();
  launch_kernel(waiter);
}

void Machine::Impl::dma_goes_on(std::uint32_t waiter) {
  LeavingMessage leaving = held[waiter];
  held.give_back(waiter);
  start_message(leaving);
}

std::vector<MemoryTraffic::Part> Machine::memory_traffic() const {
  return impl_->memory_traffic->parts();
}

Duration Machine::tracker_stall(InstanceId instance) const {
  const auto found = impl_->tracker_stalls.find({instance.op.index(), instance.instance});
  return found == impl_->tracker_stalls.end() ? Duration(0) : found->second;
}

const TriggerUnits* Machine::triggers() const {
  return impl_->triggers ? &*impl_->triggers : nullptr;
}

}  // namespace orrery
