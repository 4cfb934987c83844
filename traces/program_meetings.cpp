#include "traces/program_meetings.hpp"

#include <algorithm>
#include <map>
#include <queue>
#include <tuple>
#include <utility>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

class Meetings {
 public:
  Meetings(const RankPrograms& programs, const std::vector<std::vector<std::uint32_t>>& order)
      : programs_(&programs), order_(&order) {}

  std::vector<std::vector<Place>> meet() {
    using Message = std::tuple<Rank, Rank, std::uint64_t>;  // from, to, tag
    std::map<Message, std::pair<std::vector<Place>, std::vector<Place>>> messages;
    std::map<std::uint32_t, std::vector<std::vector<Place>>> collectives;  // by group and member
    for (Rank rank = 0; rank < static_cast<Rank>(programs_->ranks.size()); ++rank) {
      for (const std::uint32_t i : (*order_)[static_cast<std::size_t>(rank)]) {
        const Place place{rank, i};
        const RankOp& of = op_at(*programs_, place);
        if (of.kind == RankOp::Kind::send) {
          messages[{rank, of.peer, of.tag}].first.push_back(place);
        } else if (of.kind == RankOp::Kind::receive) {
          messages[{of.peer, rank, of.tag}].second.push_back(place);
        } else if (of.kind == RankOp::Kind::collective) {
          runs_of(collectives, place).push_back(place);
        } else {
          add_node({place});
        }
      }
    }
    for (const auto& [message, ends] : messages) meet_messages(message, ends.first, ends.second);
    for (const auto& [group, runs] : collectives) meet_collectives(group, runs);
    return std::move(nodes_);
  }

 private:
  std::vector<Place>& runs_of(std::map<std::uint32_t, std::vector<std::vector<Place>>>& all,
                              Place place) const {
    const std::vector<Rank>& group = programs_->groups[op_at(*programs_, place).group];
    const auto member = std::find(group.begin(), group.end(), place.rank);
    if (member == group.end()) {
      throw DeadlockError(describe(*programs_, place) + " runs in a group that its rank is not in");
    }
    std::vector<std::vector<Place>>& runs = all[op_at(*programs_, place).group];
    runs.resize(group.size());
    return runs[static_cast<std::size_t>(member - group.begin())];
  }

  void add_node(std::vector<Place> members) { nodes_.push_back(std::move(members)); }

  void meet_messages(const std::tuple<Rank, Rank, std::uint64_t>& message,
                     const std::vector<Place>& sends, const std::vector<Place>& receives) {
    if (sends.size() != receives.size()) {
      const auto [from, to, tag] = message;
      throw DeadlockError("rank " + std::to_string(from) + " sends " +
                          std::to_string(sends.size()) + " messages of tag " + std::to_string(tag) +
                          " to rank " + std::to_string(to) + ", which receives " +
                          std::to_string(receives.size()));
    }
    for (std::size_t i = 0; i < sends.size(); ++i) add_node({sends[i], receives[i]});
  }

  void meet_collectives(std::uint32_t group, const std::vector<std::vector<Place>>& runs) {
    for (std::size_t member = 0; member < runs.size(); ++member) {
      if (runs[member].size() == runs[0].size()) continue;
      const std::vector<Rank>& ranks = programs_->groups[group];
      throw DeadlockError(
          "rank " + std::to_string(ranks[0]) + " runs " + std::to_string(runs[0].size()) +
          " collectives of a group of " + std::to_string(ranks.size()) + ", and rank " +
          std::to_string(ranks[member]) + " of it " + std::to_string(runs[member].size()));
    }
    for (std::size_t i = 0; i < runs[0].size(); ++i) {
      std::vector<Place> members;
      for (const std::vector<Place>& of : runs) {
        if (op_at(*programs_, of[i]).collective != op_at(*programs_, runs[0][i]).collective) {
          throw DeadlockError(describe(*programs_, runs[0][i]) + " meets " +
                              describe(*programs_, of[i]) + ", which is another collective");
        }
        members.push_back(of[i]);
      }
      add_node(std::move(members));
    }
  }

  const RankPrograms* programs_;
  const std::vector<std::vector<std::uint32_t>>* order_;
  std::vector<std::vector<Place>> nodes_;
};

}  // namespace

std::string describe(const RankPrograms& programs, Place place) {
  return "\"" + programs.names.text(op_at(programs, place).label) + "\" (" +
         std::to_string(place.op) + ") of rank " + std::to_string(place.rank);
}

std::vector<std::uint32_t> program_order(const RankPrograms& programs, Rank rank) {
  const std::vector<RankOp>& program = programs.ranks[static_cast<std::size_t>(rank)];
  std::vector<std::uint32_t> waits(program.size());
  std::vector<std::vector<std::uint32_t>> next(program.size());
  for (std::uint32_t i = 0; i < program.size(); ++i) {
    for (const std::uint32_t before : program[i].after) {
      ORRERY_CHECK(before < program.size(), "an op waits for one that does not exist");
      next[before].push_back(i);
      ++waits[i];
    }
  }
  using Key = std::pair<Time, std::uint32_t>;
  std::priority_queue<Key, std::vector<Key>, std::greater<>> free;
  const auto release = [&](std::uint32_t i) { free.emplace(program[i].start.value_or(Time()), i); };
  for (std::uint32_t i = 0; i < program.size(); ++i) {
    if (waits[i] == 0) release(i);
  }
  std::vector<std::uint32_t> order;
  while (!free.empty()) {
    const std::uint32_t i = free.top().second;
    free.pop();
    order.push_back(i);
    for (const std::uint32_t after : next[i]) {
      if (--waits[after] == 0) release(after);
    }
  }
  if (order.size() < program.size()) {
    const auto stuck = std::find_if(waits.begin(), waits.end(), [](auto w) { return w > 0; });
    throw DeadlockError(
        "ops of rank " + std::to_string(rank) + " wait for each other in a circle: " +
        describe(programs, {rank, static_cast<std::uint32_t>(stuck - waits.begin())}) +
        " is in it, or behind it");
  }
  return order;
}

std::vector<std::vector<Place>> meetings(const RankPrograms& programs,
                                         const std::vector<std::vector<std::uint32_t>>& order) {
  return Meetings(programs, order).meet();
}

}  // namespace orrery
