#include "models/topology/surviving.hpp"

#include <algorithm>
#include <limits>

#include "models/topology/walk.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr int kFar = std::numeric_limits<int>::max() / 2;

std::size_t size(int index) {
  return static_cast<std::size_t>(index);
}

}  // namespace

Surviving::Surviving(const Topology& whole)
    : whole_(&whole),
      up_(whole.links().size(), true),
      out_(size(whole.vertices())),
      in_(size(whole.vertices())) {
  for (std::size_t i = 0; i < links().size(); ++i) {
    out_[size(links()[i].from)].push_back(static_cast<int>(i));
    in_[size(links()[i].to)].push_back(static_cast<int>(i));
  }
}

void Surviving::set_up(int link, bool up) {
  if (is_up(link) == up) return;
  up_[size(link)] = up;
  down_ = up ? down_ - 1 : down_ + 1;
  hops_.clear();
}

Surviving::Goal Surviving::goal_of(int to) const {
  const std::vector<int>& into = in_[size(to)];
  if (into.size() != 1 || !is_up(into.front())) return {to, -1};
  return {link(into.front()).from, into.front()};
}

const std::vector<int>& Surviving::hops_to(int destination) const {
  const auto [entry, is_new] = hops_.try_emplace(destination);
  std::vector<int>& hops = entry->second;
  if (!is_new) return hops;
  hops.assign(size(vertices()), kFar);
  hops[size(destination)] = 0;
  std::vector<int> queue = {destination};
  for (std::size_t at = 0; at < queue.size(); ++at) {
    for (const int index : in_[size(queue[at])]) {
      int& there = hops[size(link(index).from)];
      if (!is_up(index) || there != kFar) continue;
      there = hops[size(queue[at])] + 1;
      queue.push_back(link(index).from);
    }
  }
  return hops;
}

/// Through the goal of `to`, so that all endpoints of a switch share what is kept.
int Surviving::hops(int from, int to) const {
  if (from == to) return 0;
  const Goal goal = goal_of(to);
  return hops_to(goal.vertex)[size(from)] + (goal.last >= 0 ? 1 : 0);
}

bool Surviving::joins(int from, int to) const {
  return hops(from, to) < kFar;
}

void Surviving::append_next_links(int vertex, int destination, std::vector<int>& next) const {
  const int left = hops(vertex, destination);
  if (left == 0 || left >= kFar) return;
  for (const int index : out_[size(vertex)]) {
    if (is_up(index) && hops(link(index).to, destination) == left - 1) next.push_back(index);
  }
}

void Surviving::append_route(int from, int to, std::uint64_t flow_hash,
                             std::vector<int>& route) const {
  const std::size_t before = route.size();
  whole_->append_route(from, to, flow_hash, route);
  if (std::all_of(route.begin() + static_cast<std::ptrdiff_t>(before), route.end(),
                  [this](int index) { return is_up(index); })) {
    return;
  }
  route.resize(before);
  append_hashed_walk(*this, from, to, flow_hash, route);
}

void Surviving::append_shares(int from, int to, std::uint64_t flow_hash,
                              std::vector<LinkShare>& shares) const {
  const std::size_t before = shares.size();
  whole_->append_shares(from, to, flow_hash, shares);
  if (std::all_of(shares.begin() + static_cast<std::ptrdiff_t>(before), shares.end(),
                  [this](const LinkShare& part) { return is_up(part.link); })) {
    return;
  }
  shares.resize(before);
  append_equal_parts(*this, from, to, shares);
}

void Surviving::append_adapted_route(int from, int to, std::uint64_t flow_hash,
                                     const LinkLoads& loads, const Topology&,
                                     std::vector<int>& route) const {
  const std::size_t before = route.size();
  whole_->append_adapted_route(from, to, flow_hash, loads, *this, route);
  // A static route does not adapt, and may be broken.
  if (std::all_of(route.begin() + static_cast<std::ptrdiff_t>(before), route.end(),
                  [this](int index) { return is_up(index); })) {
    return;
  }
  route.resize(before);
  append_hashed_walk(*this, from, to, flow_hash, route);
}

}  // namespace orrery
