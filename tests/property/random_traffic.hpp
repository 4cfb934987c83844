#pragma once

#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/collective/collective_site.hpp"
#include "tests/property/random_cluster.hpp"

namespace orrery {

/// One op of a traffic: a transfer from `ranks[0]` to `ranks[1]`, one-sided, or a collective of all
/// ranks in groups. The op named by `after`, an earlier one, must have ended before it.
struct Flow {
  bool is_collective = false;
  CollectiveKind kind = CollectiveKind::all_reduce;
  std::vector<Rank> ranks;
  std::uint32_t group_size = 0;
  std::uint32_t root = 0;  // position in each group
  Bytes bytes;
  std::shared_ptr<const SizeTable> sizes{};  // all_to_all_v
  std::int16_t priority = 0;
  int stream = 0;
  std::optional<std::size_t> after;
};

struct DrawnTraffic {
  std::vector<Flow> flows;
  CollectiveChoice choice;
};

inline std::vector<std::size_t> as_drawn(const DrawnTraffic& traffic) {
  std::vector<std::size_t> order(traffic.flows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

/// Flows are added in `order`; ids[i] is the op of flow i.
struct TrafficGraph {
  TaskGraph graph;
  std::vector<OpId> ids;
};
inline TrafficGraph graph_of(const DrawnTraffic& traffic, Rank world_size,
                             const std::vector<std::size_t>& order) {
  TrafficGraph made{TaskGraph(world_size), std::vector<OpId>(traffic.flows.size())};
  for (const std::size_t index : order) {
    const Flow& flow = traffic.flows[index];
    Op op;
    op.kind = flow.is_collective ? OpKind::collective : OpKind::transfer;
    op.collective = flow.kind;
    op.stream = made.graph.stream("stream " + std::to_string(flow.stream));
    op.priority = flow.priority;
    op.bytes = flow.bytes;
    if (flow.is_collective) {
      op.ranks = made.graph.rank_set(flow.ranks);
      op.group_size = flow.group_size;
      op.root = flow.root;
      if (flow.sizes != nullptr) op.sizes = made.graph.sizes(flow.sizes);
    } else {
      op.ranks = made.graph.rank_set({flow.ranks[0]});
      op.peers = made.graph.rank_set({flow.ranks[1]});
    }
    made.ids[index] = made.graph.add(op);
  }
  for (std::size_t index = 0; index < traffic.flows.size(); ++index) {
    const auto& after = traffic.flows[index].after;
    if (after) made.graph.depend(made.ids[index], made.ids[*after]);
  }
  return made;
}
inline TrafficGraph graph_of(const DrawnTraffic& traffic, Rank world_size) {
  return graph_of(traffic, world_size, as_drawn(traffic));
}

inline std::string algorithm_of(const DrawnTraffic& traffic, CollectiveKind kind) {
  const std::string kind_name(to_string(kind));
  const std::string& chosen = traffic.choice.algorithm[static_cast<std::size_t>(kind)];
  return kind_name + "/" + (chosen == "auto" ? "ring" : chosen);
}

/// Calls visit(group, member, send, load) for each message of the program, group by group; `load`
/// is that of messages that end in switches.
template <class Visit>
void for_each_send(const Fabric& fabric, const DrawnTraffic& traffic, const Flow& flow,
                   Visit visit) {
  const auto registry = builtin_collectives();
  const std::span<const Rank> ranks = flow.ranks;
  const int members = static_cast<int>(flow.group_size);
  if (members == 1) return;
  std::vector<Send> sends;
  for (std::size_t first = 0; first < ranks.size(); first += flow.group_size) {
    const auto program = registry.find(algorithm_of(traffic, flow.kind))
                             ->make({.kind = flow.kind,
                                     .members = members,
                                     .size = flow.bytes,
                                     .root = static_cast<int>(flow.root),
                                     .chunk = traffic.choice.chunk,
                                     .site = site_of(fabric, ranks.subspan(first, flow.group_size)),
                                     .sizes = flow.sizes});
    for (int member = 0; member < members; ++member) {
      for (int step = 0; step < program->steps(); ++step) {
        sends.clear();
        program->sends(member, step, sends);
        for (const Send& send : sends) {
          const CollectiveProgram::Load load =
              send.meets ? program->meeting_load() : CollectiveProgram::Load{};
          visit(ranks.subspan(first, flow.group_size), member, send, load);
        }
      }
    }
  }
}

/// What a random traffic may hold.
struct TrafficLimits {
  int flows = 8;
  int streams = 0;  // 0: each flow has its own
  bool dependencies = true;
  bool priorities = true;
  bool transfers = true;
  bool collectives = true;
};

class RandomTraffic {
 public:
  RandomTraffic(std::uint64_t seed, int devices, const TrafficLimits& limits)
      : random_(seed, "random traffic"), devices_(devices), limits_(limits) {
    choose_algorithms();
    traffic_.choice.launch = Duration(random_.integer(0, 1) * random_.integer(1, 5'000'000));
    // At most some ten pieces, lest a case take long.
    if (random_.integer(0, 2) != 0)
      traffic_.choice.chunk = Bytes(random_.integer(100'000, 900'000));
    const std::int64_t flows = random_.integer(1, limits.flows);
    while (static_cast<std::int64_t>(traffic_.flows.size()) < flows) add_flow();
  }

  const DrawnTraffic& traffic() const { return traffic_; }

 private:
  /// Every registered algorithm comes up.
  void choose_algorithms() {
    const std::vector<std::string> names = builtin_collectives().names();
    for (std::size_t kind = 0; kind < traffic_.choice.algorithm.size(); ++kind) {
      const std::string prefix = std::string(to_string(kCollectiveKinds[kind])) + "/";
      std::vector<std::string> of_kind;
      for (const std::string& name : names) {
        if (name.starts_with(prefix)) of_kind.push_back(name.substr(prefix.size()));
      }
      const auto last = static_cast<std::int64_t>(of_kind.size()) - 1;
      traffic_.choice.algorithm[kind] = of_kind[static_cast<std::size_t>(random_.integer(0, last))];
    }
  }

  void add_flow() {
    Flow flow;
    flow.is_collective = limits_.collectives && (!limits_.transfers || random_.integer(0, 2) == 0);
    flow.kind = kCollectiveKinds[static_cast<std::size_t>(
        random_.integer(0, static_cast<std::int64_t>(kCollectiveKinds.size()) - 1))];
    const std::int64_t ranks = flow.is_collective ? random_.integer(1, devices_) : 2;
    for (Rank rank = 0; rank < devices_; ++rank) flow.ranks.push_back(rank);
    shuffle(flow.ranks, random_);
    flow.ranks.resize(static_cast<std::size_t>(ranks));
    do {
      flow.group_size = static_cast<std::uint32_t>(random_.integer(1, ranks));
    } while (ranks % flow.group_size != 0);
    const bool small = random_.integer(0, 5) == 0;
    flow.bytes = Bytes(random_.integer(0, small ? 3 : 6'000'000));
    if (flow.is_collective) {
      flow.root = static_cast<std::uint32_t>(
          has_root(flow.kind) ? random_.integer(0, std::int64_t{flow.group_size} - 1) : 0);
      if (flow.kind == CollectiveKind::all_to_all_v) add_sizes(flow);
    }
    if (limits_.priorities) flow.priority = static_cast<std::int16_t>(random_.integer(0, 1));
    const auto index = static_cast<std::int64_t>(traffic_.flows.size());
    flow.stream = static_cast<int>(limits_.streams == 0 ? index : index % limits_.streams);
    if (limits_.dependencies && index > 0 && random_.integer(0, 2) == 0) {
      flow.after = static_cast<std::size_t>(random_.integer(0, index - 1));
    }
    traffic_.flows.push_back(std::move(flow));
  }

  /// A third of the pairs send nothing, the others up to what an all-to-all would.
  void add_sizes(Flow& flow) {
    const auto members = static_cast<std::size_t>(flow.group_size);
    const std::int64_t most = flow.bytes.count() / flow.group_size;
    std::vector<Bytes> bytes;
    while (bytes.size() < members * members) {
      bytes.push_back(Bytes(random_.integer(0, 2) == 0 ? 0 : random_.integer(0, most)));
    }
    flow.sizes = std::make_shared<SizeTable>(static_cast<int>(members), std::move(bytes));
    flow.bytes = flow.sizes->busiest();
  }

  RandomStream random_;
  int devices_;
  TrafficLimits limits_;
  DrawnTraffic traffic_;
};

}  // namespace orrery
