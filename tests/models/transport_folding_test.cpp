// Runs over transports of every kind, folded and unfolded: the same times, and the same load.
#include <optional>

#include "models/symmetry.hpp"
#include "models/transports.hpp"
#include "sim/graph/folded_graph.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr int kNodes = 4;
constexpr int kDevices = 4;

struct Setting {
  const char* name;
  const char* kind;
  const char* more;
  bool direct = true;
  std::int64_t bonding = 1;
  double duplex = 1;
  bool folds = true;
  bool tree = false;     // in a node, with its adapters
  bool library = false;  // that has terms of its own
  bool peers = true;
};

const Setting kSettings[] = {
    {"rdma", "rdma", R"(, "mtu": "4096 B", "header": "26 B", "rendezvous_threshold": "16 KiB")"},
    {"message_rate", "rdma", R"(, "efficiency": 1, "message_rate": 200000)"},
    {"staged", "rdma", R"(, "efficiency": 1)", false},
    {"bonded", "rdma", R"(, "efficiency": 1, "message_rate": 200000)", true, 2},
    {"tcp", "tcp",
     R"(, "mss": "1448 B", "header": "90 B", "core_rate": "2 GB/s", "slow_start": "every")", false,
     2},
    {"duplex", "rdma", R"(, "efficiency": 1)", true, 1, 0.6},
    {"queue_pairs", "rdma", R"(, "efficiency": 1, "queue_pair_setup": "9 us")", true, 1, 1, false},
    {"first", "tcp", R"(, "mss": "1448 B", "header": "90 B", "slow_start": "first")", true, 1, 1,
     false},
    {"tree", "rdma",
     R"(, "efficiency": 1, "rendezvous_threshold": "16 KiB", "message_rate": 200000)", true, 1, 0.6,
     true, true},
    {"library", "tcp",
     R"(, "mss": "1448 B", "header": "90 B", "core_rate": "2 GB/s", "slow_start": "every")", false,
     1, 0.6, true, false, true},
    {"library_tree", "rdma", R"(, "efficiency": 1, "message_rate": 200000)", true, 1, 0.6, true,
     true, true},
    {"by_host", "rdma", R"(, "efficiency": 1)", false, 1, 0.6, true, false, true, false},
    {"by_host_tree", "rdma", R"(, "efficiency": 1)", true, 1, 0.6, true, true, true, false},
    {"incast", "rdma", R"(, "efficiency": 1, "incast_efficiency": 0.9)", true, 1, 1, false},
};

ClusterSpec cluster_of(const Setting& setting) {
  ClusterSpec cluster =
      star_of({.nodes = kNodes, .devices = kDevices, .nics = 2, .host = wire(30_GBps, 500_ns)},
              link_of(link_json(setting.kind, 10_GBps, 1_us, setting.more)));
  const std::string duplex = R"(, "efficiency": 0.8, "duplex": )" + std::to_string(setting.duplex);
  *cluster.node.fabric.find("link") = link_json("pcie", 40_GBps, 300_ns, duplex);
  if (setting.tree) {
    cluster.node.fabric = json_object(
        {{"kind", json_string("pcie_tree")},
         {"link", link_json("pcie", 40_GBps, 300_ns, duplex)},
         {"devices_per_switch", json_integer(2)},
         {"uplink", link_json("pcie", 40_GBps, 200_ns, duplex)},
         {"switches_per_bridge", json_integer(1)},
         {"processor_link", link_json("wire", 50_GBps, 100_ns, R"(, "efficiency": 1)")}});
  }
  cluster.node.host_link = link_of(link_json("pcie", 30_GBps, 500_ns, duplex));
  cluster.node.host_memory = HostMemorySpec{Bytes(1'000'000'000'000), 60_GBps, 0.8};
  cluster.node.gpu_direct = setting.direct;
  cluster.node.peer_to_peer = setting.peers;
  cluster.node.nic_bonding = setting.bonding;
  cluster.node.kernel_cores = 6;
  return cluster;
}

GraphOf step() {
  GraphOf graph(kNodes * kDevices);
  graph.collective(CollectiveKind::all_reduce, 3_MB, kNodes * kDevices);
  graph.collective(CollectiveKind::all_to_all, 320_KB, kNodes * kDevices);
  graph.collective(CollectiveKind::all_gather, 64_KB, kDevices);
  Op shift;
  shift.kind = OpKind::transfer;
  shift.stream = graph.stream("send");
  shift.peer_stream = graph.stream("receive");
  std::vector<Rank> to;
  for (Rank rank = 0; rank < kNodes * kDevices; ++rank) {
    to.push_back((rank + kDevices) % (kNodes * kDevices));
  }
  shift.ranks = graph.rank_set(graph.all());
  shift.peers = graph.rank_set(to);
  shift.bytes = 1_MB;
  graph.add(shift);
  return graph;
}

/// Rings and direct sends, whose kernels wait, widen what they send, and take cores.
class Library final : public CollectiveLibrary {
 public:
  CollectivePlan plan(const CollectiveCall&,
                      const Registry<CollectiveFactory>::Entry* asked) const override {
    if (asked == nullptr) return {};
    CollectivePlan plan;
    plan.algorithm = "asked for";
    plan.make = asked->make;
    plan.launch = 7_us;
    plan.terms =
        MessageTerms{.step = 2_us, .replaces = 600_ns, .share = 0.7, .between = 2, .cores = 1};
    return plan;
  }
  std::string constants() const override { return "a test"; }
};

struct Outcome {
  Time end;
  double sent = 0;
  double carried = 0;
  std::optional<Symmetry> symmetry;
};

Outcome run_it(const Setting& setting, bool fold) {
  const ClusterSpec cluster = cluster_of(setting);
  const GraphOf graph = step();
  Diagnostics diagnostics;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  const auto models = builtin_cost_models();
  const auto cost = models.find("roofline")->make(JsonCursor(parameters, diagnostics), {});
  diagnostics.throw_if_any();
  const auto collectives = builtin_collectives();
  Engine engine;
  CollectiveChoice choice;
  if (setting.library) choice.library = std::make_shared<const Library>();
  Machine machine(engine, cluster, *fabric, *cost, collectives, choice);
  Outcome outcome;
  std::optional<FoldedGraph> folded;
  if (fold) outcome.symmetry = find_symmetry(graph, *fabric, machine.collective_calls());
  if (outcome.symmetry) {
    folded.emplace(graph, outcome.symmetry->rank_class);
    folded->set_runner(machine);
  }
  const TaskGraph& what = folded ? folded->graph() : graph;
  Executor executor(engine, what, folded ? static_cast<Runner&>(*folded) : machine, {});
  machine.prepare(what, executor.listener(), outcome.symmetry ? &*outcome.symmetry : nullptr);
  outcome.end = executor.run();
  outcome.sent = machine.counters().bytes_sent;
  for (const auto& use : machine.resources()) {
    outcome.carried += use.carried * static_cast<double>(use.alike);
    EXPECT_LE(use.carried, use.capacity * to_seconds(outcome.end) * (1 + 1e-9)) << use.name;
  }
  return outcome;
}

class TransportFolding : public ::testing::TestWithParam<Setting> {};

TEST_P(TransportFolding, GivesTheSameTimes) {
  const Outcome plain = run_it(GetParam(), false);
  const Outcome folded = run_it(GetParam(), true);
  EXPECT_EQ(folded.symmetry.has_value(), GetParam().folds);
  EXPECT_EQ(plain.end, folded.end);
  EXPECT_EQ(plain.sent, folded.sent);
  EXPECT_NEAR(plain.carried, folded.carried, 1e-12 * plain.carried);
}

INSTANTIATE_TEST_SUITE_P(Settings, TransportFolding, ::testing::ValuesIn(kSettings),
                         [](const auto& setting) { return std::string(setting.param.name); });

}  // namespace
}  // namespace orrery
