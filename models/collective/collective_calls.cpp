#include "models/collective/collective_calls.hpp"

#include <algorithm>
#include <set>

#include "models/collective/collective_site.hpp"
#include "sim/base/errors.hpp"

namespace orrery {

const CollectiveCalls::Call& CollectiveCalls::call_for(const Op& op, std::span<const Rank> group) {
  const auto [limit, site] = group_facts(group);
  const Key key{ProgramKey{op.collective, op.bytes.count(), group.size(), site}, limit};
  const auto known = calls_.find(key);
  if (known != calls_.end()) return known->second;
  const auto& [plan, program] = planned(op, group.size(), site);
  CollectiveRecord record;
  record.kind = op.collective;
  record.size = op.bytes;
  record.members = static_cast<int>(group.size());
  record.algorithm = plan.algorithm;
  record.protocol = plan.protocol;
  record.channels = plan.channels;
  record.reason = plan.reason;
  record.port_limit = limit;
  records_.push_back(std::move(record));
  const Call call{.program = program,
                  .record = records_.size() - 1,
                  .launch = choice_.launch ? choice_.launch : plan.launch,
                  .terms = plan.terms};
  return calls_.emplace(key, call).first->second;
}

const CollectiveCalls::Planned& CollectiveCalls::planned(const Op& op, std::size_t members,
                                                         const CollectiveSite* site) {
  Planned& planned = planned_[ProgramKey{op.collective, op.bytes.count(), members, site}];
  if (planned.program == nullptr) {
    const CollectiveCall call{.kind = op.collective,
                              .members = static_cast<int>(members),
                              .size = op.bytes,
                              .root = 0,
                              .chunk = choice_.chunk,
                              .site = *site};
    planned.plan = plan_for(call);
    planned.program = planned.plan.make(call);
  }
  return planned;
}

CollectivePlan CollectiveCalls::plan_for(const CollectiveCall& call) const {
  const auto& entry = algorithm_for(call.kind);
  const bool chooses = choice_.algorithm[static_cast<std::size_t>(call.kind)] == "auto";
  CollectivePlan plan;
  if (choice_.library != nullptr) {
    if (chooses) plan = choice_.library->plan(call, nullptr);
    return plan.make != nullptr ? plan : choice_.library->plan(call, &entry);
  }
  plan.algorithm = entry.name.substr(entry.name.find('/') + 1);
  plan.make = entry.make;
  plan.reason = chooses ? "the first of its kind, as there is no library" : "asked for";
  return plan;
}

void CollectiveCalls::count_run(std::size_t index, Duration took, std::uint64_t groups) {
  CollectiveRecord& record = records_[index];
  record.fastest = record.runs == 0 ? took : std::min(record.fastest, took);
  record.total += static_cast<std::int64_t>(groups) * took;
  record.runs += groups;
}

const Registry<CollectiveFactory>::Entry& CollectiveCalls::algorithm_for(
    CollectiveKind kind) const {
  const std::string prefix = std::string(to_string(kind)) + "/";
  const std::string& wanted = choice_.algorithm[static_cast<std::size_t>(kind)];
  for (const auto& entry : registry_.entries()) {
    if (wanted == "auto" ? entry.name.starts_with(prefix) : entry.name == prefix + wanted) {
      return entry;
    }
  }
  internal_error(__FILE__, __LINE__, "no collective algorithm " + prefix + wanted);
}

const CollectiveCalls::GroupFacts& CollectiveCalls::group_facts(std::span<const Rank> group) {
  const auto [known, is_new] = groups_.try_emplace({group.data(), group.size()});
  if (is_new) {
    known->second.port_limit = port_limit(group);
    known->second.site = &*sites_.insert(site_of(*fabric_, group)).first;
  }
  return known->second;
}

/// Of the first and the last member (one is the root of a broadcast, into which nothing goes) the
/// one that can take more: no bus bandwidth can exceed what the links into a member carry.
double CollectiveCalls::port_limit(std::span<const Rank> group) {
  return std::max(bandwidth_into(group, group.front()), bandwidth_into(group, group.back()));
}

double CollectiveCalls::bandwidth_into(std::span<const Rank> group, Rank member) {
  // Routes that change may come in anywhere.
  if (fabric_->is_live()) return fabric_->port(member).in;
  std::set<int> ports;
  for (const Rank from : group) {
    if (from == member) continue;
    const Fabric::Route route = fabric_->route(from, member);
    // Of several ways the last links are those that together bring all of it.
    double brought = 0;
    for (std::size_t i = route.links.size(); i-- > 0 && brought < 1 - 1e-9;) {
      ports.insert(route.links[i]);
      brought += route.shares.empty() ? 1 : route.shares[i];
    }
  }
  double bandwidth = 0;
  for (const int port : ports) {
    bandwidth += fabric_->links()[static_cast<std::size_t>(port)].raw_capacity;
  }
  return bandwidth;
}

}  // namespace orrery
