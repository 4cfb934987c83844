#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "sim/base/ids.hpp"

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
/// Two observations keep it cheap, both exact. Only the connected component of what changed needs
/// to be solved again. And a resource that could serve all its activities at the greatest rate each
/// can reach anywhere ("slack") constrains nobody, so it does not connect components either: a
/// lock-step ring over private links is solved in constant time per transfer.
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
  std::size_t active_count() const { return active_; }

  /// Settles everything since the last call; returns the shares whose rate changed (new ones too),
  /// valid until the next call of any member.
  std::span<const ShareId> solve();
  /// As of the last solve(); 0 for a share that higher priorities starve.
  double rate(ShareId share) const { return shares_[share.index()].rate; }
  std::span<const Usage> usages(ShareId share) const;

  std::uint64_t solves() const { return solves_; }
  /// Shares visited by the filling, over all solves: the solver's real work.
  std::uint64_t shares_filled() const { return shares_filled_; }

 private:
  struct Member {  // a share at a resource, and which of its usages this is
    std::uint32_t share;
    std::uint32_t usage;
  };
  struct Resource {
    double capacity = 0;
    double potential = 0;  // sum of coefficient × reach over members
    std::vector<Member> members;
    std::uint32_t updates = 0;  // since potential was last summed afresh
    bool tight = false;         // could constrain somebody, as of the last solve
    bool dirty = false;
    std::uint64_t visit = 0;    // mark of the component it was last put into
    double left = 0;            // filling: capacity not yet given away
    double demand = 0;          // filling: sum of coefficient × weight of unfixed members
    std::uint32_t unfixed = 0;  // filling: members of this class without a rate yet
  };
  struct Share {
    std::uint32_t first_usage = 0;
    std::uint16_t usage_count = 0;
    bool live = false;
    bool fixed = false;  // filling
    bool fresh = false;  // added, or its reach changed, since the last solve
    std::int32_t priority = 0;
    std::uint64_t visit = 0;
    double weight = 1;
    double reach = 0;  // greatest rate possible: min of bound and capacity / coefficient
    double bound = 0;
    double rate = 0;
  };

  std::uint32_t allocate_usages(std::size_t count);
  void release_usages(std::uint32_t first, std::size_t count);
  void attach(std::uint32_t share);
  void detach(std::uint32_t share);
  void change_potential(std::uint32_t resource, double delta);
  double reach_of(const Share& share) const;
  bool is_tight(const Resource& resource) const;
  void mark_dirty(std::uint32_t resource);
  void collect_component(std::uint32_t seed);
  void fill_component();
  void fill_class(std::span<const std::uint32_t> shares);
  std::uint32_t tightest_resource();
  void fix(std::uint32_t share, double rate);
  void set_rate(std::uint32_t share, double rate);

  std::vector<Resource> resources_;
  std::vector<Share> shares_;
  std::vector<std::uint32_t> free_shares_;
  std::vector<Usage> usages_;             // all usages, in blocks of 2^k
  std::vector<std::uint32_t> positions_;  // of each usage in its resource's member list
  std::vector<std::vector<std::uint32_t>> free_blocks_;  // by k
  std::vector<std::uint32_t> dirty_;
  std::vector<std::uint32_t> fresh_;
  std::vector<ShareId> changed_;
  std::vector<std::uint32_t> component_shares_;
  std::vector<std::uint32_t> component_resources_;
  std::vector<std::uint32_t> by_bound_;
  std::vector<std::pair<double, std::uint32_t>> levels_;
  std::uint64_t visit_ = 0;
  std::size_t active_ = 0;
  std::uint64_t solves_ = 0;
  std::uint64_t shares_filled_ = 0;
};

}  // namespace orrery
