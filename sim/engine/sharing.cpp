#include "sim/engine/sharing.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr std::uint32_t kNobody = UINT32_MAX;

// A resource counts as slack when the summed reach of its members exceeds its capacity by no more
// than the rounding that such a sum can carry; the allocation is then off by at most this fraction.
constexpr double kSlackTolerance = 1e-11;

// `potential` is updated by differences; it is summed afresh after this many updates plus one per
// member, which bounds the drift and costs O(1) per update.
constexpr std::uint32_t kUpdatesBeforeSumming = 16;

}  // namespace

ResourceId Sharing::add_resource(double capacity) {
  ORRERY_CHECK(capacity > 0 && std::isfinite(capacity), "a resource needs a finite capacity > 0");
  resources_.emplace_back();
  resources_.back().capacity = capacity;
  return ResourceId(resources_.size() - 1);
}

void Sharing::set_capacity(ResourceId id, double capacity) {
  ORRERY_CHECK(capacity > 0 && std::isfinite(capacity), "a resource needs a finite capacity > 0");
  Resource& resource = resources_[id.index()];
  resource.capacity = capacity;
  mark_dirty(static_cast<std::uint32_t>(id.index()));
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
    for (std::uint32_t u = share.first_usage; u < share.first_usage + share.usage_count; ++u) {
      const auto r = static_cast<std::uint32_t>(usages_[u].resource.index());
      change_potential(r, usages_[u].coefficient * difference);
      mark_dirty(r);
    }
  }
}

ShareId Sharing::add(std::span<const Usage> usages, const ShareTerms& terms) {
  ORRERY_CHECK(terms.weight > 0 && std::isfinite(terms.weight), "a share needs a weight > 0");
  ORRERY_CHECK(terms.bound > 0, "a share needs a bound > 0");
  std::uint32_t id = 0;
  if (free_shares_.empty()) {
    id = static_cast<std::uint32_t>(shares_.size());
    shares_.emplace_back();
  } else {
    id = free_shares_.back();
    free_shares_.pop_back();
  }
  Share& share = shares_[id];
  share = Share{};
  share.live = true;
  share.fresh = true;
  share.priority = terms.priority;
  share.weight = terms.weight;
  share.bound = terms.bound;
  const auto takes_something = [](const Usage& usage) { return usage.coefficient > 0; };
  share.usage_count =
      static_cast<std::uint16_t>(std::count_if(usages.begin(), usages.end(), takes_something));
  share.first_usage = allocate_usages(share.usage_count);
  std::uint32_t next = share.first_usage;
  for (const Usage& usage : usages) {
    ORRERY_CHECK(usage.coefficient >= 0 && usage.resource.index() < resources_.size(),
                 "a usage needs a known resource and a coefficient >= 0");
    if (takes_something(usage)) usages_[next++] = usage;
  }
  share.reach = reach_of(share);
  ORRERY_CHECK(std::isfinite(share.reach), "a share needs a usage or a finite bound");
  attach(id);
  fresh_.push_back(id);
  ++active_;
  return ShareId(id);
}

void Sharing::remove(ShareId id) {
  const auto index = static_cast<std::uint32_t>(id.index());
  ORRERY_CHECK(index < shares_.size() && shares_[index].live, "a share was removed twice");
  detach(index);
  release_usages(shares_[index].first_usage, shares_[index].usage_count);
  shares_[index].live = false;
  free_shares_.push_back(index);
  --active_;
}

std::span<const Usage> Sharing::usages(ShareId id) const {
  const Share& share = shares_[id.index()];
  return {usages_.data() + share.first_usage, share.usage_count};
}

std::span<const ShareId> Sharing::solve() {
  ++solves_;
  changed_.clear();
  for (const std::uint32_t seed : dirty_) {
    Resource& resource = resources_[seed];
    resource.dirty = false;
    if (resource.visit == visit_ + 1 || !(resource.tight || is_tight(resource))) continue;
    collect_component(seed);
    fill_component();
  }
  ++visit_;
  dirty_.clear();
  for (const std::uint32_t share : fresh_) {
    if (!shares_[share].live || !shares_[share].fresh) continue;
    set_rate(share, shares_[share].reach);
  }
  fresh_.clear();
  return changed_;
}

std::uint32_t Sharing::allocate_usages(std::size_t count) {
  const std::size_t block = std::bit_width(std::bit_ceil(std::max<std::size_t>(count, 1))) - 1;
  if (block >= free_blocks_.size()) free_blocks_.resize(block + 1);
  if (!free_blocks_[block].empty()) {
    const std::uint32_t first = free_blocks_[block].back();
    free_blocks_[block].pop_back();
    return first;
  }
  const auto first = static_cast<std::uint32_t>(usages_.size());
  usages_.resize(usages_.size() + (std::size_t{1} << block));
  positions_.resize(usages_.size());
  return first;
}

void Sharing::release_usages(std::uint32_t first, std::size_t count) {
  const std::size_t block = std::bit_width(std::bit_ceil(std::max<std::size_t>(count, 1))) - 1;
  free_blocks_[block].push_back(first);
}

void Sharing::attach(std::uint32_t id) {
  const Share& share = shares_[id];
  for (std::uint32_t u = share.first_usage; u < share.first_usage + share.usage_count; ++u) {
    const auto r = static_cast<std::uint32_t>(usages_[u].resource.index());
    Resource& resource = resources_[r];
    positions_[u] = static_cast<std::uint32_t>(resource.members.size());
    resource.members.push_back(Member{id, u});
    change_potential(r, usages_[u].coefficient * share.reach);
    mark_dirty(r);
  }
}

void Sharing::detach(std::uint32_t id) {
  const Share& share = shares_[id];
  for (std::uint32_t u = share.first_usage; u < share.first_usage + share.usage_count; ++u) {
    const auto r = static_cast<std::uint32_t>(usages_[u].resource.index());
    Resource& resource = resources_[r];
    const Member last = resource.members.back();
    resource.members[positions_[u]] = last;
    positions_[last.usage] = positions_[u];
    resource.members.pop_back();
    change_potential(r, -usages_[u].coefficient * share.reach);
    mark_dirty(r);
  }
}

void Sharing::change_potential(std::uint32_t id, double delta) {
  Resource& resource = resources_[id];
  resource.potential += delta;
  if (++resource.updates <= resource.members.size() + kUpdatesBeforeSumming) return;
  resource.updates = 0;
  resource.potential = 0;
  for (const Member& member : resource.members) {
    resource.potential += usages_[member.usage].coefficient * shares_[member.share].reach;
  }
}

double Sharing::reach_of(const Share& share) const {
  double reach = share.bound;
  for (std::uint32_t u = share.first_usage; u < share.first_usage + share.usage_count; ++u) {
    reach =
        std::min(reach, resources_[usages_[u].resource.index()].capacity / usages_[u].coefficient);
  }
  return reach;
}

bool Sharing::is_tight(const Resource& resource) const {
  return resource.members.size() > 1 &&
         resource.potential > resource.capacity * (1 + kSlackTolerance);
}

void Sharing::mark_dirty(std::uint32_t id) {
  Resource& resource = resources_[id];
  if (resource.dirty) return;
  resource.dirty = true;
  dirty_.push_back(id);
}

void Sharing::collect_component(std::uint32_t seed) {
  // All components of one solve share the mark: they are disjoint, and what carries it is done.
  const std::uint64_t mark = visit_ + 1;
  component_resources_.assign(1, seed);
  component_shares_.clear();
  resources_[seed].visit = mark;
  for (std::size_t next = 0; next < component_resources_.size(); ++next) {
    for (const Member& member : resources_[component_resources_[next]].members) {
      Share& share = shares_[member.share];
      if (share.visit == mark) continue;
      share.visit = mark;
      share.fixed = true;
      component_shares_.push_back(member.share);
      for (std::uint32_t u = share.first_usage; u < share.first_usage + share.usage_count; ++u) {
        const auto r = static_cast<std::uint32_t>(usages_[u].resource.index());
        Resource& resource = resources_[r];
        if (resource.visit == mark || !(resource.tight || is_tight(resource))) continue;
        resource.visit = mark;
        component_resources_.push_back(r);
      }
    }
  }
}

void Sharing::fill_component() {
  for (const std::uint32_t r : component_resources_) {
    Resource& resource = resources_[r];
    resource.tight = is_tight(resource);
    resource.left = resource.capacity;
    resource.demand = 0;
    resource.unfixed = 0;
  }
  shares_filled_ += component_shares_.size();
  const auto higher = [this](std::uint32_t a, std::uint32_t b) {
    return shares_[a].priority > shares_[b].priority;
  };
  if (!std::is_sorted(component_shares_.begin(), component_shares_.end(), higher)) {
    std::stable_sort(component_shares_.begin(), component_shares_.end(), higher);
  }
  for (auto first = component_shares_.begin(); first != component_shares_.end();) {
    const auto last = std::upper_bound(first, component_shares_.end(), *first, higher);
    fill_class({first, last});
    first = last;
  }
}

void Sharing::fill_class(std::span<const std::uint32_t> shares) {
  by_bound_.assign(shares.begin(), shares.end());
  levels_.clear();
  for (const std::uint32_t id : shares) {
    Share& share = shares_[id];
    share.fixed = false;
    for (std::uint32_t u = share.first_usage; u < share.first_usage + share.usage_count; ++u) {
      Resource& resource = resources_[usages_[u].resource.index()];
      if (!resource.tight) continue;
      resource.demand += usages_[u].coefficient * share.weight;
      ++resource.unfixed;
    }
  }
  for (const std::uint32_t r : component_resources_) {
    const Resource& resource = resources_[r];
    if (resource.unfixed > 0) levels_.emplace_back(resource.left / resource.demand, r);
  }
  std::make_heap(levels_.begin(), levels_.end(), std::greater<>());
  const auto bound_level = [this](std::uint32_t id) {
    return shares_[id].reach / shares_[id].weight;
  };
  std::sort(by_bound_.begin(), by_bound_.end(), [&](std::uint32_t a, std::uint32_t b) {
    const double level_a = bound_level(a);
    const double level_b = bound_level(b);
    return level_a != level_b ? level_a < level_b : a < b;
  });
  auto next_bound = by_bound_.begin();
  for (;;) {
    while (next_bound != by_bound_.end() && shares_[*next_bound].fixed) ++next_bound;
    if (next_bound == by_bound_.end()) return;
    const std::uint32_t bottleneck = tightest_resource();
    if (bottleneck == kNobody || bound_level(*next_bound) <= levels_.front().first) {
      fix(*next_bound, shares_[*next_bound].reach);
      continue;
    }
    const double level = levels_.front().first;
    for (const Member& member : resources_[bottleneck].members) {
      if (!shares_[member.share].fixed) fix(member.share, level * shares_[member.share].weight);
    }
  }
}

/// The unsaturated resource of the lowest fair level, at the top of levels_. Fixing shares can only
/// raise the level of other resources, so a stale entry is too low and is corrected when it
/// surfaces.
std::uint32_t Sharing::tightest_resource() {
  while (!levels_.empty()) {
    const auto [level, r] = levels_.front();
    const Resource& resource = resources_[r];
    const double current = resource.unfixed > 0 ? resource.left / resource.demand : kUnbounded;
    if (current <= level) return r;
    std::pop_heap(levels_.begin(), levels_.end(), std::greater<>());
    if (resource.unfixed == 0) {
      levels_.pop_back();
    } else {
      levels_.back().first = current;
      std::push_heap(levels_.begin(), levels_.end(), std::greater<>());
    }
  }
  return kNobody;
}

void Sharing::fix(std::uint32_t id, double rate) {
  Share& share = shares_[id];
  share.fixed = true;
  for (std::uint32_t u = share.first_usage; u < share.first_usage + share.usage_count; ++u) {
    Resource& resource = resources_[usages_[u].resource.index()];
    if (!resource.tight) continue;
    resource.left = std::max(0.0, resource.left - usages_[u].coefficient * rate);
    resource.demand -= usages_[u].coefficient * share.weight;
    --resource.unfixed;
  }
  set_rate(id, rate);
}

void Sharing::set_rate(std::uint32_t id, double rate) {
  Share& share = shares_[id];
  if (share.rate == rate && !share.fresh) return;
  share.rate = rate;
  share.fresh = false;
  changed_.push_back(ShareId(id));
}

}  // namespace orrery
