#include "models/symmetry.hpp"

#include <algorithm>
#include <bit>
#include <set>
#include <tuple>
#include <utility>

#include "models/transports.hpp"
#include "sim/base/colour_refinement.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

/// More messages than this are not looked at: so many take 200 MB and a quarter of a second, more
/// where routes have to be searched for.
constexpr std::size_t kMaximumRelations = 8'000'000;

enum class Fact : std::uint64_t { in_set, link, transfer, member, message };

template <class... Parts>
std::uint64_t key_of(Fact fact, Parts... parts) {
  std::uint64_t key = scramble(static_cast<std::uint64_t>(fact));
  ((key = scramble(key ^ static_cast<std::uint64_t>(parts))), ...);
  return key;
}

bool orders_its_own_pairs(const TaskGraph& graph, const Op& op) {
  if (op.kind != OpKind::transfer || op.peer_stream != op.stream) return false;
  std::vector<Rank> sources(graph.ranks(op.ranks).begin(), graph.ranks(op.ranks).end());
  std::sort(sources.begin(), sources.end());
  return std::ranges::any_of(graph.ranks(op.peers), [&](Rank rank) {
    return std::binary_search(sources.begin(), sources.end(), rank);
  });
}

/// Ops that are alike to the search are looked at once.
struct Alike {
  RankSetId ranks;
  RankSetId peers;
  std::uint32_t group_size;
  CollectiveKind collective;
  CopyKind copy;
  std::int64_t bytes;  // of a collective: they decide how it is cut
  std::uint32_t root;
  SizesId sizes;
  auto operator<=>(const Alike&) const = default;
};

/// Objects: first the links, then the ranks, then the groups of collectives.
class Search {
 public:
  Search(const TaskGraph& graph, const Fabric& fabric, CollectiveCalls& calls)
      : graph_(&graph),
        fabric_(&fabric),
        calls_(&calls),
        rank_count_(static_cast<std::size_t>(graph.world_size())),
        links_(graph.uses_host() ? fabric.links() : fabric.links().first(fabric.first_host_link())),
        first_rank_(static_cast<int>(links_.size())) {}

  std::optional<Symmetry> find() {
    std::set<Alike> seen;
    std::vector<const Op*> ops;
    for (const Op& op : graph_->ops()) {
      const bool collective = op.kind == OpKind::collective;
      const Alike alike{op.ranks,      op.peers, op.group_size,
                        op.collective, op.copy,  collective ? op.bytes.count() : -1,
                        op.root,       op.sizes};
      if (!seen.insert(alike).second) continue;
      if (orders_its_own_pairs(*graph_, op)) return std::nullopt;
      ops.push_back(&op);
    }
    ColourRefinement refinement(first_colours(ops));
    for (const Op* op : ops) {
      if (!(op->kind == OpKind::transfer ? add_transfer(*op, refinement)
                                         : add_collective(*op, refinement))) {
        return std::nullopt;
      }
    }
    const std::size_t objects = links_.size() + rank_count_ + group_count_;
    const auto classes = refinement.refine(objects / 2 + 1);
    if (!classes) return std::nullopt;
    return symmetry_of(*classes);
  }

 private:
  /// Links by what they are, ranks by the sets they are in. Ranks beyond the graph's are idle.
  std::vector<std::uint64_t> first_colours(std::span<const Op* const> ops) {
    for (const Op* op : ops) {
      if (op->kind == OpKind::collective) {
        group_count_ += graph_->ranks(op->ranks).size() / op->group_size;
      }
    }
    std::vector<std::uint64_t> colours;
    colours.reserve(links_.size() + rank_count_ + group_count_);
    for (const Fabric::Link& link : links_) {
      const bool inside = fabric_->inside_node(static_cast<int>(colours.size()));
      colours.push_back(key_of(Fact::link, std::bit_cast<std::uint64_t>(link.capacity),
                               std::bit_cast<std::uint64_t>(link.raw_capacity),
                               link.latency.count(), fnv1a(link.kind), inside, link.is_part,
                               link.counts_messages, link.model));
    }
    colours.resize(colours.size() + rank_count_ + group_count_, 0);
    for (std::size_t set = 0; set < graph_->rank_set_count(); ++set) {
      const std::uint64_t in_set = key_of(Fact::in_set, set);
      for (const Rank rank : graph_->ranks(RankSetId(set))) {
        colours[static_cast<std::size_t>(first_rank_ + rank)] += in_set;
      }
    }
    next_group_ = first_rank_ + static_cast<int>(rank_count_);
    return colours;
  }

  /// From one rank to another over the links between them. Held back, to be added with others that
  /// are alike.
  void add_message(std::uint64_t key, Rank from, Rank to, ColourRefinement& refinement) {
    const std::size_t before = objects_.size();
    objects_.push_back(first_rank_ + from);
    objects_.push_back(first_rank_ + to);
    if (from != to && fabric_->spreads()) {
      shares_.clear();
      fabric_->append_route(from, to, objects_, &shares_);
      for (const double share : shares_) key = scramble(key ^ std::bit_cast<std::uint64_t>(share));
    } else if (from != to) {
      fabric_->append_route(from, to, objects_);
    }
    const std::size_t length = objects_.size() - before;
    if (key == held_key_ && length == held_length_ && before < kMostHeld) return;
    add_held(before, refinement);
    held_key_ = key;
    held_length_ = length;
  }

  void add_host_copy(std::uint64_t key, Rank rank, CopyKind copy, ColourRefinement& refinement) {
    std::vector<int> objects =
        copy == CopyKind::device_to_host ? fabric_->to_host(rank) : fabric_->from_host(rank);
    objects.insert(objects.begin(), first_rank_ + rank);
    refinement.add(key, objects.size(), objects);
  }

  void add_held(std::size_t size, ColourRefinement& refinement) {
    if (size == 0) return;
    refinement.add(held_key_, held_length_, std::span(objects_).first(size));
    objects_.erase(objects_.begin(), objects_.begin() + static_cast<std::ptrdiff_t>(size));
  }

  bool add_transfer(const Op& op, ColourRefinement& refinement) {
    const std::span<const Rank> sources = graph_->ranks(op.ranks);
    const std::span<const Rank> destinations = graph_->ranks(op.peers);
    const std::uint64_t key = key_of(Fact::transfer, op.ranks.index(), op.peers.index(), op.copy);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (op.copy != CopyKind::device_to_device) {
        add_host_copy(key, sources[i], op.copy, refinement);
        continue;
      }
      add_message(key, sources[i], destinations[i], refinement);
    }
    add_held(objects_.size(), refinement);
    return refinement.relations() <= kMaximumRelations;
  }

  bool add_collective(const Op& op, ColourRefinement& refinement) {
    if (op.kind != OpKind::collective) return true;
    const std::span<const Rank> ranks = graph_->ranks(op.ranks);
    const std::uint64_t key = key_of(Fact::member, op.ranks.index(), op.group_size);
    const std::uint64_t message_key =
        key_of(Fact::message, op.ranks.index(), op.group_size, op.collective, op.bytes.count(),
               op.root, op.sizes.index());
    for (std::size_t begin = 0; begin < ranks.size(); begin += op.group_size) {
      const std::span<const Rank> group = ranks.subspan(begin, op.group_size);
      for (const Rank rank : group) {
        const int pair[] = {next_group_, first_rank_ + rank};
        refinement.add(key, std::size(pair), pair);
      }
      ++next_group_;
      if (group.size() == 1) continue;
      const CollectiveProgram& program = calls_->program_for(*graph_, op, group);
      for (int step = 0; step < program.steps(); ++step) {
        if (program.pattern(step) != step) continue;
        if (refinement.relations() > kMaximumRelations) return false;
        add_step(program, step, group, scramble(message_key + static_cast<unsigned>(step)),
                 refinement);
      }
    }
    return refinement.relations() <= kMaximumRelations;
  }

  void add_step(const CollectiveProgram& program, int step, std::span<const Rank> group,
                std::uint64_t step_key, ColourRefinement& refinement) {
    const std::size_t before = refinement.members();
    std::uint64_t known = UINT64_MAX;  // what was sent last is mostly sent again
    std::uint64_t key = 0;
    for (std::size_t member = 0; member < group.size(); ++member) {
      sends_.clear();
      program.sends(static_cast<int>(member), step, sends_);
      for (const Send& send : sends_) {
        const std::uint64_t sent =
            static_cast<std::uint64_t>(send.bytes.count()) << 1U | (send.reduces ? 1U : 0U);
        if (sent != known) key = scramble(step_key ^ sent);
        known = sent;
        add_message(key, group[member], group[static_cast<std::size_t>(send.to)], refinement);
      }
      if (member == 0) {  // others will send about as much
        const std::size_t added = refinement.members() + objects_.size() - before;
        refinement.reserve(before + added * group.size());
      }
    }
    add_held(objects_.size(), refinement);
  }

  /// The classes of ranks and of links, each numbered by itself.
  std::optional<Symmetry> symmetry_of(const std::vector<std::uint32_t>& classes) const {
    const auto split = [&](std::size_t begin, std::size_t end, std::vector<std::uint32_t>& out,
                           std::vector<std::uint32_t>& counts) {
      constexpr std::uint32_t kNone = UINT32_MAX;
      std::vector<std::uint32_t> renumbered(classes.size(), kNone);
      for (std::size_t object = begin; object < end; ++object) {
        std::uint32_t& number = renumbered[classes[object]];
        if (number == kNone) {
          number = static_cast<std::uint32_t>(counts.size());
          counts.push_back(0);
        }
        ++counts[number];
        out.push_back(number);
      }
    };
    Symmetry symmetry;
    const std::size_t links = links_.size();
    split(links, links + rank_count_, symmetry.rank_class, symmetry.ranks_in);
    if (2 * symmetry.ranks_in.size() > rank_count_) return std::nullopt;
    split(0, links, symmetry.link_class, symmetry.links_in);
    return symmetry;
  }

  const TaskGraph* graph_;
  const Fabric* fabric_;
  CollectiveCalls* calls_;
  std::size_t rank_count_;
  std::span<const Fabric::Link> links_;  // those that the graph can use
  int first_rank_;
  std::size_t group_count_ = 0;
  int next_group_ = 0;
  // Messages that are not added yet: so many objects at most, and one message.
  static constexpr std::size_t kMostHeld = 4096;
  std::uint64_t held_key_ = 0;
  std::size_t held_length_ = 0;
  std::vector<int> objects_;
  std::vector<double> shares_;  // of the route at hand, where routes are of several ways
  std::vector<Send> sends_;
};

}  // namespace

std::optional<Symmetry> find_symmetry(const TaskGraph& graph, const Fabric& fabric,
                                      CollectiveCalls& calls) {
  if (fabric.adapts()) return std::nullopt;  // ties are broken by each pair's own hash
  if (fabric.transports().remembers()) return std::nullopt;
  return Search(graph, fabric, calls).find();
}

}  // namespace orrery
