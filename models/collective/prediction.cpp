#include "models/collective/prediction.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "models/collective/member_times.hpp"
#include "models/collective/rehearsal.hpp"
#include "models/collective/step_runs.hpp"
#include "models/incast.hpp"
#include "models/transports.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

constexpr int kMostSteps = 64;                   // that are looked at, if none is repeated more
constexpr int kMostAhead = 64;                   // steps before its receipts
constexpr std::size_t kMostSends = 1024 * 1024;  // of a step; more are not looked at
constexpr std::size_t kMostMessages = 32'768;    // of a step that are looked at
constexpr std::size_t kMostHops = 262'144;       // the same
constexpr std::size_t kMostRehearsed = 8192;     // links of all messages of a program
constexpr double kLongestRehearsed = 1e6;  // seconds; simulated time has an end at nine times this
constexpr double kApart = 1e-3;            // of the whole; less is none
constexpr std::size_t kMostWalked = 2'097'152;  // messages of a program, but 64 times each step

struct Sent {
  int from = 0;
  int to = 0;
  Bytes bytes;
  bool meets = false;
};

}  // namespace

struct CollectivePrediction::Impl {
  explicit Impl(Fabric& of_cluster)
      : resting(of_cluster),
        fabric(&of_cluster),
        busy(fabric->links().size(), 0.0),
        from_end(busy.size(), 0),
        total(busy) {
    const Transports& transports = fabric->transports();
    if (transports.watches_incast()) {
      senders.resize(static_cast<std::size_t>(transports.nics()));
    }
  }

  const Fabric::Link& link(int index) const {
    return fabric->links()[static_cast<std::size_t>(index)];
  }
  Fabric::Route route(Rank from, Rank to) { return resting.route(from, to); }
  bool collect(const CollectiveProgram& program, int step, int members);
  std::size_t one_of(std::span<const Rank> group);
  void time_messages(std::span<const Rank> group, int times);
  void add(const Sent& sent, Rank from, Rank to);
  void note_sender(Rank from, Rank to);
  void loads_to_seconds(std::size_t every);
  void spread_evenly(std::size_t every);

  RestingFabric resting;
  const Fabric* fabric;
  std::vector<Sent> sends;                // of the step at hand
  CollectiveProgram::Load load;           // of those of them that meet
  std::vector<TimedMessage> messages;     // those of them that are looked at
  std::vector<int> hops;                  // the links of all of these, one after the other
  std::vector<std::size_t> first_hops;    // of each
  std::vector<double> busy;               // by link: what it carries, then how long that takes
  std::vector<std::vector<int>> senders;  // by adapter, where incast matters: who send into it
  std::vector<int> touched;               // links that carry something
  std::vector<int> from_end;              // by link: how far it is from the nearer end of a route
  std::vector<double> total;              // by link: for how long it carries something in all steps
};

/// The sends of a step. False where there are too many.
bool CollectivePrediction::Impl::collect(const CollectiveProgram& program, int step, int members) {
  sends.clear();
  load = program.meeting_load();
  std::vector<Send> of_member;
  for (int member = 0; member < members; ++member) {
    of_member.clear();
    program.sends(member, step, of_member);
    for (const Send& send : of_member) sends.push_back({member, send.to, send.bytes, send.meets});
    if (sends.size() > kMostSends) return false;
  }
  return true;
}

/// Of how many sends one is looked at.
std::size_t CollectivePrediction::Impl::one_of(std::span<const Rank> group) {
  if (sends.empty()) return 1;
  const Sent& first = sends.front();
  const Fabric::Route of_first =
      route(group[static_cast<std::size_t>(first.from)], group[static_cast<std::size_t>(first.to)]);
  const std::size_t most = std::min(kMostMessages, kMostHops / of_first.links.size() + 1);
  return (sends.size() - 1) / most + 1;
}

/// Makes messages of the sends that were collected, of a step that is repeated so many times.
void CollectivePrediction::Impl::time_messages(std::span<const Rank> group, int times) {
  messages.clear();
  hops.clear();
  first_hops.clear();
  const std::size_t every = one_of(group);
  if (!senders.empty()) {  // all of them, also where few messages are looked at
    for (const Sent& sent : sends) {
      note_sender(group[static_cast<std::size_t>(sent.from)],
                  group[static_cast<std::size_t>(sent.to)]);
    }
  }
  for (std::size_t number = 0; number < sends.size(); ++number) {
    // Drawn, as what is counted out may always be of the same distance.
    if (every > 1 && scramble(number) % every != 0) continue;
    const Sent& sent = sends[number];
    add(sent, group[static_cast<std::size_t>(sent.from)], group[static_cast<std::size_t>(sent.to)]);
  }
  first_hops.push_back(hops.size());
  loads_to_seconds(every);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    double busiest = 0;
    for (std::size_t hop = first_hops[i]; hop < first_hops[i + 1]; ++hop) {
      busiest = std::max(busiest, busy[static_cast<std::size_t>(hops[hop])]);
    }
    messages[i].leaves = messages[i].held + std::max(messages[i].least, busiest);
  }
  for (const int index : touched) {
    total[static_cast<std::size_t>(index)] += times * busy[static_cast<std::size_t>(index)];
    busy[static_cast<std::size_t>(index)] = 0;
  }
  touched.clear();
}

void CollectivePrediction::Impl::add(const Sent& sent, Rank from, Rank to) {
  const Fabric::Route route = this->route(from, to);
  first_hops.push_back(hops.size());
  const CollectiveProgram::Load no_load{};
  const std::size_t length = route.links.size();
  for (std::size_t i = 0; i < length; ++i) {
    const auto index = static_cast<std::size_t>(route.links[i]);
    const int distance = static_cast<int>(std::min(i, length - 1 - i));
    if (busy[index] == 0) {
      touched.push_back(route.links[i]);
      from_end[index] = distance;
    }
    from_end[index] = std::min(from_end[index], distance);
    busy[index] +=
        sent.bytes.as_double() * resting.taken(sent.bytes, route, i, sent.meets ? load : no_load);
    hops.push_back(route.links[i]);
  }
  const TransportTerms adds = resting.terms(sent.bytes, from, to, route);
  messages.push_back({.from = sent.from,
                      .to = sent.to,
                      .held = to_seconds(adds.head),
                      .least = sent.bytes.as_double() / adds.bound,
                      .latency = to_seconds(route.latency),
                      .meets = sent.meets});
}

void CollectivePrediction::Impl::note_sender(Rank from, Rank to) {
  const Fabric::Place source = fabric->place(from);
  const Fabric::Place target = fabric->place(to);
  if (source.node == target.node) return;
  const Transports::Receiving ports = fabric->transports().receiving(source, target);
  for (int port = ports.first; port < ports.first + ports.count; ++port) {
    std::vector<int>& known = senders[static_cast<std::size_t>(port)];
    if (known.empty() || known.back() != ports.source) known.push_back(ports.source);
  }
}

/// In place of the load of each link how long it takes to carry it. A port into which several
/// adapters send carries less.
void CollectivePrediction::Impl::loads_to_seconds(std::size_t every) {
  for (const int index : touched) busy[static_cast<std::size_t>(index)] /= link(index).capacity;
  for (std::size_t port = 0; port < senders.size(); ++port) {
    const auto index = static_cast<std::size_t>(fabric->transports().parts().incast) + port;
    std::vector<int>& known = senders[port];
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    busy[index] /= incast_share(fabric->transports().incast_efficiency(), known.size());
    known.clear();
  }
  if (every > 1) spread_evenly(every);
}

/// Of one in `every` message the average over links that are alike, scaled to all messages.
void CollectivePrediction::Impl::spread_evenly(std::size_t every) {
  struct Sum {
    double seconds = 0;
    int links = 0;
  };
  std::map<std::tuple<std::string_view, double, int>, Sum> sums;
  const auto sum_of = [&](int index) -> Sum& {
    const Fabric::Link& of = link(index);
    return sums[{of.kind, of.capacity, from_end[static_cast<std::size_t>(index)]}];
  };
  for (const int index : touched) {
    Sum& sum = sum_of(index);
    sum.seconds += busy[static_cast<std::size_t>(index)];
    ++sum.links;
  }
  for (const int index : touched) {
    const Sum& sum = sum_of(index);
    busy[static_cast<std::size_t>(index)] = sum.seconds / sum.links * static_cast<double>(every);
  }
}

CollectivePrediction::CollectivePrediction(Fabric& fabric)
    : impl_(std::make_unique<Impl>(fabric)) {}
CollectivePrediction::~CollectivePrediction() = default;

double CollectivePrediction::seconds(const CollectiveProgram& program,
                                     std::span<const Rank> group) {
  const int members = static_cast<int>(group.size());
  MemberTimes times(members, std::min(program.lag(), kMostAhead));
  const StepRuns all = step_runs(program, kMostSteps);
  std::fill(impl_->total.begin(), impl_->total.end(), 0.0);
  std::vector<std::vector<TimedMessage>> messages(all.kinds.size());  // of those that come again
  std::size_t hops = 0;                                               // of all messages
  for (std::size_t index = 0; index < all.runs.size(); ++index) {
    const StepRuns::Run& run = all.runs[index];
    const StepRuns::Kind& kind = all.kinds[static_cast<std::size_t>(run.kind)];
    std::vector<TimedMessage>& of_kind = messages[static_cast<std::size_t>(run.kind)];
    if (of_kind.empty()) {
      if (!impl_->collect(program, kind.step, members)) {
        return std::numeric_limits<double>::infinity();
      }
      impl_->time_messages(group, kind.count);
      hops += impl_->hops.size() * static_cast<std::size_t>(kind.count);
      of_kind = impl_->messages;
    }
    times.walk(of_kind, run.count, kMostWalked / all.runs.size());
    if (kind.last_run == static_cast<int>(index)) of_kind = {};
  }
  // Where members are apart messages of several steps are on a link at once.
  if (times.apart() > kApart * times.end() && hops <= kMostRehearsed &&
      times.end() < kLongestRehearsed) {
    return rehearsed_seconds(impl_->resting, program, group);
  }
  // Never less than all that it carries.
  return std::max(times.end(), *std::max_element(impl_->total.begin(), impl_->total.end()));
}

std::uint64_t CollectivePrediction::reach(std::span<const Rank> group) {
  std::uint64_t hash = group.size();
  const auto see = [&](Rank from, Rank to) {
    const Fabric::Route route = impl_->route(from, to);
    for (const int index : route.links) {
      const Fabric::Link& link = impl_->link(index);
      hash = scramble(hash ^ static_cast<std::uint64_t>(link.latency.count()));
      hash = scramble(hash ^ std::bit_cast<std::uint64_t>(link.capacity));
    }
    hash = scramble(hash);
  };
  for (std::size_t away = 1; away < group.size(); away *= 2) see(group.front(), group[away]);
  see(group.back(), group.front());
  return hash;
}

}  // namespace orrery
