// What kernels take of a device, and what of it is set apart for messages.
#include <algorithm>
#include <map>

#include "models/core_queue.hpp"
#include "models/machine_resources.hpp"
#include "sim/base/errors.hpp"

namespace orrery {

/// Memory controller arbitration (T3, ASPLOS 2024, section 4.5), in terms of rates. Bandwidth is
/// shared as ever; and where requests wait in one queue, a kernel progresses only in the time that
/// messages leave it: while they keep the share u of memory busy, by 1 - stall * u, though
/// bandwidth is left over. That is round robin. Compute first has a queue for each: of a kernel's
/// requests so many go before one of a message, so that they hold it up as much less, and it weighs
/// as much more where bandwidth is short; and messages never take more of memory than the threshold
/// is of the queue. Leaves out: bursts, and that the threshold is chosen from the kernel's first
/// stage.
void MachineResources::arbitrate_memory() {
  const ArbitrationSpec& of = device_.memory_arbitration;
  if (of.kind == Arbitration::round_robin && of.stall == 0) return;
  const double share = of.kind == Arbitration::compute_first ? of.threshold : 1;
  std::map<std::size_t, DeviceResources> made;  // by memory: devices of a class have one
  for (DeviceResources& device : devices_) {
    if (!device.memory.valid()) continue;
    DeviceResources& first = made[device.memory.index()];
    if (!first.messages.valid()) {
      first.messages = activities_->add_resource(share * device.bandwidth);
      if (of.kind != Arbitration::none && of.stall > 0) first.queue = activities_->add_resource(1);
    }
    device.messages = first.messages;
    device.queue = first.queue;
  }
}

/// What a message takes there. True: of memory itself nothing more.
bool MachineResources::put_at_controller(const DeviceResources& device, double coefficient,
                                         double bytes) {
  const ArbitrationSpec& of = device_.memory_arbitration;
  put(device.messages, coefficient);
  if (device.queue.valid()) {
    const double before =
        of.kind == Arbitration::compute_first ? 1 / static_cast<double>(of.starvation) : 1;
    put(device.queue, of.stall * before * coefficient / device.bandwidth);
  }
  if (of.kind != Arbitration::none) return false;
  counted_.push_back({device.memory, coefficient * bytes});
  return true;
}

void MachineResources::arbitrate(const DeviceResources& on, double alone, Load& load) const {
  const ArbitrationSpec& of = device_.memory_arbitration;
  if (of.kind == Arbitration::compute_first) {
    load.terms.weight *= static_cast<double>(of.starvation);
  }
  if (on.queue.valid()) load.usages[load.count++] = {on.queue, alone};
}

MachineResources::Load MachineResources::load(Rank rank, const KernelCost& price,
                                              int priority) const {
  const DeviceResources& on = devices_[static_cast<std::size_t>(rank)];
  const bool free = price.math_seconds <= 0 && price.memory_traffic <= 0;
  // Shares are of equal units: a kernel counts as the bytes that its device could move in the time
  // that it takes alone. So kernels share math evenly, and memory byte for byte with messages.
  const double alone = std::max(price.math_seconds / on.speed, price.memory_traffic / on.bandwidth);
  Load load{.usages = {{on.math, price.math_seconds}, {on.memory, price.memory_traffic}},
            .work = free ? 0.0 : 1.0,
            .terms = {.weight = free ? 1 : 1 / (alone * on.bandwidth * device_.memory_efficiency),
                      .bound = free ? 1 : kUnbounded,
                      .priority = priority}};
  if (on.messages.valid() && !free) arbitrate(on, alone, load);
  return load;
}

/// A core that reads two buffers and stores their sum touches three bytes where a copy touches two,
/// and takes as much longer. Cores set apart have nothing else to do: what they wait for each other
/// at the link they are busy too.
void MachineResources::put_cores(const Course& course, double link) {
  if (course.mover != Mover::cores || core_seconds_ <= 0) return;
  double seconds = core_seconds_ * (reads_at_source(course.movement) + 1) / 2;
  if (cores_apart_ > 0 && link < kUnbounded) {
    const double rate = 1 / (seconds * static_cast<double>(device_.cores));  // of one core
    const double together = static_cast<double>(cores_apart_) * rate;
    seconds *= together / rate_over_link(cores_apart_, rate, link);
  }
  const DeviceResources& from = devices_[static_cast<std::size_t>(course.source)];
  put(from.cores.valid() ? from.cores : from.math,
      seconds * static_cast<double>(course.messages) / static_cast<double>(alike(course.source)));
}

void MachineResources::set_cores_apart(std::int64_t cores) {
  if (cores == 0) return;
  cores_apart_ = cores;
  ORRERY_CHECK(cores < device_.cores && core_seconds_ > 0, "cores set apart must be there");
  const double share = static_cast<double>(cores) / static_cast<double>(device_.cores);
  std::map<std::size_t, ResourceId> made;  // by math
  for (DeviceResources& device : devices_) {
    if (!device.math.valid()) continue;
    ResourceId& apart = made[device.math.index()];
    if (!apart.valid()) {
      apart = activities_->add_resource(share * device.speed);
      activities_->set_capacity(device.math, (1 - share) * device.speed);
    }
    device.cores = apart;
    device.speed *= 1 - share;
  }
}

void MachineResources::hold_cores(Rank rank, std::int64_t cores) {
  if (core_seconds_ > 0 || device_.cores <= 1) return;
  const DeviceResources& device = devices_[static_cast<std::size_t>(rank)];
  if (device.math.index() >= held_.size()) held_.resize(device.math.index() + 1);
  Held& held = held_[device.math.index()];
  const Time now = activities_->now();
  held.done = held.until(now);
  held.since = now;
  held.cores += cores;
  ORRERY_CHECK(held.cores >= 0, "more cores are given back than were held");
  const auto taken = static_cast<double>(std::min(held.cores, device_.cores - 1));
  held.taken = device.speed * taken / static_cast<double>(device_.cores);
  activities_->set_capacity(device.math, device.speed - held.taken);
}

}  // namespace orrery
