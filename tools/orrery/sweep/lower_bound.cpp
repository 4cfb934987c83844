#include "tools/orrery/sweep/lower_bound.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "models/collective/collective_calls.hpp"
#include "sim/engine/engine.hpp"
#include "sim/graph/executor.hpp"

namespace orrery {
namespace {

/// Steps of all members beyond which a program is not looked through: its bytes count as none.
constexpr std::int64_t kMostSteps = 100'000;
/// The ends of an activity are rounded to the nearest picosecond, so that it may lose one.
constexpr Duration kRounding = Duration(1);

/// Rounded down, and a rounding less.
Duration at_least(double seconds) {
  const double picoseconds = std::floor(seconds * 1e12);
  if (!(picoseconds > 1)) return Duration(0);
  return Duration(static_cast<std::int64_t>(std::min(picoseconds, 9e18))) - kRounding;
}

/// Of each kernel of a graph, alone.
struct KernelTimes {
  std::vector<Duration> alone;  // launch included
  std::vector<double> math;     // seconds of all math pipes
  std::vector<double> memory;   // seconds of the whole bandwidth

  KernelTimes(const Scenario& scenario, const TaskGraph& graph) {
    const DeviceSpec& device = scenario.cluster.node.device;
    const bool jitters = scenario.variability.jitters();  // kernels, but never below their floor
    for (const Kernel& kernel : graph.kernels()) {
      const KernelCost cost = scenario.cost->cost(kernel, device);
      const double traffic = cost.memory_traffic / device.memory_bandwidth.as_double();
      const double busy = std::max(cost.math_seconds, traffic);
      const double least = jitters ? std::min(busy, cost.floor_seconds) : busy;
      alone.push_back(at_least(least) + (jitters ? Duration(0) : cost.launch));
      math.push_back(jitters ? 0 : cost.math_seconds);
      memory.push_back(jitters ? 0 : traffic);
    }
  }
};

/// The ideal machine.
class IdealRunner final : public Runner, private EventHandler {
 public:
  IdealRunner(Engine& engine, const Scenario& scenario, const Builtins& builtins,
              const TaskGraph& graph, const Symmetry* symmetry)
      : engine_(&engine),
        scenario_(&scenario),
        graph_(&graph),
        symmetry_(symmetry),
        times_(scenario, graph),
        calls_(builtins.collectives, scenario.collectives, *scenario.fabric) {}
  virtual ~IdealRunner() = default;

  void set_listener(RunListener& listener) { listener_ = &listener; }

  void start_compute(InstanceId instance, const Op& op, Rank) override {
    end_in(times_.alone[op.kernel.index()], {What::computed, instance, 0});
  }

  void start_transfer(InstanceId instance, const Op& op, Rank source, Rank destination) override {
    const bool crosses_links =
        source != destination && op.copy == CopyKind::device_to_device;  // else the host's, or none
    const Duration out = crosses_links ? through(op.bytes, port(source).out) : Duration(0);
    const Duration in = crosses_links ? through(op.bytes, port(destination).in) : Duration(0);
    end_in(out, {What::sent, instance, 0});
    end_in(std::max(out, in), {What::delivered, instance, 0});
  }

  void start_collective(InstanceId instance, const Op& op, std::span<const Rank> group) override {
    if (group.size() == 1) {
      end_in(Duration(0), {What::member, instance, 0});
      return;
    }
    const CollectiveCalls::Call& call = calls_.call_for(*graph_, op, group);
    const DeviceSpec& device = scenario_->cluster.node.device;
    const Duration launch = call.launch.value_or(device.collective_launch);
    const std::vector<Bytes>& received = received_by(call, static_cast<int>(group.size()));
    std::uint32_t position = 0;  // folded: of the first of each class, in the order of the group
    seen_.clear();
    for (std::size_t member = 0; member < group.size(); ++member) {
      const Rank rank = group[member];
      if (symmetry_ != nullptr) {
        const std::uint32_t of = symmetry_->rank_class[static_cast<std::size_t>(rank)];
        if (std::find(seen_.begin(), seen_.end(), of) != seen_.end()) continue;
        seen_.push_back(of);
      }
      end_in(launch + through(received[member], port(rank).in),
             {What::member, instance, position++});
    }
  }

 private:
  enum class What : std::uint8_t { computed, sent, delivered, member };
  struct Ending {
    What what;
    InstanceId instance;
    std::uint32_t position;
  };

  Fabric::Port port(Rank rank) const { return scenario_->fabric->port(rank); }

  static Duration through(Bytes bytes, double bandwidth) {
    return bandwidth > 0 ? at_least(bytes.as_double() / bandwidth) : Duration(0);
  }

  void end_in(Duration time, const Ending& ending) {
    std::uint32_t index = 0;
    if (free_.empty()) {
      index = static_cast<std::uint32_t>(endings_.size());
      endings_.push_back(ending);
    } else {
      index = free_.back();
      free_.pop_back();
      endings_[index] = ending;
    }
    engine_->schedule(engine_->now() + time, Phase::complete, *this, index);
  }

  void handle_event(std::uint64_t token) override {
    const Ending ending = endings_[token];
    free_.push_back(static_cast<std::uint32_t>(token));
    switch (ending.what) {
      case What::computed:
        return listener_->computed(ending.instance);
      case What::sent:
        return listener_->sent(ending.instance);
      case What::delivered:
        return listener_->delivered(ending.instance);
      case What::member:
        return listener_->member_done(ending.instance, ending.position);
    }
  }

  /// What each member's program has it receive. In the network nothing is counted: links carry
  /// there what switches add or copy.
  const std::vector<Bytes>& received_by(const CollectiveCalls::Call& call, int members) {
    std::vector<Bytes>& received = received_[call.program.get()];
    if (!received.empty()) return received;
    received.resize(static_cast<std::size_t>(members));
    const CollectiveProgram& program = *call.program;
    if (program.in_network() || std::int64_t{program.steps()} * members > kMostSteps) {
      return received;
    }
    std::vector<Send> sends;
    for (int step = 0; step < program.steps(); ++step) {
      for (int member = 0; member < members; ++member) {
        sends.clear();
        program.sends(member, step, sends);
        for (const Send& send : sends) received[static_cast<std::size_t>(send.to)] += send.bytes;
      }
    }
    return received;
  }

  Engine* engine_;
  const Scenario* scenario_;
  const TaskGraph* graph_;
  const Symmetry* symmetry_;
  KernelTimes times_;
  CollectiveCalls calls_;
  RunListener* listener_ = nullptr;
  std::vector<Ending> endings_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> seen_;
  std::map<const CollectiveProgram*, std::vector<Bytes>> received_;  // looked up, never iterated
};

}  // namespace

Bytes least_memory(const Job& job) {
  std::vector<Bytes> held(static_cast<std::size_t>(job.graph.world_size()));
  Bytes most;
  for (const StaticMemory& memory : job.graph.static_memory()) {
    if (job.graph.is_on_host(memory.category)) continue;
    for (const Rank rank : job.graph.ranks(memory.ranks)) {
      Bytes& bytes = held[static_cast<std::size_t>(rank)];
      bytes += memory.bytes;
      most = std::max(most, bytes);
    }
  }
  return most;
}

Duration busy_bound(const Scenario& scenario, const Job& job) {
  const TaskGraph& graph = job.graph;
  const KernelTimes times(scenario, graph);
  struct Sum {
    Duration stream;
    double math = 0;
    double memory = 0;
  };
  // Many ops have the same ranks: they are summed before they are spread over these.
  std::map<std::pair<std::size_t, std::size_t>, Sum> by_set;  // of ranks, and stream
  for (const Op& op : graph.ops()) {
    if (op.kind != OpKind::compute) continue;
    Sum& sum = by_set[{op.ranks.index(), op.stream.index()}];
    sum.stream += times.alone[op.kernel.index()];
    sum.math += times.math[op.kernel.index()];
    sum.memory += times.memory[op.kernel.index()];
  }
  const auto ranks = static_cast<std::size_t>(graph.world_size());
  std::vector<Duration> streams(ranks * graph.stream_count());
  std::vector<Sum> devices(ranks);
  Duration longest;
  for (const auto& [key, sum] : by_set) {
    for (const Rank rank : graph.ranks(RankSetId(key.first))) {
      const auto at = static_cast<std::size_t>(rank);
      Duration& stream = streams[at * graph.stream_count() + key.second];
      stream += sum.stream;
      devices[at].math += sum.math;
      devices[at].memory += sum.memory;
      longest = std::max({longest, stream});
    }
  }
  for (const Sum& device : devices) {
    // A sum of very many doubles: its rounding is far below one in 1e9.
    longest = std::max(longest, at_least(std::max(device.math, device.memory) * (1 - 1e-9)));
  }
  return longest;
}

Duration path_bound(const Scenario& scenario, const Job&, SimulatedJob& simulated,
                    const Builtins& builtins) {
  Engine engine;
  IdealRunner ideal(engine, scenario, builtins, simulated.graph(), simulated.symmetry());
  Executor executor(engine, simulated.graph(), simulated.runner_on(ideal), {});
  ideal.set_listener(executor.listener());
  return executor.run().since_start();
}

}  // namespace orrery
