#include <algorithm>
#include <bit>
#include <utility>

#include "sim/engine/sharing.hpp"

// What shares get: progressive filling of what changed.
namespace orrery {
namespace {

// With so few shares a search for components costs nothing that filling everything could save.
constexpr std::size_t kManyShares = 64;
// Everything is filled for so many solves before components are looked at again. A search visits
// every use of the component once more, about as much as filling it: one in 32 is 3 % at most.
constexpr unsigned kWholeFills = 32;

// Changes are put in order where they are so many, and one share in so many changed.
constexpr std::size_t kManyChanges = 1024;
constexpr std::size_t kDenseChanges = 16;

// The demand that fixed shares leave is a difference; below this part of the whole its rounding
// (2^-53 of the whole for each term) could matter.
constexpr double kCancelled = 1e-4;

// What a higher class leaves of a resource that it fills is 0 but for rounding. Lower classes must
// not live on that: they would run for years.
constexpr double kNothingLeft = 1e-11;

}  // namespace

std::span<const ShareId> Sharing::solve() {
  ++solves_;
  changed_.clear();
  if (!removed_.empty()) detach_removed();
  attach_added();
  if (++epoch_ == kDead) {
    std::fill_n(fixed_.data(), fixed_.size(), 0);
    epoch_ = 1;
  }
  if (!dirty_.empty()) {
    update_tightness();
    // So many that are new belong together, or are looked at once in any case.
    if (fresh_.size() >= kManyShares && 2 * fresh_.size() > active_) {
      whole_left_ = std::max(whole_left_, 1U);
    }
    if (whole_left_ > 0) {
      fill_whole();
    } else {
      fill_components();
    }
    dirty_.clear();
  }
  for (const std::uint32_t id : fresh_) {
    Share& share = shares_[id];
    share.fresh = false;
    if (share.live && fixed_[id] != epoch_) set_rate(id, share.reach);
  }
  fresh_.clear();
  attached_ = 0;
  if (changed_.size() >= kManyChanges && kDenseChanges * changed_.size() > shares_.size()) {
    order_changed();
  }
  return {changed_.data(), changed_.size()};
}

/// By their numbers: whoever goes through them then reads memory in order.
void Sharing::order_changed() {
  changed_bits_.resize((shares_.size() + 63) / 64, 0);
  for (const ShareId id : changed_) {
    changed_bits_[id.index() / 64] |= std::uint64_t{1} << id.index() % 64;
  }
  changed_.clear();
  for (std::size_t word = 0; word < changed_bits_.size(); ++word) {
    for (std::uint64_t& bits = changed_bits_[word]; bits != 0; bits &= bits - 1) {
      changed_.push_back(ShareId(64 * word + static_cast<std::size_t>(std::countr_zero(bits))));
    }
  }
}

void Sharing::update_tightness() {
  loosened_.clear();
  for (const std::uint32_t r : dirty_) {
    Resource& resource = resources_[r];
    resource.dirty = false;
    const bool tight = is_tight(resource);
    if (tight == resource.tight) continue;
    if (!tight) loosened_.push_back(r);
    set_tight(r, tight);
  }
}

void Sharing::set_tight(std::uint32_t r, bool tight) {
  Resource& resource = resources_[r];
  resource.tight = tight;
  if (tight) {
    resource.tight_place = static_cast<std::uint32_t>(tight_.size());
    tight_.push_back(r);
  } else {
    tight_[resource.tight_place] = tight_.back();
    resources_[tight_.back()].tight_place = resource.tight_place;
    tight_.pop_back();
  }
  resource.demand = {};
  for (const Member& member : members_of(resource)) {
    Share& share = shares_[member.share];
    if (tight) resource.demand.add(uses_[member.use].coefficient * share.weight);
    const std::uint32_t border = tight ? share.tight_count++ : --share.tight_count;
    swap_uses(member.use, share.first_use + border);
  }
}

/// Of one share.
void Sharing::swap_uses(std::uint32_t a, std::uint32_t b) {
  if (a == b) return;
  std::swap(uses_[a], uses_[b]);
  for (const std::uint32_t use : {a, b}) {
    members_of(resources_[uses_[use].resource])[uses_[use].position].use = use;
  }
}

void Sharing::fill_components() {
  std::size_t largest = 0;
  for (const std::uint32_t seed : dirty_) {
    if (resources_[seed].mark == solves_) continue;
    collect_component(seed);
    largest = std::max(largest, component_shares_.size());
    fill(component_resources_);
    // Who shares nothing that is tight any more goes as fast as it can.
    for (const std::uint32_t id : component_shares_) {
      if (fixed_[id] != epoch_) set_rate(id, shares_[id].reach);
    }
  }
  if (largest >= kManyShares && 2 * largest > active_) whole_left_ = kWholeFills;
}

void Sharing::fill_whole() {
  --whole_left_;
  ++whole_fills_;
  fill(tight_);
  for (const std::uint32_t r : loosened_) {
    for (const Member& member : members_of(resources_[r])) {
      if (fixed_[member.share] != epoch_) set_rate(member.share, shares_[member.share].reach);
    }
  }
}

/// The tight resources and all shares that are connected with `seed` through tight resources. The
/// seed itself may be one that has just become slack.
void Sharing::collect_component(std::uint32_t seed) {
  component_resources_.clear();
  component_shares_.clear();
  const auto visit_members = [this](std::uint32_t r) {
    for (const Member& member : members_of(resources_[r])) {
      Share& share = shares_[member.share];
      if (share.mark == solves_) continue;
      share.mark = solves_;
      component_shares_.push_back(member.share);
      for (std::uint32_t u = share.first_use; u < share.first_use + share.tight_count; ++u) {
        const std::uint32_t other = uses_[u].resource;
        if (resources_[other].mark == solves_) continue;
        resources_[other].mark = solves_;
        component_resources_.push_back(other);
      }
    }
  };
  resources_[seed].mark = solves_;
  if (resources_[seed].tight) {
    component_resources_.push_back(seed);
  } else {
    visit_members(seed);
  }
  for (std::size_t next = 0; next < component_resources_.size(); ++next) {
    visit_members(component_resources_[next]);
  }
}

void Sharing::fill(std::span<const std::uint32_t> resources) {
  for (const std::uint32_t r : resources) {
    const Resource& resource = resources_[r];
    filling_[r].left = resource.capacity;
    filling_[r].demand = resource.demand.value();
    filling_[r].unfixed = resource.members.size;
  }
  if (priorities_.size() == 1) {
    fill_class(resources, priorities_.front().priority);
    return;
  }
  for (const PriorityClass& of : priorities_) {
    for (const std::uint32_t r : resources) {
      if (filling_[r].left < kNothingLeft * resources_[r].capacity) filling_[r].left = 0;
      filling_[r].demand = 0;
      filling_[r].unfixed = 0;
      for (const Member& member : members_of(resources_[r])) {
        const Share& share = shares_[member.share];
        if (share.priority != of.priority) continue;
        filling_[r].demand += uses_[member.use].coefficient * share.weight;
        ++filling_[r].unfixed;
      }
    }
    fill_class(resources, of.priority);
  }
}

void Sharing::fill_class(std::span<const std::uint32_t> resources, std::int32_t priority) {
  levels_.clear();
  for (const std::uint32_t r : resources) {
    if (filling_[r].unfixed > 0) levels_.push_back(Level{level_of(r, priority), r});
  }
  for (std::size_t place = levels_.size() / 2; place-- > 0;) sift_down(place, levels_[place]);
  while (!levels_.empty()) {
    // The lowest fair level is that of the bottleneck. Fixing shares can only raise the level of
    // other resources, so a stale entry is too low and is corrected when it surfaces.
    const auto [level, r] = levels_.front();
    if (filling_[r].unfixed == 0) {
      const Level last = levels_.back();
      levels_.pop_back();
      if (!levels_.empty()) sift_down(0, last);
      continue;
    }
    const double current = level_of(r, priority);
    if (current > level) {
      sift_down(0, Level{current, r});
    } else {
      saturate(r, level, priority);
    }
  }
}

void Sharing::sift_down(std::size_t place, Level level) {
  const std::size_t count = levels_.size();
  for (std::size_t child = 2 * place + 1; child < count; child = 2 * place + 1) {
    if (child + 1 < count && levels_[child + 1].level < levels_[child].level) ++child;
    if (level.level <= levels_[child].level) break;
    levels_[place] = levels_[child];
    place = child;
  }
  levels_[place] = level;
}

/// Gives the members of the bottleneck their share. Those whose greatest rate lies below the level
/// get that instead, and then nobody else gets anything yet: what they leave raises the level.
/// Bounded shares elsewhere can wait for their own bottleneck, as the level computed for a resource
/// is never above its true one, and the lowest is right once its own members are.
void Sharing::saturate(std::uint32_t resource, double level, std::int32_t priority) {
  // The innermost loops of the simulator: nothing here is looked up through `this`.
  const Share* const shares = shares_.data();
  const Use* const uses = uses_.data();
  Filling* const filling = filling_.data();
  std::uint32_t* const fixed = fixed_.data();
  const std::uint32_t epoch = epoch_;
  const auto fix = [=, this](std::uint32_t id, const Share& share, double rate) {
    const Use* const end = uses + share.first_use + share.tight_count;
    for (const Use* use = uses + share.first_use; use != end; ++use) {
      Filling& of = filling[use->resource];
      of.left -= use->coefficient * rate;  // may end below 0 by rounding
      of.demand -= use->coefficient * share.weight;
      --of.unfixed;
    }
    fixed[id] = epoch;
    if (share.rate != rate) set_rate(id, rate);
  };
  const std::span<const Member> members = members_of(resources_[resource]);
  if (unfixed_.size() < members.size()) unfixed_.resize(members.size());
  std::uint32_t* const first = unfixed_.data();
  std::uint32_t* last = first;
  for (const Member& member : members) {
    *last = member.share;
    last += fixed[member.share] != epoch ? 1 : 0;  // as good as random: no branch
  }
  if (priorities_.size() > 1) {
    last = std::remove_if(first, last,
                          [=](std::uint32_t id) { return shares[id].priority != priority; });
  }
  std::uint64_t bounded = 0;
  const bool may_bound = level > least_reach_;
  for (const std::uint32_t* id = first; may_bound && id != last; ++id) {
    const Share& share = shares[*id];
    if (share.reach < level * share.weight) {
      fix(*id, share, share.reach);
      ++bounded;
    }
  }
  shares_filled_ += bounded;
  if (bounded > 0) return;
  for (const std::uint32_t* id = first; id != last; ++id) {
    fix(*id, shares[*id], level * shares[*id].weight);
  }
  shares_filled_ += static_cast<std::uint64_t>(last - first);
  filling[resource].left = 0;
  filling[resource].unfixed = 0;
}

double Sharing::level_of(std::uint32_t r, std::int32_t priority) {
  Filling& filling = filling_[r];
  if (filling.demand < kCancelled * resources_[r].demand.value()) {
    filling.demand = 0;  // little is left of a difference: summed afresh
    for (const Member& member : members_of(resources_[r])) {
      const Share& share = shares_[member.share];
      if (fixed_[member.share] == epoch_ || share.priority != priority) continue;
      filling.demand += uses_[member.use].coefficient * share.weight;
    }
  }
  return std::max(0.0, filling.left) / filling.demand;
}

void Sharing::set_rate(std::uint32_t id, double rate) {
  Share& share = shares_[id];
  if (share.rate == rate) return;
  share.rate = rate;
  changed_.push_back(ShareId(id));
}

}  // namespace orrery
