#include "models/symmetry.hpp"

#include <algorithm>
#include <bit>
#include <set>
#include <tuple>
#include <utility>

#include "sim/base/colour_refinement.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

/// More messages than this are not looked at: it would take about a second and 300 MB.
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
  std::int64_t bytes;  // of a collective: they decide how it is cut
  auto operator<=>(const Alike&) const = default;
};

/// Objects: first the ranks, then the links, then the groups of collectives.
class Search {
 public:
  Search(const TaskGraph& graph, const Fabric& fabric, CollectiveCalls& calls)
      : graph_(&graph),
        fabric_(&fabric),
        calls_(&calls),
        rank_count_(static_cast<std::uint32_t>(graph.world_size())) {}

  std::optional<Symmetry> find() {
    std::set<Alike> seen;
    std::vector<const Op*> ops;
    for (const Op& op : graph_->ops()) {
      const bool collective = op.kind == OpKind::collective;
      const Alike alike{op.ranks, op.peers, op.group_size, op.collective,
                        collective ? op.bytes.count() : -1};
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
    const std::size_t links = fabric_->links().size();
    const auto classes = refinement.refine((rank_count_ + links + group_count_) / 2 + 1);
    if (!classes) return std::nullopt;
    return symmetry_of(*classes);
  }

 private:
  /// Ranks by the sets they are in, links by what they are. Ranks beyond the graph's are idle.
  std::vector<std::uint64_t> first_colours(std::span<const Op* const> ops) {
    std::vector<std::uint64_t> colours(rank_count_, 0);
    for (std::size_t set = 0; set < graph_->rank_set_count(); ++set) {
      for (const Rank rank : graph_->ranks(RankSetId(set))) {
        colours[static_cast<std::size_t>(rank)] += key_of(Fact::in_set, set);
      }
    }
    for (const Fabric::Link& link : fabric_->links()) {
      colours.push_back(key_of(Fact::link, std::bit_cast<std::uint64_t>(link.capacity),
                               link.latency.count(), fnv1a(link.kind)));
    }
    for (const Op* op : ops) {
      if (op->kind == OpKind::collective) {
        group_count_ += graph_->ranks(op->ranks).size() / op->group_size;
      }
    }
    colours.resize(colours.size() + group_count_, 0);
    next_group_ = static_cast<std::uint32_t>(rank_count_ + fabric_->links().size());
    return colours;
  }

  /// From one rank to another over the links between them.
  void add_message(std::uint64_t key, Rank from, Rank to, ColourRefinement& refinement) {
    objects_.assign({static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to)});
    if (from != to) {
      route_.clear();
      fabric_->append_route(from, to, route_);
      for (const int link : route_) {
        objects_.push_back(rank_count_ + static_cast<std::uint32_t>(link));
      }
    }
    // The length is part of the key: a route of two links is nothing like one of four.
    refinement.add(key + objects_.size(), objects_);
  }

  bool add_transfer(const Op& op, ColourRefinement& refinement) {
    const std::span<const Rank> sources = graph_->ranks(op.ranks);
    const std::span<const Rank> destinations = graph_->ranks(op.peers);
    const std::uint64_t key = key_of(Fact::transfer, op.ranks.index(), op.peers.index());
    for (std::size_t i = 0; i < sources.size(); ++i) {
      add_message(key, sources[i], destinations[i], refinement);
    }
    return refinement.relations() <= kMaximumRelations;
  }

  bool add_collective(const Op& op, ColourRefinement& refinement) {
    if (op.kind != OpKind::collective) return true;
    const std::span<const Rank> ranks = graph_->ranks(op.ranks);
    const std::uint64_t key = key_of(Fact::member, op.ranks.index(), op.group_size);
    const std::uint64_t message_key =
        key_of(Fact::message, op.ranks.index(), op.group_size, op.collective, op.bytes.count());
    const CollectiveProgram* program =
        op.group_size > 1 ? &calls_->program_for(op, op.group_size) : nullptr;
    std::vector<int> patterns;
    for (int step = 0; program != nullptr && step < program->steps(); ++step) {
      if (program->pattern(step) == step) patterns.push_back(step);
    }
    for (std::size_t begin = 0; begin < ranks.size(); begin += op.group_size) {
      const std::span<const Rank> group = ranks.subspan(begin, op.group_size);
      for (const Rank rank : group) {
        const std::uint32_t pair[] = {next_group_, static_cast<std::uint32_t>(rank)};
        refinement.add(key, pair);
      }
      ++next_group_;
      for (const int step : patterns) {
        if (refinement.relations() > kMaximumRelations) return false;
        add_step(*program, step, group, scramble(message_key + static_cast<unsigned>(step)),
                 refinement);
      }
    }
    return refinement.relations() <= kMaximumRelations;
  }

  void add_step(const CollectiveProgram& program, int step, std::span<const Rank> group,
                std::uint64_t step_key, ColourRefinement& refinement) {
    for (std::size_t member = 0; member < group.size(); ++member) {
      sends_.clear();
      program.sends(static_cast<int>(member), step, sends_);
      for (const Send& send : sends_) {
        const auto size = static_cast<std::uint64_t>(send.bytes.count());
        add_message(scramble(step_key ^ (size << 1U | (send.reduces ? 1U : 0U))), group[member],
                    group[static_cast<std::size_t>(send.to)], refinement);
      }
    }
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
    split(0, rank_count_, symmetry.rank_class, symmetry.ranks_in);
    if (2 * symmetry.ranks_in.size() > rank_count_) return std::nullopt;
    split(rank_count_, rank_count_ + fabric_->links().size(), symmetry.link_class,
          symmetry.links_in);
    return symmetry;
  }

  const TaskGraph* graph_;
  const Fabric* fabric_;
  CollectiveCalls* calls_;
  std::uint32_t rank_count_;
  std::size_t group_count_ = 0;
  std::uint32_t next_group_ = 0;
  std::vector<std::uint32_t> objects_;
  std::vector<int> route_;
  std::vector<Send> sends_;
};

}  // namespace

std::optional<Symmetry> find_symmetry(const TaskGraph& graph, const Fabric& fabric,
                                      CollectiveCalls& calls) {
  return Search(graph, fabric, calls).find();
}

}  // namespace orrery
