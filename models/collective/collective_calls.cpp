#include "models/collective/collective_calls.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "models/collective/collective_site.hpp"
#include "sim/base/errors.hpp"
#include "sim/base/unit_text.hpp"

namespace orrery {

const CollectiveCalls::Call& CollectiveCalls::call_for(const TaskGraph& graph, const Op& op,
                                                       std::span<const Rank> group) {
  const GroupFacts& facts = group_facts(group, op);
  const double limit = facts.port_limit;
  const Key key{key_of(op, group.size(), facts), limit};
  const auto known = calls_.find(key);
  if (known != calls_.end()) return known->second;
  const auto& [plan, program] = planned(graph, op, group, facts);
  CollectiveRecord record;
  record.kind = op.collective;
  record.size = op.bytes;
  record.members = static_cast<int>(group.size());
  record.algorithm = plan.algorithm;
  record.protocol = plan.protocol;
  record.channels = plan.channels;
  record.reason = plan.reason;
  record.port_limit = limit;
  record.in_network = program->in_network();
  records_.push_back(std::move(record));
  const Call call{.program = program,
                  .record = records_.size() - 1,
                  .launch = choice_.launch ? choice_.launch : plan.launch,
                  .terms = plan.terms};
  return calls_.emplace(key, call).first->second;
}

const CollectiveCalls::Planned& CollectiveCalls::planned(const TaskGraph& graph, const Op& op,
                                                         std::span<const Rank> group,
                                                         const GroupFacts& facts) {
  const std::size_t members = group.size();
  Planned& planned = planned_[key_of(op, members, facts)];
  if (planned.program == nullptr) {
    const std::shared_ptr<const SizeTable> sizes = graph.sizes_of(op);
    ORRERY_CHECK(op.root < members, "the root of a collective is none of its members");
    ORRERY_CHECK(!sizes || sizes->members() == static_cast<int>(members),
                 "a table of sizes is for another number of members");
    CollectiveCall call{.kind = op.collective,
                        .members = static_cast<int>(members),
                        .size = op.bytes,
                        .root = static_cast<int>(op.root),
                        .chunk = choice_.chunk,
                        .site = *facts.site,
                        .sizes = sizes};
    planned.plan = plan_for(call, group);
    if (call.chunk == Bytes(0)) call.chunk = planned.plan.chunk;
    call.site = over_adapters(std::move(call.site), planned.plan.adapters);
    planned.program = planned.plan.make(call);
  }
  return planned;
}

CollectivePlan CollectiveCalls::plan_for(const CollectiveCall& call,
                                         std::span<const Rank> group) const {
  const auto& entry = algorithm_for(call.kind);
  const std::string& wanted = choice_.algorithm[static_cast<std::size_t>(call.kind)];
  const bool chooses = wanted.empty() || wanted == "auto";
  CollectivePlan plan;
  if (choice_.library != nullptr) {
    if (chooses) plan = choice_.library->plan(call, nullptr);
    return plan.make != nullptr ? plan : choice_.library->plan(call, &entry);
  }
  if (chooses && prediction_ != nullptr) return predicted_plan(call, group);
  plan.algorithm = entry.name.substr(entry.name.find('/') + 1);
  plan.make = entry.make;
  plan.reason = chooses ? "the first of its kind, as there is no library" : "asked for";
  return plan;
}

/// The first of those with the least predicted time.
CollectivePlan CollectiveCalls::predicted_plan(const CollectiveCall& call,
                                               std::span<const Rank> group) const {
  const std::string prefix = std::string(to_string(call.kind)) + "/";
  constexpr double kNearly = 1 - 1e-6;  // sums in another order are no better
  constexpr double kLongest = 9e6;      // seconds that can be said
  CollectivePlan plan;
  double least = 0;
  std::string predicted;
  for (const auto& entry : registry_.entries()) {
    if (!entry.name.starts_with(prefix) || !collective_refusal(entry.name, call.site).empty()) {
      continue;
    }
    const std::unique_ptr<CollectiveProgram> program = entry.make(call);
    const double seconds = prediction_->seconds(*program, group);
    const std::string algorithm = entry.name.substr(prefix.size());
    predicted +=
        (predicted.empty() ? "" : ", ") + algorithm + " " +
        (std::isfinite(seconds) ? to_text(duration_from_seconds(std::min(seconds, kLongest)))
                                : "not, of too many messages");
    if (plan.make != nullptr && seconds >= least * kNearly) continue;
    least = seconds;
    plan.algorithm = algorithm;
    plan.make = entry.make;
  }
  plan.reason = "predicted: " + predicted;
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
    if (wanted.empty() || wanted == "auto" ? entry.name.starts_with(prefix)
                                           : entry.name == prefix + wanted) {
      return entry;
    }
  }
  internal_error(__FILE__, __LINE__, "no collective algorithm " + prefix + wanted);
}

const CollectiveCalls::GroupFacts& CollectiveCalls::group_facts(std::span<const Rank> group,
                                                                const Op& op) {
  const std::int64_t root = has_root(op.collective) ? std::int64_t{op.root} : -1;
  const auto [known, is_new] = groups_.try_emplace({group.data(), group.size(), root});
  if (is_new) {
    double& limit = known->second.port_limit;
    limit = port_limit(group);
    if (root >= 0) {  // a scatter comes out of it, a gather goes into it
      const Rank rank = group[static_cast<std::size_t>(root)];
      limit = std::max({limit, bandwidth_of(group, rank, Direction::in),
                        bandwidth_of(group, rank, Direction::out)});
    }
    const RingInOrder in_order =
        choice_.library != nullptr ? RingInOrder::both_ways : RingInOrder::one_way;
    known->second.site = &*sites_.insert(site_of(*fabric_, group, in_order)).first;
    if (prediction_ != nullptr) known->second.reach = prediction_->reach(group);
  }
  return known->second;
}

/// Of the first and the last member (one is the root of a broadcast, into which nothing goes) the
/// one that can take more: no bus bandwidth can exceed what the links into a member carry.
double CollectiveCalls::port_limit(std::span<const Rank> group) {
  return std::max(bandwidth_of(group, group.front(), Direction::in),
                  bandwidth_of(group, group.back(), Direction::in));
}

double CollectiveCalls::bandwidth_of(std::span<const Rank> group, Rank member,
                                     Direction direction) {
  const bool in = direction == Direction::in;
  // Routes that change may come in anywhere.
  if (fabric_->is_live()) return in ? fabric_->port(member).in : fabric_->port(member).out;
  std::set<int> ports;
  for (const Rank other : group) {
    if (other == member) continue;
    const Fabric::Route route = in ? fabric_->route(other, member) : fabric_->route(member, other);
    // Of several ways the last links are those that together bring all of it, or the first.
    double brought = 0;
    const std::size_t links = route.links.size();
    for (std::size_t i = 0; i < links && brought < 1 - 1e-9; ++i) {
      const std::size_t link = in ? links - 1 - i : i;
      ports.insert(route.links[link]);
      brought += route.shares.empty() ? 1 : route.shares[link];
    }
  }
  double bandwidth = 0;
  for (const int port : ports) {
    bandwidth += fabric_->links()[static_cast<std::size_t>(port)].raw_capacity;
  }
  return bandwidth;
}

}  // namespace orrery
