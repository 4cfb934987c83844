// Networks of a scenario, from the file to the result: faults, GraphML, the catalogue's clusters.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::read_file;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

const JsonValue& at(const JsonValue& result, const std::string& pointer) {
  const JsonValue* value = value_at(result, pointer);
  if (value == nullptr) throw std::runtime_error("nothing at " + pointer);
  return *value;
}

class NetworkTest : public testing::Test {
 protected:
  NetworkTest() : scenario_((folder_ / "scenario.json").string()) {
    write_file(scenario_, testing_program::kSmallScenario);
  }
  Outcome run(std::vector<std::string> sets, const std::string& command = "run") {
    std::vector<std::string> words = {command, scenario_};
    for (std::string& set : sets) words.insert(words.end(), {"--set", std::move(set)});
    if (command == "run") words.push_back("--json");
    return run_orrery(words);
  }
  JsonValue result(std::vector<std::string> sets) {
    const Outcome outcome = run(std::move(sets));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse_json(outcome.out, "result");
  }
  /// Two DGX A100 with `fabric` between them.
  void write_two_nodes(const std::string& fabric, const std::string& faults = "[]") {
    write_file(scenario_, R"({"orrery": 1,
      "cluster": {"node": "dgx_a100", "nodes": 2, "fabric": )" +
                              fabric + R"(},
      "workload": {"kind": "transformer_training", "network": "gpt2",
                   "parallel": {"tensor": 4, "data": 4}, "sequence_length": 128,
                   "micro_batch": 1, "global_batch": 4},
      "faults": )" + faults + "}");
  }

  TemporaryFolder folder_;
  std::string scenario_;
};

TEST_F(NetworkTest, FaultsAreListedWithWhatTheyDid) {
  write_two_nodes(R"({"kind": "crossbar"})",
                  R"([{"at": "0 s", "link": "node 0, device 3 -> switch", "capacity": 0.5},
                      {"at": "500 us", "switch": "node 0, NIC 0", "down": true},
                      {"at": "10 h", "node": 1, "down": true}])");
  const JsonValue found = result({});
  const JsonValue& faults = at(found, "/faults");
  ASSERT_EQ(faults.items.size(), 3U);
  EXPECT_EQ(at(faults, "/0/kind").string, "capacity");
  EXPECT_EQ(at(faults, "/0/what").string, "link \"node 0, device 3 -> switch\"");
  EXPECT_EQ(at(faults, "/1/links").integer, 2) << "its port, both ways";
  EXPECT_TRUE(at(faults, "/1/happened").boolean);
  EXPECT_FALSE(at(faults, "/2/happened").boolean);
  EXPECT_FALSE(at(found, "/symmetry/folded").boolean);
  for (const JsonValue& check : at(found, "/checks").items) {
    EXPECT_TRUE(check.find("holds")->boolean) << check.find("name")->string;
  }
  const JsonValue whole = result({"/faults=[]"});
  EXPECT_EQ(whole.find("faults"), nullptr);
  EXPECT_GT(at(found, "/step_time_s").real, at(whole, "/step_time_s").real);
  EXPECT_EQ(run({}).out, run({}).out);
}

TEST_F(NetworkTest, ACutIsFoundByCheckWhereItIsThereFromTheStart) {
  const std::string link = R"("link": "node 0, device 3 -> switch", "down": true}])";
  const Outcome at_start = run({R"(/faults=[{"at": "0 s", )" + link}, "check");
  EXPECT_EQ(at_start.exit_code, 2);
  EXPECT_EQ(at_start.err,
            "--set#/faults/0: no way is left from device 3 to device 0: from device 3 messages "
            "reach device 3 but not devices 0-2, 4-7; down is \"node 0, device 3 -> switch\"\n");
  const Outcome later = run({R"(/faults=[{"at": "20 us", )" + link}, "check");
  EXPECT_EQ(later.exit_code, 0) << later.err;
  const Outcome ran = run({R"(/faults=[{"at": "20 us", )" + link});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_NE(ran.err.find("no way is left from device 3 to device"), std::string::npos) << ran.err;
  EXPECT_TRUE(ran.out.empty());
}

std::multiset<std::string> lines_of(const std::string& path) {
  std::istringstream text(read_file(path));
  std::multiset<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.insert(line);
  return lines;
}

TEST_F(NetworkTest, WhichNetworkToWriteNeedsAFileToWriteItTo) {
  const Outcome outcome = run_orrery({"topology", scenario_, "--of", "node"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("--of: expected a --graphviz or --graphml file"), std::string::npos)
      << outcome.err;
}

TEST_F(NetworkTest, AGraphMlThatWasWrittenIsReadToTheSameNetwork) {
  const std::string minimal = R"(, "routing": "minimal")";
  const std::string spines = R"({"kind": "fat_tree", "nodes_per_leaf": 1, "oversubscription": 2,
                                 "spines": 2, "link": "infiniband_hdr")";
  struct Case {
    std::string fabric;  // but for the last bracket
    std::string routing;
  };
  for (const auto& [fabric, routing] :
       {Case{R"({"kind": "crossbar")", ""}, Case{spines, ""}, Case{spines, minimal},
        Case{
            R"({"kind": "torus", "dimensions": [2], "links_per_pair": 4, "link": "infiniband_hdr")",
            ""}}) {
    const std::string first = (folder_ / "first.graphml").string();
    const std::string second = (folder_ / "second.graphml").string();
    write_two_nodes(fabric + routing + "}");
    Outcome outcome = run_orrery({"topology", scenario_, "--graphml", first});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const JsonValue one = result({});
    write_two_nodes(R"({"kind": "graph", "file": "first.graphml")" + routing + "}");
    outcome = run_orrery({"topology", scenario_, "--graphml", second});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(lines_of(first), lines_of(second)) << fabric;
    const JsonValue other = result({});
    EXPECT_EQ(at(one, "/step_time_s").real, at(other, "/step_time_s").real) << fabric;
    EXPECT_EQ(at(other, "/scenario/cluster/fabric").find("file"), nullptr)
        << "the resolved scenario holds the graph";
  }
}

TEST_F(NetworkTest, ANetworkThatHoldsAdaptersIsReadAgainWithoutThemWhichIsSaid) {
  const auto says = [&](const std::string& cluster) {
    const Outcome outcome =
        run_orrery({"topology", scenario_, "--set", "/cluster=" + cluster, "--set",
                    R"(/workload/parallel={"tensor": 2, "data": 2})", "--set",
                    "/workload/global_batch=2", "--graphml", (folder_ / "node.graphml").string()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out.find("no adapters and no way to the host") != std::string::npos;
  };
  write_two_nodes(R"({"kind": "crossbar"})");
  EXPECT_TRUE(says("a10_pcie_tree_4"));
  EXPECT_FALSE(says("a10_pcie_4"));
}

const char* const kRing = R"(<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="e" for="node" attr.name="endpoint" attr.type="int"/>
  <key id="n" for="node" attr.name="name" attr.type="string"/>
  <key id="b" for="edge" attr.name="bandwidth" attr.type="string"/>
  <key id="l" for="edge" attr.name="link" attr.type="string"/>
  <graph id="g" edgedefault="undirected">
    <node id="a"><data key="e">0</data></node>
    <node id="b"><data key="e">1</data></node>
    <node id="c"><data key="n">hub</data></node>
    <edge source="a" target="c"><data key="b">400 Gbit/s</data></edge>
    <edge source="c" target="b"><data key="l">pcie5_x16</data></edge>
  </graph>
</graphml>
)";

class GraphMlTest : public NetworkTest {
 protected:
  /// What `orrery topology --links` says of two A100 joined by the file.
  Outcome links(const std::string& graphml, const std::string& link = R"("pcie4_x16")") {
    write_file(folder_ / "net.graphml", graphml);
    write_file(scenario_, R"({"orrery": 1,
      "cluster": {"nodes": 1, "node": {"use": "dgx_a100", "with": {"devices": 2, "nics": 1, "fabric":
        {"kind": "graph", "file": "net.graphml", "link": )" +
                              link + R"(}}}},
      "workload": {"kind": "transformer_training", "network": "gpt2", "parallel": {"tensor": 2},
                   "sequence_length": 128, "micro_batch": 1, "global_batch": 4}})");
    return run_orrery({"topology", scenario_, "--links"});
  }
  static std::string changed(const std::string& from, const std::string& to) {
    std::string text = kRing;
    const std::size_t place = text.find(from);
    if (place == std::string::npos) throw std::runtime_error("no " + from);
    return text.replace(place, from.size(), to);
  }
};

TEST_F(GraphMlTest, EdgesTakeWhatTheyDoNotSayFromTheirLink) {
  const Outcome outcome = links(kRing);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  // 50 GB/s of which pcie4_x16 loses 18 %; both ways, as the graph is undirected.
  for (const char* line :
       {"node 0, device 0 -> hub  pcie4_x16, 41 GB/s\n",
        "node 0, hub -> device 0  pcie4_x16, 41 GB/s\n", "node 0, device 1 -> hub  pcie5_x16, "}) {
    EXPECT_NE(outcome.out.find(line), std::string::npos) << outcome.out;
  }
}

TEST_F(GraphMlTest, MistakesNameTheFileAndWhatIsWrongInIt) {
  const auto expect = [&](const std::string& graphml, const std::string& says,
                          const std::string& link = R"("pcie4_x16")") {
    const Outcome outcome = links(graphml, link);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_NE(outcome.err.find("scenario.json#/cluster/node/with/fabric/file: " + says),
              std::string::npos)
        << outcome.err;
  };
  const std::string cannot = "cannot read \"net.graphml\" as GraphML: ";
  expect(changed(R"(<node id="b">)", R"(<node id="b")"), cannot + "line 9: expected >");
  expect("", cannot);
  expect(changed(">400 Gbit/s<", ">400 Gbits<"), "expected a bandwidth");
  expect(changed(">0<", ">zero<"), cannot + "parse error: invalid value \"zero\" for key endpoint");
  expect(changed(R"(<data key="n">hub</data>)", ""),
         cannot + R"(node 3 of the file has neither "endpoint", a number, nor "name")");
  expect(changed(">1<", ">0<"),
         cannot + "node 2 of the file: an earlier one is endpoint 0 already");
  expect(changed(">1<", ">7<"), "expected an integer between 0 and 1, got 7");
  expect(kRing, cannot + "the edge 0 -> hub says no latency", "null");
}

TEST_F(GraphMlTest, AMissingFileIsAMistakeOfTheScenario) {
  write_two_nodes(R"({"kind": "graph", "file": "nowhere.graphml"})");
  const Outcome outcome = run({}, "check");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("scenario.json#/cluster/fabric/file: cannot read \"nowhere.graphml\" "
                             "as GraphML: the file cannot be read"),
            std::string::npos)
      << outcome.err;
}

TEST_F(NetworkTest, EveryShapeOfTheCatalogueRuns) {
  struct Job {
    std::string cluster;
    int tensor;
    int data;
    std::string precision;
  };
  // Of the largest two pods of one scalable unit each, of four nodes.
  const std::string pods = R"({"use": "dgx_h100_superpod_3_level",
                               "with": {"nodes": 8, "fabric": {"nodes_per_leaf": 1}}})";
  // Eight boards of 48: a message is sprayed over all ways, 238 links, and there are many pairs.
  const std::string boards = R"({"use": "cloudmatrix384",
                                 "with": {"node": {"devices": 64, "nics": 64}}})";
  for (const Job& job :
       {Job{"dgx1_v100", 4, 2, "fp16"}, Job{"gb200_nvl72", 4, 18, "bf16"},
        Job{"a10_pcie_tree_4", 2, 2, "bf16"}, Job{"ascend_910b_8", 4, 2, "bf16"},
        Job{"tpu_v4_pod", 4, 16, "bf16"}, Job{boards, 4, 16, "bf16"}, Job{pods, 4, 16, "bf16"}}) {
    const JsonValue found = result({"/cluster=" + job.cluster, "/workload/parallel/pipeline=1",
                                    "/workload/parallel/tensor=" + std::to_string(job.tensor),
                                    "/workload/parallel/data=" + std::to_string(job.data),
                                    "/workload/precision=" + job.precision,
                                    "/workload/global_batch=" + std::to_string(job.data)});
    EXPECT_GT(at(found, "/step_time_s").real, 0) << job.cluster;
    for (const JsonValue& check : at(found, "/checks").items) {
      EXPECT_TRUE(check.find("holds")->boolean) << job.cluster << check.find("name")->string;
    }
  }
}

}  // namespace
}  // namespace orrery
