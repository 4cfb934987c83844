#include "models/collective/collective_calls.hpp"

#include <algorithm>
#include <set>

#include "sim/base/errors.hpp"

namespace orrery {

const CollectiveCalls::Call& CollectiveCalls::call_for(const Op& op, std::span<const Rank> group) {
  const Key key{op.collective, op.bytes.count(), group.size(), port_limit(group)};
  const auto known = calls_.find(key);
  if (known != calls_.end()) return known->second;
  const Registry<CollectiveFactory>::Entry& algorithm = algorithm_for(op.collective);
  CollectiveRecord record;
  record.kind = op.collective;
  record.size = op.bytes;
  record.members = static_cast<int>(group.size());
  record.algorithm = algorithm.name.substr(algorithm.name.find('/') + 1);
  record.port_limit = std::get<3>(key);
  records_.push_back(std::move(record));
  const CollectiveCall call{.kind = op.collective,
                            .members = static_cast<int>(group.size()),
                            .size = op.bytes,
                            .root = 0,
                            .chunk = choice_.chunk};
  return calls_.emplace(key, Call{algorithm.make(call), records_.size() - 1}).first->second;
}

void CollectiveCalls::count_run(std::size_t index, Duration took) {
  CollectiveRecord& record = records_[index];
  record.fastest = record.runs == 0 ? took : std::min(record.fastest, took);
  record.total += took;
  ++record.runs;
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

/// Of the first and the last member (one is the root of a broadcast, into which nothing goes) the
/// one that can take more: no bus bandwidth can exceed what the links into a member carry.
double CollectiveCalls::port_limit(std::span<const Rank> group) {
  const std::pair key(group.data(), group.size());
  const auto known = port_limits_.find(key);
  if (known != port_limits_.end()) return known->second;
  const double limit =
      std::max(bandwidth_into(group, group.front()), bandwidth_into(group, group.back()));
  port_limits_.emplace(key, limit);
  return limit;
}

double CollectiveCalls::bandwidth_into(std::span<const Rank> group, Rank member) {
  std::set<int> ports;
  for (const Rank from : group) {
    if (from != member) ports.insert(fabric_->route(from, member).links.back());
  }
  double bandwidth = 0;
  for (const int port : ports) {
    bandwidth += fabric_->links()[static_cast<std::size_t>(port)].raw_capacity;
  }
  return bandwidth;
}

}  // namespace orrery
