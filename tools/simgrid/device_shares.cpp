#include "tools/simgrid/device_shares.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/errors.hpp"

namespace orrery::simgrid_program {
namespace {

// Sums of shares may be off in the last bits, and SimGrid's shares by 1e-9.
constexpr double kRounding = 1e-8;

}  // namespace

DeviceShares::DeviceShares(Activities& activities, const MachineResources& resources, Usage usage)
    : activities_(&activities), resources_(&resources), usage_(std::move(usage)) {
  const Sharing& sharing = activities.sharing();
  for (std::size_t r = 0; r < sharing.resource_count() && !resources.is_link(ResourceId(r)); ++r) {
    meetings_.push_back(
        {.capacity = sharing.capacity(ResourceId(r)), .kernels = {}, .messages = {}});
  }
}

void DeviceShares::kernel_begins(std::uint32_t name, const KernelLoad& load) {
  ++kernels_running_;
  enter(kernels_, &Meeting::kernels, name,
        party("kernel " + std::string(load.kind) + " of rank " + std::to_string(load.rank),
              load.usages, load.terms));
}

void DeviceShares::message_begins(std::uint32_t name, const MessageFlow& flow) {
  enter(messages_, &Meeting::messages, name,
        party("the message from rank " + std::to_string(flow.source) + " to rank " +
                  std::to_string(flow.destination),
              flow.activity.usages, flow.activity.terms));
}

void DeviceShares::message_ends(std::uint32_t name) {
  leave(messages_, &Meeting::messages, name);
}

void DeviceShares::kernel_ends(std::uint32_t name) {
  --kernels_running_;
  leave(kernels_, &Meeting::kernels, name);
  for (const Part& part : kernels_[name].parts) {
    Meeting& meeting = meetings_[part.resource];
    if (!meeting.reduced || !meeting.kernels.empty()) continue;
    meeting.reduced = false;
    activities_->set_capacity(ResourceId(part.resource), meeting.capacity);
  }
}

DeviceShares::Party DeviceShares::party(std::string who, std::span<const orrery::Usage> usages,
                                        const ShareTerms& terms) {
  double rate = terms.bound;
  for (const orrery::Usage& usage : usages) {
    if (usage.coefficient <= 0) continue;
    const std::size_t r = usage.resource.index();
    const double capacity = r < meetings_.size() ? meetings_[r].capacity
                                                 : activities_->sharing().capacity(usage.resource);
    rate = std::min(rate, capacity / usage.coefficient);
  }
  Party made{
      .who = std::move(who), .reach = rate / terms.weight, .priority = terms.priority, .parts = {}};
  for (const orrery::Usage& usage : usages) {
    if (usage.coefficient <= 0 || usage.resource.index() >= meetings_.size()) continue;
    made.parts.push_back({.resource = usage.resource.index(),
                          .demand = usage.coefficient * terms.weight,
                          .most = usage.coefficient * rate});
  }
  return made;
}

void DeviceShares::enter(std::vector<Party>& parties, Names names, std::uint32_t name,
                         Party party) {
  for (const Part& part : party.parts) (meetings_[part.resource].*names).push_back(name);
  if (name >= parties.size()) parties.resize(name + std::size_t{1});
  parties[name] = std::move(party);
}

void DeviceShares::leave(const std::vector<Party>& parties, Names names, std::uint32_t name) {
  for (const Part& part : parties[name].parts) std::erase(meetings_[part.resource].*names, name);
}

void DeviceShares::settle() {
  for (std::size_t r = 0; r < meetings_.size(); ++r) {
    if (!meetings_[r].kernels.empty()) settle(r);
  }
}

void DeviceShares::settle(std::size_t resource) {
  Meeting& meeting = meetings_[resource];
  if (meeting.messages.empty() || is_slack(resource)) {
    if (meeting.reduced) activities_->set_capacity(ResourceId(resource), meeting.capacity);
    meeting.reduced = false;
    return;
  }
  const double left = meeting.capacity - usage_(resource);
  double demand = 0;
  for (const std::uint32_t name : meeting.kernels) demand += part(kernels_[name], resource).demand;
  const Party& kernel = kernels_[meeting.kernels.front()];
  for (const std::uint32_t name : meeting.messages) {
    const Party& message = messages_[name];
    const bool fair = left > 0 && left / demand >= message.reach * (1 - kRounding);
    if (fair && message.priority == kernel.priority) continue;
    throw UnmappableError(
        "simgrid cannot share " + resources_->uses()[resource].name + " between " + kernel.who +
        " and " + message.who +
        (fair ? ", which have different priorities" : ", which may be held back by it as well") +
        "; engine \"native\" can");
  }
  meeting.reduced = true;
  activities_->set_capacity(ResourceId(resource), left);
}

/// Whether it serves everybody at the greatest rate that each can reach, so that it constrains
/// nobody.
bool DeviceShares::is_slack(std::size_t resource) const {
  const Meeting& meeting = meetings_[resource];
  double most = 0;
  for (const std::uint32_t name : meeting.kernels) most += part(kernels_[name], resource).most;
  for (const std::uint32_t name : meeting.messages) most += part(messages_[name], resource).most;
  return most <= meeting.capacity;
}

const DeviceShares::Part& DeviceShares::part(const Party& party, std::size_t resource) const {
  const auto found = std::find_if(party.parts.begin(), party.parts.end(),
                                  [&](const Part& part) { return part.resource == resource; });
  ORRERY_CHECK(found != party.parts.end(), "a party where it takes nothing");
  return *found;
}

}  // namespace orrery::simgrid_program
