#include "sim/engine/sharing.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/base/errors.hpp"

// Who shares what: shares and resources come, go and change. What they get: sharing_fill.cpp.
namespace orrery {
namespace {

// A resource counts as slack when the summed reach of its members exceeds its capacity by no more
// than the rounding that such a sum can carry; the allocation is then off by at most this fraction.
constexpr double kSlackTolerance = 1e-11;

// A quotient is rounded, a product with the divisor again.
constexpr double kJustBelow = 1 - 1e-15;

// Members of a resource are few of them below one in so many: to take one out at a time then costs
// less than to look at all.
constexpr std::size_t kFewDead = 8;

// Where so many shares for each resource come at once, they are counted first, so that member lists
// grow only once.
constexpr std::size_t kManyPerResource = 4;

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
  if (!removed_.empty()) detach_removed();
  attach_added();
  Resource& resource = resources_[id.index()];
  // Marked before and after: it may have been tight, or become so.
  mark_if_tight(static_cast<std::uint32_t>(id.index()));
  resource.capacity = capacity;
  for (const Member& member : members_of(resource)) {
    Share& share = shares_[member.share];
    const double reach = reach_of(share);
    const double difference = reach - share.reach;
    if (difference == 0) continue;
    share.reach = reach;
    least_reach_ = std::min(least_reach_, reach / share.weight * kJustBelow);
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
  attached_ = fresh_.size();
}

ShareId Sharing::add(std::span<const Usage> usages, const ShareTerms& terms) {
  ORRERY_CHECK(terms.weight > 0 && std::isfinite(terms.weight), "a share needs a weight > 0");
  ORRERY_CHECK(terms.bound > 0, "a share needs a bound > 0");
  if (!removed_.empty()) detach_removed();
  if (active_ == 0) least_reach_ = kUnbounded;
  const std::uint32_t id = take_share(usages.size());
  Share& share = shares_[id];
  share.priority = terms.priority;
  share.weight = terms.weight;
  share.bound = terms.bound;
  Use* const first = uses_.data() + share.first_use;
  Use* next = first;
  double reach = terms.bound;
  for (const Usage& usage : usages) {
    ORRERY_CHECK(usage.coefficient >= 0 && usage.resource.index() < resources_.size(),
                 "a usage needs a known resource and a coefficient >= 0");
    if (usage.coefficient == 0) continue;
    const Resource& resource = resources_[usage.resource.index()];
    *next++ = Use{static_cast<std::uint32_t>(usage.resource.index()), 0, usage.coefficient};
    if (resource.capacity < reach * usage.coefficient) {
      reach = resource.capacity / usage.coefficient;
    }
  }
  ORRERY_CHECK(std::isfinite(reach), "a share needs a usage or a finite bound");
  share.reach = reach;
  least_reach_ = std::min(least_reach_, reach / share.weight * kJustBelow);
  share.use_count = static_cast<std::uint16_t>(next - first);
  fresh_.push_back(id);
  count_priority(terms.priority, 1);
  ++active_;
  return ShareId(id);
}

bool Sharing::is_alike(ShareId id, std::span<const Usage> usages, const ShareTerms& terms) const {
  const Share& share = shares_[id.index()];
  if (usages.size() != share.use_count || terms.bound != share.bound ||
      terms.weight != share.weight || terms.priority != share.priority) {
    return false;
  }
  const Use* const first = uses_.data() + share.first_use;
  const auto same = [](const Use& use, const Usage& usage) {
    return use.resource == usage.resource.index() && use.coefficient == usage.coefficient;
  };
  for (std::size_t i = 0; i < usages.size(); ++i) {
    if (same(first[i], usages[i])) continue;
    if (share.tight_count == 0 ||  // else they may have been moved
        std::none_of(first, first + share.use_count,
                     [&](const Use& use) { return same(use, usages[i]); })) {
      return false;
    }
  }
  return true;
}

/// A live one that has nothing yet but room for so many uses: a used one of that size, or new.
std::uint32_t Sharing::take_share(std::size_t room) {
  if (room >= free_shares_.size()) free_shares_.resize(room + 1, kNobody);
  std::uint32_t& free = free_shares_[room];
  if (free == kNobody) {
    const auto id = static_cast<std::uint32_t>(shares_.size());
    shares_.push_back(Share{.first_use = static_cast<std::uint32_t>(uses_.size()),
                            .room = static_cast<std::uint16_t>(room),
                            .live = true,
                            .fresh = true});
    fixed_.push_back(0);
    uses_.resize(uses_.size() + room);
    return id;
  }
  const std::uint32_t id = free;
  Share& share = shares_[id];
  free = std::exchange(share.next_free, kNobody);
  share.tight_count = 0;
  share.live = true;
  share.fresh = true;
  share.rate = kNoRate;
  fixed_[id] = 0;
  return id;
}

void Sharing::remove(ShareId id) {
  const auto index = static_cast<std::uint32_t>(id.index());
  ORRERY_CHECK(index < shares_.size() && shares_[index].live, "a share was removed twice");
  if (shares_[index].fresh) attach_added();
  shares_[index].live = false;
  removed_.push_back(index);
  count_priority(shares_[index].priority, -1);
  --active_;
}

/// What was removed is taken out of the member lists as late as possible: then there is most to
/// take out at once.
void Sharing::detach_removed() {
  if (removed_.size() == 1) {
    detach_each();
  } else {
    detach_together();
  }
  for (const std::uint32_t id : removed_) {
    Share& share = shares_[id];
    share.next_free = std::exchange(free_shares_[share.room], id);
  }
  removed_.clear();
}

void Sharing::detach_each() {
  for (const std::uint32_t id : removed_) {
    const Share& share = shares_[id];
    for (std::uint32_t u = share.first_use; u < share.first_use + share.use_count; ++u) {
      detach(share, uses_[u]);
    }
  }
}

/// Where few of a resource's members leave, each gives its place to the last; where many do, those
/// who stay are looked at once.
void Sharing::detach_together() {
  for (const std::uint32_t id : removed_) {
    const Share& share = shares_[id];
    fixed_[id] = kDead;
    for (std::uint32_t u = share.first_use; u < share.first_use + share.use_count; ++u) {
      Resource& resource = resources_[uses_[u].resource];
      if (resource.members.size == 1) {
        resource.members.size = 0;  // nobody stays who could get more
      } else if (resource.leaving++ == 0) {
        touched_.push_back(uses_[u].resource);
      }
    }
  }
  std::size_t few = 0;
  for (const std::uint32_t r : touched_) {
    Resource& resource = resources_[r];
    if (kFewDead * resource.leaving < resource.members.size) {
      touched_[few++] = r;
      continue;
    }
    mark_if_tight(r);  // as it was: those who stay may get more now
    drop_dead(resource);
  }
  touched_.resize(few);
  if (few == 0) return;
  for (const std::uint32_t id : removed_) {
    const Share& share = shares_[id];
    for (std::uint32_t u = share.first_use; u < share.first_use + share.use_count; ++u) {
      if (resources_[uses_[u].resource].leaving > 0) detach(share, uses_[u]);
    }
  }
  for (const std::uint32_t r : touched_) resources_[r].leaving = 0;
  touched_.clear();
}

void Sharing::detach(const Share& share, const Use& use) {
  Resource& resource = resources_[use.resource];
  if (resource.members.size == 1) {
    resource.members.size = 0;
    return;
  }
  mark_if_tight(use.resource);  // as it was: those who stay may get more now
  if (use.position + 1 != resource.members.size) {
    const std::span<Member> members = members_of(resource);
    const Member last = members.back();
    members[use.position] = last;
    uses_[last.use].position = use.position;
  }
  --resource.members.size;
  resource.potential.add(-use.coefficient * share.reach);
  if (resource.tight) resource.demand.add(-use.coefficient * share.weight);
}

void Sharing::drop_dead(Resource& resource) {
  resource.potential = resource.demand = {};
  const std::span<Member> members = members_of(resource);
  std::uint32_t kept = 0;
  if (resource.leaving < resource.members.size) {
    for (const Member member : members) {
      if (fixed_[member.share] == kDead) continue;
      Use& use = uses_[member.use];
      use.position = kept;
      members[kept++] = member;
      resource.potential.add(use.coefficient * shares_[member.share].reach);
      if (resource.tight) resource.demand.add(use.coefficient * shares_[member.share].weight);
    }
  }
  resource.members.size = kept;
  resource.leaving = 0;
}

/// Shares enter the member lists as late as possible: then it is known how long these become.
void Sharing::attach_added() {
  const std::span<const std::uint32_t> added{fresh_.data() + attached_, fresh_.size() - attached_};
  if (added.size() > kManyPerResource * resources_.size()) make_room(added);
  for (const std::uint32_t id : added) {
    const Share& share = shares_[id];
    for (std::uint32_t u = share.first_use; u < share.first_use + share.use_count; ++u) {
      attach(id, u);
    }
  }
  attached_ = fresh_.size();
}

void Sharing::make_room(std::span<const std::uint32_t> added) {
  for (const std::uint32_t id : added) {
    const Share& share = shares_[id];
    for (std::uint32_t u = share.first_use; u < share.first_use + share.use_count; ++u) {
      if (resources_[uses_[u].resource].coming++ == 0) touched_.push_back(uses_[u].resource);
    }
  }
  for (const std::uint32_t r : touched_) {
    Resource& resource = resources_[r];
    members_.reserve(resource.members, resource.members.size + resource.coming);
    resource.coming = 0;
  }
  touched_.clear();
}

void Sharing::attach(std::uint32_t id, std::uint32_t u) {
  Share& share = shares_[id];
  Use& use = uses_[u];
  Resource& resource = resources_[use.resource];
  use.position = resource.members.size;
  // Empty, it may have been tight before, and marked when it became so.
  if (use.position == 0 && resource.tight) set_tight(use.resource, false);
  members_.push_back(resource.members, Member{id, u});
  if (use.position == 0) {
    resource.potential = CompensatedSum(use.coefficient * share.reach);
    return;
  }
  resource.potential.add(use.coefficient * share.reach);
  if (resource.tight) {
    mark(use.resource);
    resource.demand.add(use.coefficient * share.weight);
    swap_uses(u, share.first_use + share.tight_count++);
  } else if (is_tight(resource)) {
    mark(use.resource);
    set_tight(use.resource, true);  // now, while few members have to hear of it
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
         resource.members.size > 1;
}

/// A change at a resource that is slack, before and after it, is nobody else's business.
void Sharing::mark_if_tight(std::uint32_t id) {
  const Resource& resource = resources_[id];
  if (resource.tight || is_tight(resource)) mark(id);
}

void Sharing::mark(std::uint32_t id) {
  if (resources_[id].dirty) return;
  resources_[id].dirty = true;
  dirty_.push_back(id);
}

void Sharing::count_other_priority(std::int32_t priority, std::int64_t change) {
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
