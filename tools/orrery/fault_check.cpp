#include "tools/orrery/fault_check.hpp"

#include <set>
#include <tuple>
#include <unordered_set>

#include "models/collective/collective_calls.hpp"

namespace orrery {
namespace {

constexpr std::size_t kMostPairs = 2'000'000;

/// The links that are down at the start for good, by link, and the last fault that took one.
struct DownForGood {
  std::vector<bool> links;
  const Fault* last = nullptr;
};

DownForGood down_for_good(const Scenario& scenario) {
  DownForGood down;
  down.links.resize(scenario.fabric->links().size());
  for (const Fault& fault : scenario.faults) {
    for (const int link : fault.links) {
      if (fault.kind == Fault::Kind::up) down.links[static_cast<std::size_t>(link)] = false;
      if (fault.kind != Fault::Kind::down || fault.at != Time()) continue;
      down.links[static_cast<std::size_t>(link)] = true;
      down.last = &fault;
    }
  }
  return down;
}

/// Links of a fabric that are out of service as long as it lives.
class OutOfService {
 public:
  OutOfService(Fabric& fabric, const std::vector<bool>& down) : fabric_(&fabric), down_(&down) {
    fabric.set_loads(&idle_);  // its routes change
    set(false);
  }
  ~OutOfService() {
    set(true);
    fabric_->set_loads(nullptr);
  }
  OutOfService(const OutOfService&) = delete;
  OutOfService& operator=(const OutOfService&) = delete;

 private:
  void set(bool up) {
    for (std::size_t link = 0; link < down_->size(); ++link) {
      if ((*down_)[link]) fabric_->set_up(static_cast<int>(link), up);
    }
  }
  Fabric* fabric_;
  const std::vector<bool>* down_;
  LinkLoads idle_ = [](int) { return 0.0; };
};

class Messages {
 public:
  Messages(const Scenario& scenario, const Job& job, const Builtins& builtins)
      : graph_(&job.graph), calls_(builtins.collectives, scenario.collectives, *scenario.fabric) {}

  /// Calls visit(from, to) for every pair of devices between which something is sent.
  template <class Visit>
  void for_each(Visit visit) {
    std::set<std::tuple<std::size_t, std::uint32_t, int, std::int64_t, std::uint32_t>> known;
    for (const Op& op : graph_->ops()) {
      const std::span<const Rank> ranks = graph_->ranks(op.ranks);
      if (op.kind == OpKind::transfer && op.copy == CopyKind::device_to_device) {
        const std::span<const Rank> peers = graph_->ranks(op.peers);
        for (std::size_t i = 0; i < ranks.size(); ++i) offer(ranks[i], peers[i], visit);
      } else if (op.kind == OpKind::collective && op.group_size > 1 &&
                 known
                     .emplace(op.ranks.index(), op.group_size, static_cast<int>(op.collective),
                              op.bytes.count(), op.root)
                     .second) {
        for (std::size_t begin = 0; begin < ranks.size(); begin += op.group_size) {
          visit_group(op, ranks.subspan(begin, op.group_size), visit);
        }
      }
    }
  }

 private:
  template <class Visit>
  void offer(Rank from, Rank to, Visit& visit) {
    const std::uint64_t pair = static_cast<std::uint64_t>(from) << 32U | static_cast<unsigned>(to);
    if (from == to || seen_.size() > kMostPairs || !seen_.insert(pair).second) return;
    visit(from, to);
  }

  template <class Visit>
  void visit_group(const Op& op, std::span<const Rank> group, Visit& visit) {
    const CollectiveProgram& program = calls_.program_for(*graph_, op, group);
    std::vector<Send> sends;
    for (int step = 0; step < program.steps(); ++step) {
      if (program.pattern(step) != step || seen_.size() > kMostPairs) continue;
      for (std::size_t member = 0; member < group.size(); ++member) {
        sends.clear();
        program.sends(static_cast<int>(member), step, sends);
        for (const Send& send : sends) {
          offer(group[member], group[static_cast<std::size_t>(send.to)], visit);
        }
      }
    }
  }

  const TaskGraph* graph_;
  CollectiveCalls calls_;
  std::unordered_set<std::uint64_t> seen_;  // looked up only
};

}  // namespace

void check_faults(const Scenario& scenario, const Job& job, const Builtins& builtins) {
  const DownForGood down = down_for_good(scenario);
  if (down.last == nullptr) return;
  Fabric& fabric = *scenario.fabric;
  Messages messages(scenario, job, builtins);
  const OutOfService now(fabric, down.links);
  messages.for_each([&](Rank from, Rank to) {
    if (fabric.joins(from, to)) return;
    throw ScenarioError(
        {{down.last->file, down.last->pointer, cut_text(fabric, from, to, down.links)}});
  });
}

}  // namespace orrery
