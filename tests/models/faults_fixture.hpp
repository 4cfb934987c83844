#pragma once

#include "models/faults.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {

struct FaultOutcome {
  Time end;
  std::vector<std::uint64_t> rerouted;  // by fault
};

class FaultsTest : public testing::Test {
 protected:
  void build(const ClusterSpec& cluster) {
    cluster_ = cluster;
    Diagnostics diagnostics;
    fabric_ = Fabric::build(cluster, builtin_topologies(), diagnostics);
    diagnostics.throw_if_any();
  }
  Faults read(const std::string& text) {
    section_ = parse_json(text, "s.json");
    Diagnostics diagnostics;
    Faults faults = read_faults(JsonCursor(section_, diagnostics), fabric_.get());
    diagnostics.throw_if_any();
    return faults;
  }
  FaultOutcome run_with(const TaskGraph& graph, const std::string& text) {
    const Faults faults = read(text);
    Diagnostics diagnostics;
    const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
    const auto models = builtin_cost_models();
    const auto cost = models.find("roofline")->make(JsonCursor(parameters, diagnostics), {});
    const auto collectives = builtin_collectives();
    Engine engine;
    Machine machine(engine, cluster_, *fabric_, *cost, collectives, {});
    Executor executor(engine, graph, machine, {});
    machine.prepare(graph, executor.listener(), nullptr, {}, faults);
    FaultOutcome outcome;
    outcome.end = executor.run();
    EXPECT_EQ(machine.counters().bytes_sent, machine.counters().bytes_received);
    for (const FaultRecord& record : machine.fault_records()) {
      outcome.rerouted.push_back(record.rerouted);
    }
    return outcome;
  }
  std::vector<std::string> names(int from, int to) {
    std::vector<std::string> result;
    for (const int link : fabric_->route(from, to).links) {
      result.push_back(fabric_->links()[static_cast<std::size_t>(link)].name);
    }
    return result;
  }
  void set(const std::string& name, bool up) {
    for (std::size_t i = 0; i < fabric_->links().size(); ++i) {
      if (fabric_->links()[i].name == name) return fabric_->set_up(static_cast<int>(i), up);
    }
    FAIL() << name;
  }

  ClusterSpec cluster_;
  std::unique_ptr<Fabric> fabric_;
  JsonValue section_;
};

}  // namespace orrery
