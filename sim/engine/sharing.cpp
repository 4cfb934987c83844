#include "sim/engine/sharing.hpp"

#include <algorithm>
#include <cmath>

#include "sim/base/errors.hpp"

// Who shares what: shares and resources come, go and change. What they get: sharing_fill.cpp.
namespace orrery {
namespace {

// A resource counts as slack when the summed reach of its members exceeds its capacity by no more
// than the rounding that such a sum can carry; the allocation is then off by at most this fraction.
constexpr double kSlackTolerance = 1e-11;

}  // namespace

ResourceId Sharing::add_resource(double capacity) {
  ORRERY_CHECK(capacity > 0 && std::isfinite(capacity), "a resource needs a finite capacity > 0");
  resources_.emplace_back();
  resources_.back().capacity = capacity;
  filling_.emplace_back();
  return ResourceId(resources_.size() - 1);
}

void Sharing::set_capacity(ResourceId id, double capacity) {
  ORRERY_CHECK(capacity > 0 && std::isfinite(capacity), "a resource needs a finite capacity > 0");
  detach_removed();
  Resource& resource = resources_[id.index()];
  // Marked before and after: it may have been tight, or become so.
  mark_if_tight(static_cast<std::uint32_t>(id.index()));
  resource.capacity = capacity;
  for (const Member& member : resource.members) {
    Share& share = shares_[member.share];
    const double reach = reach_of(share);
    const double difference = reach - share.reach;
    if (difference == 0) continue;
    share.reach = reach;
    if (!share.fresh) {
      share.fresh = true;  // its rate follows its reach also where nothing is tight
      fresh_.push_back(member.share);
    }
    for (std::uint32_t u = share.first_use; u < share.first_use + share.use_count; ++u) {
      resources_[uses_[u].resource].potential.add(uses_[u].coefficient * difference);
      mark_if_tight(uses_[u].resource);
    }
  }
  mark_if_tight(static_cast<std::uint32_t>(id.index()));
}

ShareId Sharing::add(std::span<const Usage> usages, const ShareTerms& terms) {
  ORRERY_CHECK(terms.weight > 0 && std::isfinite(terms.weight), "a share needs a weight > 0");
  ORRERY_CHECK(terms.bound > 0, "a share needs a bound > 0");
  detach_removed();
  std::uint32_t id = 0;
  if (free_shares_.empty()) {
    id = static_cast<std::uint32_t>(shares_.size());
    shares_.emplace_back();
    fixed_.push_back(0);
  } else {
    id = free_shares_.back();
    free_shares_.pop_back();
  }
  const std::uint32_t first_use = allocate_uses(usages.size());
  Share& share = shares_[id];
  share = Share{.first_use = first_use,
                .room = static_cast<std::uint16_t>(usages.size()),
                .live = true,
                .fresh = true,
                .priority = terms.priority,
                .weight = terms.weight,
                .bound = terms.bound};
  Use* const first = uses_.data() + first_use;
  Use* next = first;
  double reach = terms.bound;
  for (const Usage& usage : usages) {
    ORRERY_CHECK(usage.coefficient >= 0 && usage.resource.index() < resources_.size(),
                 "a usage needs a known resource and a coefficient >= 0");
    if (usage.coefficient == 0) continue;
    const Resource& resource = resources_[usage.resource.index()];
    *next = Use{static_cast<std::uint32_t>(usage.resource.index()), 0, usage.coefficient};
    if (resource.tight) std::swap(*next, first[share.tight_count++]);
    ++next;
    if (resource.capacity < reach * usage.coefficient) {
      reach = resource.capacity / usage.coefficient;
    }
  }
  ORRERY_CHECK(std::isfinite(reach), "a share needs a usage or a finite bound");
  share.reach = reach;
  share.use_count = static_cast<std::uint16_t>(next - first);
  attach(id);
  fresh_.push_back(id);
  count_priority(terms.priority, 1);
  ++active_;
  return ShareId(id);
}

void Sharing::remove(ShareId id) {
  const auto index = static_cast<std::uint32_t>(id.index());
  ORRERY_CHECK(index < shares_.size() && shares_[index].live, "a share was removed twice");
  shares_[index].live = false;
  removed_.push_back(index);
  count_priority(shares_[index].priority, -1);
  --active_;
}

/// In reverse: of shares that came together and leave together, the last of each resource's members
/// is the next to go, and nothing has to be moved into a gap.
void Sharing::detach_removed() {
  while (!removed_.empty()) {
    const std::uint32_t id = removed_.back();
    removed_.pop_back();
    detach(id);
    release_uses(shares_[id].first_use, shares_[id].room);
    free_shares_.push_back(id);
  }
}

std::uint32_t Sharing::allocate_uses(std::size_t count) {
  if (count >= free_uses_.size()) free_uses_.resize(count + 1);
  if (!free_uses_[count].empty()) {
    const std::uint32_t first = free_uses_[count].back();
    free_uses_[count].pop_back();
    return first;
  }
  const auto first = static_cast<std::uint32_t>(uses_.size());
  uses_.resize(uses_.size() + count);
  return first;
}

void Sharing::release_uses(std::uint32_t first, std::size_t count) {
  free_uses_[count].push_back(first);
}

void Sharing::attach(std::uint32_t id) {
  const Share& share = shares_[id];
  for (std::uint32_t u = share.first_use; u < share.first_use + share.use_count; ++u) {
    Use& use = uses_[u];
    Resource& resource = resources_[use.resource];
    use.position = static_cast<std::uint32_t>(resource.members.size());
    resource.members.push_back(Member{id, u});
    resource.potential.add(use.coefficient * share.reach);
    resource.demand.add(use.coefficient * share.weight);
    // Alone on it: it was empty, and if it was tight before that, it has been marked since.
    if (use.position != 0) mark_if_tight(use.resource);
  }
}

void Sharing::detach(std::uint32_t id) {
  const Share& share = shares_[id];
  for (std::uint32_t u = share.first_use; u < share.first_use + share.use_count; ++u) {
    const Use& use = uses_[u];
    Resource& resource = resources_[use.resource];
    if (resource.members.size() == 1) {  // nobody stays who could get more
      resource.members.clear();
      resource.potential = resource.demand = {};
      continue;
    }
    mark_if_tight(use.resource);  // as it was: those who stay may get more now
    if (use.position + 1 != resource.members.size()) {
      const Member last = resource.members.back();
      resource.members[use.position] = last;
      uses_[last.use].position = use.position;
    }
    resource.members.pop_back();
    resource.potential.add(-use.coefficient * share.reach);
    resource.demand.add(-use.coefficient * share.weight);
  }
}

double Sharing::reach_of(const Share& share) const {
  double reach = share.bound;
  for (std::uint32_t u = share.first_use; u < share.first_use + share.use_count; ++u) {
    reach = std::min(reach, resources_[uses_[u].resource].capacity / uses_[u].coefficient);
  }
  return reach;
}

bool Sharing::is_tight(const Resource& resource) const {
  return resource.potential.value() > resource.capacity * (1 + kSlackTolerance) &&
         resource.members.size() > 1;
}

/// A change at a resource that is slack, before and after it, is nobody else's business.
void Sharing::mark_if_tight(std::uint32_t id) {
  Resource& resource = resources_[id];
  if (resource.dirty || !(resource.tight || is_tight(resource))) return;
  resource.dirty = true;
  dirty_.push_back(id);
}

/// change: 1 or -1.
void Sharing::count_priority(std::int32_t priority, std::int64_t change) {
  if (!priorities_.empty() && priorities_.front().priority == priority) {
    priorities_.front().count += change;  // nearly always: there is only one
    return;
  }
  std::erase_if(priorities_, [](const PriorityClass& c) { return c.count == 0; });
  const auto place = std::find_if(priorities_.begin(), priorities_.end(),
                                  [=](const PriorityClass& c) { return c.priority <= priority; });
  if (place == priorities_.end() || place->priority != priority) {
    priorities_.insert(place, PriorityClass{priority, change});
  } else {
    place->count += change;
  }
}

}  // namespace orrery
