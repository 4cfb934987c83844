#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "sim/base/growing_array.hpp"
#include "sim/base/ids.hpp"
#include "sim/base/list_pool.hpp"
#include "sim/engine/compensated_sum.hpp"

namespace orrery {

struct ResourceTag;
using ResourceId = Id<ResourceTag>;
struct ShareTag;
using ShareId = Id<ShareTag>;

/// One unit of an activity's rate takes `coefficient` units of the resource's capacity.
struct Usage {
  ResourceId resource;
  double coefficient = 1;
};

inline constexpr double kUnbounded = std::numeric_limits<double>::infinity();

/// How an activity competes. Rates are in work units per second.
struct ShareTerms {
  double weight = 1;          // share among equals of one priority; > 0
  double bound = kUnbounded;  // the rate never exceeds this; > 0
  int priority = 0;  // strict: the higher class is served first, the lower takes what is left
};

/// Weighted max–min fair sharing of resources among activities, kept up to date incrementally.
///
/// In each priority class, from the highest down, the rates x maximise lexicographically the sorted
/// vector of x_i / weight_i subject to sum_i coefficient_ir · x_i <= capacity_r (what higher
/// classes left of it) and x_i <= bound_i. This allocation is unique (Bertsekas and Gallager 1992,
/// Data Networks, §6.5.2, extended by weights and coefficients); progressive filling computes it.
///
/// Three observations keep it cheap, all exact. Only the connected component of what changed needs
/// to be solved again; where that is most of what runs, everything is filled without searching for
/// components first. A resource that could serve all its activities at the greatest rate each can
/// reach anywhere ("slack") constrains nobody, so it does not connect components either: a
/// lock-step ring over private links is solved in constant time per transfer. And a bound matters
/// only where the fair level of a bottleneck would pass it, so bounds are looked at there and never
/// sorted.
class Sharing {
 public:
  /// capacity > 0, in resource units per second.
  ResourceId add_resource(double capacity);
  void set_capacity(ResourceId resource, double capacity);
  double capacity(ResourceId resource) const { return resources_[resource.index()].capacity; }
  std::size_t resource_count() const { return resources_.size(); }

  /// Needs at least one usage with coefficient > 0, or a finite bound. Usages are copied; those
  /// with coefficient 0 are dropped; a resource may be named once.
  ShareId add(std::span<const Usage> usages, const ShareTerms& terms);
  void remove(ShareId share);
  /// Whether another, added with these, would get in its place what it gets. It may say no where
  /// that is so: with usages of coefficient 0, or in another order.
  bool is_alike(ShareId share, std::span<const Usage> usages, const ShareTerms& terms) const;
  std::size_t active_count() const { return active_; }
  /// Calls visit(share) for each share that was added and not removed.
  template <class Visit>
  void for_each_share(Visit visit) const {
    for (std::size_t share = 0; share < shares_.size(); ++share) {
      if (shares_[share].live) visit(ShareId(share));
    }
  }

  /// Settles everything since the last call; returns the shares whose rate changed (new ones too),
  /// valid until the next call of any member.
  std::span<const ShareId> solve();
  /// As of the last solve(); 0 for a share that higher priorities starve, NaN before its first.
  double rate(ShareId share) const { return shares_[share.index()].rate; }
  /// Calls visit(resource, coefficient) for what the share was added with.
  template <class Visit>
  void for_each_usage(ShareId share, Visit visit) const {
    const Share& of = shares_[share.index()];
    for (std::uint32_t u = of.first_use; u < of.first_use + of.use_count; ++u) {
      visit(ResourceId(uses_[u].resource), uses_[u].coefficient);
    }
  }

  std::uint64_t solves() const { return solves_; }
  /// Shares given a rate by the filling, over all solves: the solver's real work.
  std::uint64_t shares_filled() const { return shares_filled_; }
  /// Solves that filled everything instead of searching for components.
  std::uint64_t whole_fills() const { return whole_fills_; }

 private:
  static constexpr std::uint32_t kDead = UINT32_MAX;
  static constexpr std::uint32_t kNobody = UINT32_MAX;
  // Of a share that no solve has seen: equal to no rate, so that its first one is a change.
  static constexpr double kNoRate = std::numeric_limits<double>::quiet_NaN();

  struct Use {
    std::uint32_t resource;
    std::uint32_t position;  // in the member list of the resource
    double coefficient;
  };
  struct Member {  // a share at a resource, and which of its uses this is
    std::uint32_t share;
    std::uint32_t use;
  };
  struct Resource {
    double capacity = 0;
    CompensatedSum potential;  // of coefficient × reach over members
    CompensatedSum demand;     // of coefficient × weight over members, while tight
    ListPool<Member>::List members;
    std::uint32_t coming = 0;       // members that are being attached
    std::uint32_t leaving = 0;      // members that are being detached
    std::uint32_t tight_place = 0;  // in tight_, while tight
    bool tight = false;  // could constrain somebody, as of the last solve or a later start
    bool dirty = false;
    std::uint64_t mark = 0;  // of the component it was last put into
  };
  /// What a fill works on, apart from the rest so that it stays in cache.
  struct Filling {
    double left = 0;            // capacity not yet given away
    double demand = 0;          // sum of coefficient × weight of unfixed members
    std::uint32_t unfixed = 0;  // members of this class without a rate yet
  };
  struct Share {
    std::uint32_t first_use = 0;
    std::uint16_t use_count = 0;
    std::uint16_t tight_count = 0;  // its first uses are those of tight resources
    std::uint16_t room = 0;         // uses allocated: those of coefficient 0 were dropped
    bool live = false;
    bool fresh = false;  // added, or its reach changed, since the last solve
    std::int32_t priority = 0;
    std::uint32_t next_free = kNobody;  // while free
    std::uint64_t mark = 0;             // of the component it was last put into
    double weight = 1;
    double reach = 0;  // greatest rate possible: min of bound and capacity / coefficient
    double bound = 0;
    double rate = kNoRate;
  };
  struct Level {  // the fair level of a resource when it was last looked at
    double level;
    std::uint32_t resource;
  };
  struct PriorityClass {
    std::int32_t priority = 0;
    std::int64_t count = 0;
  };

  std::uint32_t take_share(std::size_t room);
  std::span<Member> members_of(const Resource& resource) { return members_.of(resource.members); }
  void attach_added();
  void make_room(std::span<const std::uint32_t> added);
  void attach(std::uint32_t share, std::uint32_t use);
  void detach_removed();
  void detach_each();
  void detach_together();
  void detach(const Share& share, const Use& use);
  void drop_dead(Resource& resource);
  double reach_of(const Share& share) const;
  bool is_tight(const Resource& resource) const;
  void mark_if_tight(std::uint32_t resource);
  void mark(std::uint32_t resource);
  void order_changed();
  /// change: 1 or -1.
  void count_priority(std::int32_t priority, std::int64_t change) {
    if (!priorities_.empty() && priorities_.front().priority == priority) {
      priorities_.front().count += change;  // nearly always: there is only one
    } else {
      count_other_priority(priority, change);
    }
  }
  void count_other_priority(std::int32_t priority, std::int64_t change);

  void update_tightness();
  void set_tight(std::uint32_t resource, bool tight);
  void swap_uses(std::uint32_t a, std::uint32_t b);
  void fill_components();
  void fill_whole();
  void collect_component(std::uint32_t seed);
  void fill(std::span<const std::uint32_t> resources);
  void fill_class(std::span<const std::uint32_t> resources, std::int32_t priority);
  void saturate(std::uint32_t resource, double level, std::int32_t priority);
  void sift_down(std::size_t place, Level level);
  double level_of(std::uint32_t resource, std::int32_t priority);
  void set_rate(std::uint32_t share, double rate);

  std::vector<Resource> resources_;
  ListPool<Member> members_;
  std::vector<Filling> filling_;       // by resource
  GrowingArray<std::uint32_t> fixed_;  // by share: the fill that last gave it a rate, or kDead
  std::uint32_t epoch_ = 0;            // of the fill at hand
  GrowingArray<Share> shares_;
  std::vector<std::uint32_t>
      free_shares_;                        // by room for uses, which they keep: the first of a list
  GrowingArray<std::uint32_t> removed_;    // but not detached yet
  std::vector<std::uint32_t> touched_;     // resources with members that come or leave
  GrowingArray<Use> uses_;                 // of all shares, in blocks
  std::vector<PriorityClass> priorities_;  // of the live shares, highest first
  std::vector<std::uint32_t> tight_;
  std::vector<std::uint32_t> dirty_;
  std::vector<std::uint32_t> loosened_;  // were tight before this solve, are not any more
  GrowingArray<std::uint32_t> fresh_;    // added, or their reach changed, since the last solve
  std::size_t attached_ = 0;             // so many of these are in the member lists
  GrowingArray<ShareId> changed_;
  std::vector<std::uint64_t> changed_bits_;  // by share; all zero between uses
  GrowingArray<std::uint32_t> component_shares_;
  std::vector<std::uint32_t> component_resources_;
  std::vector<Level> levels_;            // a binary heap, the lowest first
  GrowingArray<std::uint32_t> unfixed_;  // members of the bottleneck at hand
  std::size_t active_ = 0;
  double least_reach_ = kUnbounded;  // reach / weight is not below it for any live share
  unsigned whole_left_ = 0;          // solves to go before components are tried again
  std::uint64_t solves_ = 0;
  std::uint64_t shares_filled_ = 0;
  std::uint64_t whole_fills_ = 0;
};

}  // namespace orrery
