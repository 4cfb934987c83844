#include "tools/simgrid/device_watch.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/unit_text.hpp"

namespace orrery::simgrid_program {
namespace {

// Sums of shares of a capacity may be off in the last bits.
constexpr double kRounding = 1e-9;

}  // namespace

void DeviceWatch::kernel_begins(std::uint32_t name, const KernelLoad& load, Time now) {
  begin(kernels_, name,
        {"kernel " + std::string(load.kind) + " of rank " + std::to_string(load.rank),
         parts_of(load.usages, kUnbounded)},
        now);
}

void DeviceWatch::message_begins(std::uint32_t name, const MessageFlow& flow, Time now) {
  begin(messages_, name,
        {"the message from rank " + std::to_string(flow.source) + " to rank " +
             std::to_string(flow.destination),
         parts_of(flow.usages, flow.terms.bound)},
        now);
}

/// At the greatest rate that all of its resources allow.
std::vector<DeviceWatch::Part> DeviceWatch::parts_of(std::span<const Usage> usages,
                                                     double bound) const {
  double reach = bound;
  for (const Usage& usage : usages) {
    if (usage.coefficient <= 0) continue;
    const double capacity = activities_->sharing().capacity(usage.resource);
    reach = std::min(reach, capacity / usage.coefficient);
  }
  std::vector<Part> parts;
  for (const Usage& usage : usages) {
    if (usage.coefficient <= 0 || resources_->is_link(usage.resource)) continue;
    parts.push_back({usage.resource.index(), usage.coefficient * reach});
  }
  return parts;
}

void DeviceWatch::begin(Side& side, std::uint32_t name, User user, Time now) {
  Side& others = &side == &kernels_ ? messages_ : kernels_;
  for (const Part& part : user.parts) {
    side.load(part.resource);
    Load& own = side.loads[part.resource];
    ++own.users;
    own.rate += part.rate;
    const Load& other = others.load(part.resource);
    const double capacity = activities_->sharing().capacity(ResourceId(part.resource));
    if (other.users > 0 && own.rate + other.rate > capacity * (1 + kRounding)) {
      refuse(user, others, part.resource, now);
    }
  }
  if (name >= side.users.size()) side.users.resize(name + std::size_t{1});
  side.users[name] = std::move(user);
}

void DeviceWatch::end(Side& side, std::uint32_t name) {
  for (const Part& part : side.users[name].parts) {
    Load& load = side.loads[part.resource];
    load.rate = --load.users == 0 ? 0 : load.rate - part.rate;
  }
  side.users[name].parts.clear();
}

void DeviceWatch::refuse(const User& newcomer, const Side& others, std::size_t resource,
                         Time now) const {
  const auto is_there = [&](const User& user) {
    return std::any_of(user.parts.begin(), user.parts.end(),
                       [&](const Part& part) { return part.resource == resource; });
  };
  const auto other = std::find_if(others.users.begin(), others.users.end(), is_there);
  throw UnmappableError(
      "simgrid shares links among messages, and nothing between a kernel and a message: at " +
      to_text(now.since_start()) + " " + newcomer.who + " and " + other->who + " meet at " +
      resources_->uses()[resource].name +
      ", which is too little for what both can take; engine \"native\" shares it");
}

}  // namespace orrery::simgrid_program
