#include "hw/catalog.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "hw/spec.hpp"
#include "tests/hw/json_text.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

/// A small catalogue in a folder of its own.
class CatalogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::path(::testing::TempDir()) /
            ("orrery_catalog_" + std::string(info->name()) + "_" + std::to_string(getpid()));
    fs::remove_all(root_);
    write("devices/fast.json", kDeviceText, "\"name\": \"d\", ");
    write("links/wire.json", kLinkText, "\"name\": \"l\", ");
    write("links/cord.json", kLinkText, "\"name\": \"l\", ");
    write("nodes/box.json", R"({"description": "a box", "device": "fast", "devices": 4,
        "fabric": {"kind": "crossbar", "link": {"use": "wire", "with": {"latency": "3 us"}},
                   "links_per_device": {"value": 2, "source": "s"}},
        "nics": 2, "nic_link": {"use": "wire"}, "host_link": "wire"})");
    write("clusters/hall.json", R"({"node": "box", "nodes": {"value": 3, "source": "s"},
        "fabric": {"kind": "crossbar"}})");
    fs::create_directories(root_ / "networks");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& name, std::string text, const std::string& without = "") {
    fs::create_directories((root_ / name).parent_path());
    if (!without.empty()) {
      text.erase(text.find(without), without.size());
    }
    std::ofstream(root_ / name) << text;
  }
  Catalog catalog() const {
    std::vector<std::pair<std::string, std::string>> folders;
    for (const char* kind : {"devices", "links", "nodes", "clusters", "networks"}) {
      folders.emplace_back(kind, (root_ / kind).string());
    }
    return Catalog(folders);
  }
  JsonValue resolved(const std::string& text) {
    JsonValue document = parse_json(text, (root_ / "scenario.json").string());
    files_ = catalog().resolve(document, diagnostics_);
    return document;
  }
  /// What was reported, with the path of the test's folder left out.
  std::string reported() const {
    std::string text = all_text(diagnostics_);
    const std::string prefix = root_.string() + "/";
    for (std::size_t at = 0; (at = text.find(prefix)) != std::string::npos;) {
      text.erase(at, prefix.size());
    }
    return text;
  }
  ClusterSpec read(const JsonValue& document) {
    JsonCursor cursor(document, diagnostics_);
    return read_cluster(cursor.at("cluster"));
  }

  fs::path root_;
  Diagnostics diagnostics_;
  std::vector<Catalog::SourceFile> files_;
};

TEST_F(CatalogTest, ListsEntriesInAlphabeticalOrder) {
  const auto links = catalog().list("links");
  ASSERT_EQ(links.size(), 2U);
  EXPECT_EQ(links[0].name, "cord");
  EXPECT_EQ(links[1].name, "wire");
  EXPECT_EQ(catalog().list("nodes").at(0).description, "a box");
  EXPECT_EQ(catalog().kinds().size(), 5U);
  fs::remove_all(root_ / "links");
  EXPECT_THROW(catalog().list("links"), IoError);
}

TEST_F(CatalogTest, ResolvesNestedReferences) {
  const JsonValue document = resolved(R"({"cluster": "hall"})");
  ASSERT_EQ(reported(), "");
  const ClusterSpec cluster = read(document);
  EXPECT_EQ(reported(), "");
  EXPECT_EQ(cluster.name, "hall");
  EXPECT_EQ(cluster.node.name, "box");
  EXPECT_EQ(cluster.node.device.name, "fast");
  EXPECT_EQ(cluster.node.nic_link->name, "wire");
  EXPECT_EQ(cluster.node.fabric.find("link")->find("latency")->string, "3 us");
  EXPECT_EQ(document.find("cluster")->members.front().key, "name");
  EXPECT_EQ(document.find("cluster")->find("node")->members.front().key, "name");
}

TEST_F(CatalogTest, NamesTheFilesReadOnce) {
  resolved(R"({"cluster": "hall"})");
  std::vector<std::string> names;
  for (const auto& file : files_) names.push_back(file.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"clusters/hall", "devices/fast", "links/wire", "nodes/box"}));
  for (const auto& file : files_) EXPECT_EQ(file.hash.size(), 16U);
}

TEST_F(CatalogTest, HashIsFnv1aOfTheContent) {
  write("links/a.json", "{}");
  resolved(R"({"link": "a"})");
  std::uint64_t hash = 14695981039346656037U;  // offset basis; the prime follows
  for (const char character : std::string("{}")) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 1099511628211U;
  }
  std::ostringstream hex;
  hex << std::hex << std::setw(16) << std::setfill('0') << hash;
  ASSERT_EQ(files_.size(), 1U);
  EXPECT_EQ(files_[0].hash, hex.str());
}

TEST_F(CatalogTest, OverridesMergeWithAndOtherKeys) {
  const JsonValue document = resolved(R"({"cluster": {"use": "hall", "nodes": 7, "with": {
      "nodes": 5, "node": {"devices": 2, "device": {"cores": 99}, "fabric": {"link": {"use": "cord"}}}}}})");
  ASSERT_EQ(reported(), "");
  const ClusterSpec cluster = read(document);
  EXPECT_EQ(reported(), "");
  EXPECT_EQ(cluster.nodes, 7) << "a key beside use wins";
  EXPECT_EQ(cluster.node.devices, 2);
  EXPECT_EQ(cluster.node.device.cores, 99);
  EXPECT_EQ(cluster.node.device.name, "fast");
  const JsonValue* link = cluster.node.fabric.find("link");
  EXPECT_EQ(link->find("name")->string, "cord");
  EXPECT_EQ(link->find("latency")->string, "1 us") << "overrides of the old link went with it";
}

TEST_F(CatalogTest, AFabricOrLinkOfAnotherKindStartsAnew) {
  const std::string mine = R"("bandwidth": "7 GB/s", "latency": "9 us", "efficiency": 1)";
  const JsonValue document = resolved(R"({"cluster": {"use": "hall", "with": {
      "fabric": {"kind": "ring"},
      "node": {"nic_link": {"kind": "pcie", )" +
                                      mine + R"(}, "fabric": {"kind": "ring",
               "link": {"use": "cord", "kind": "pcie", )" +
                                      mine + R"(}}}}}})");
  ASSERT_EQ(reported(), "");
  const ClusterSpec cluster = read(document);
  EXPECT_EQ(cluster.fabric->members.size(), 1U);
  EXPECT_EQ(cluster.node.fabric.find("links_per_device"), nullptr) << "a key of the crossbar";
  for (const JsonValue* link : {document.find("cluster")->find("node")->find("nic_link"),
                                cluster.node.fabric.find("link")}) {
    EXPECT_EQ(link->members.size(), 4U) << "nothing of the wire, nor its name";
    EXPECT_EQ(link->find("latency")->string, "9 us");
  }
  const JsonValue same = resolved(R"({"cluster": {"use": "hall", "with": {
      "node": {"nic_link": {"kind": "wire", "latency": "9 us"}}}}})");
  EXPECT_EQ(read(same).node.nic_link->name, "wire") << "of the same kind it is joined";
  EXPECT_EQ(reported(), "");
}

TEST_F(CatalogTest, NullRemovesAField) {
  for (const char* text : {R"({"cluster": {"use": "hall", "with": {"fabric": null}}})",
                           R"({"cluster": {"use": "hall", "fabric": null}})"}) {
    const JsonValue document = resolved(text);
    EXPECT_NE(document.find("cluster")->find("node"), nullptr) << text;
    EXPECT_EQ(document.find("cluster")->find("fabric"), nullptr) << text;
  }
}

TEST_F(CatalogTest, WhoRemovesAFieldAnswersForItsAbsence) {
  read(resolved(R"({"cluster": {"use": "hall", "with": {"nodes": null, "absent": null}}})"));
  EXPECT_EQ(reported(), "scenario.json#/cluster/with: missing key \"nodes\"\n");
  diagnostics_ = {};
  read(resolved(R"({"cluster": {"use": "hall", "with": {"node": {"device": {"cores": null}}}}})"));
  EXPECT_EQ(reported(), "scenario.json#/cluster/with/node/device: missing key \"cores\"\n")
      << "also inside a reference of the entry";
}

TEST_F(CatalogTest, WhoOverridesAnswersForTheWhole) {
  write("clusters/lone.json", R"({"node": "box", "nodes": {"value": 1, "source": "s"}})");
  read(resolved(R"({"cluster": {"use": "lone", "with": {"nodes": 2}}})"));
  EXPECT_EQ(reported(), "scenario.json#/cluster/with: a cluster of 2 nodes needs a \"fabric\"\n");
  diagnostics_ = {};
  read(resolved(R"({"cluster": {"use": "hall", "with": {"node": {"nics": 0}}}})"));
  EXPECT_EQ(reported(),
            "scenario.json#/cluster/with/node/nics: 3 nodes are joined through NICs, but \"nics\" "
            "is 0\n");
}

TEST_F(CatalogTest, AReferenceThatIsOutOfPlaceIsReportedWhereItWasWritten) {
  write("mine.json", kDeviceText);
  read(resolved(R"({"cluster": {"use": "hall", "with": {"device": {"use": "./mine.json"}}}})"));
  EXPECT_TRUE(reported().starts_with("scenario.json#/cluster/with/device: no such key"))
      << reported();
}

TEST_F(CatalogTest, AConfigOfANetworkIsNamedByItsFolder) {
  for (const std::string name : {"llama/config.json", "llama/other.json", "config.json"}) {
    write(name, "{}");
  }
  const auto name_of_network = [this](const std::string& use) {
    return resolved("{\"network\": \"" + use + "\"}").find("network")->find("name")->string;
  };
  EXPECT_EQ(name_of_network("llama/config.json"), "llama");
  EXPECT_EQ(name_of_network("./llama/../llama/config.json"), "llama");
  EXPECT_EQ(name_of_network("llama/other.json"), "other");
  EXPECT_EQ(name_of_network("config.json"), root_.filename().string());
}

TEST_F(CatalogTest, AnOverriddenFactLosesItsSource) {
  const JsonValue document =
      resolved(R"({"cluster": {"use": "hall", "with": {"nodes": {"value": 4}}}})");
  EXPECT_EQ(document.find("cluster")->find("nodes")->find("value")->integer, 4);
  EXPECT_EQ(document.find("cluster")->find("nodes")->find("source"), nullptr);
}

TEST_F(CatalogTest, MistakesAreNamedWhereTheyWereWritten) {
  const JsonValue document = resolved(R"({"cluster": {"use": "hall", "with": {"nodes": 0}}})");
  read(document);
  EXPECT_EQ(reported().rfind("scenario.json#/cluster/with/nodes: expected", 0), 0U) << reported();
  EXPECT_EQ(diagnostics_.count(), 1U);
}

TEST_F(CatalogTest, MistakesInsideAnEntryNameItsFile) {
  write("devices/slow.json", kDeviceText, "\"cores\": 10, ");
  const JsonValue document =
      resolved(R"({"cluster": {"use": "hall", "with": {"node": {"device": "slow"}}}})");
  read(document);
  EXPECT_EQ(reported(), "devices/slow.json#: missing key \"cores\"\n");
}

TEST_F(CatalogTest, AClusterMayBeOneNode) {
  const JsonValue document = resolved(R"({"cluster": "box"})");
  const ClusterSpec cluster = read(document);
  ASSERT_EQ(reported(), "");
  EXPECT_EQ(cluster.name, "box");
  EXPECT_EQ(cluster.description, "a box");
  EXPECT_EQ(cluster.nodes, 1);
  EXPECT_EQ(cluster.node.devices, 4);
}

TEST_F(CatalogTest, OverridesOfANodeAsClusterAreThoseOfTheCluster) {
  const ClusterSpec cluster = read(resolved(R"({"cluster": {"use": "box", "nodes": 2,
      "node": {"devices": 3}, "fabric": {"kind": "crossbar"}}})"));
  EXPECT_EQ(reported(), "");
  EXPECT_EQ(cluster.nodes, 2);
  EXPECT_EQ(cluster.node.devices, 3);
}

TEST_F(CatalogTest, FilesAreRelativeToTheFileThatSaysThem) {
  write("mine/node.json", R"({"use": "box", "with": {"device": {"use": "parts/d.json"}}})");
  write("mine/parts/d.json", kDeviceText);
  const JsonValue document = resolved(R"({"cluster": {"use": "hall", "node": "mine/node.json"}})");
  const ClusterSpec cluster = read(document);
  EXPECT_EQ(reported(), "");
  EXPECT_EQ(cluster.node.name, "node") << "the name of the outermost entry";
  EXPECT_EQ(cluster.node.device.name, "d") << "a name in the file stays";
  bool as_written = false;
  for (const auto& file : files_) as_written = as_written || file.name == "parts/d.json";
  EXPECT_TRUE(as_written);
}

TEST_F(CatalogTest, AFileOfANodeMayBeACluster) {
  write("node.json", node_text());
  EXPECT_EQ(read(resolved(R"({"cluster": "node.json"})")).node.devices, 4);
  EXPECT_EQ(reported(), "");
}

TEST_F(CatalogTest, UnknownNamesComeWithTheNearestAndAHint) {
  const JsonValue document = resolved(R"({"cluster": {"use": "hal"}, "device": "zzzzzzzz"})");
  EXPECT_EQ(reported(),
            "scenario.json#/cluster/use: no cluster is named \"hal\"; did you mean \"hall\"? "
            "`orrery list clusters` shows all\n"
            "scenario.json#/device: no device is named \"zzzzzzzz\"; `orrery list devices` shows "
            "all\n");
  EXPECT_EQ(document.find("device")->string, "zzzzzzzz") << "stays unresolved";
}

TEST_F(CatalogTest, CyclesAreNamedOnce) {
  write("nodes/a.json", R"({"use": "b"})");
  write("nodes/b.json", R"({"use": "a"})");
  resolved(R"({"node": "a", "again": {"node": "b"}})");
  EXPECT_EQ(reported(), "nodes/b.json#/use: cyclic use: a -> b -> a\n");
}

TEST_F(CatalogTest, CyclesThroughNestedReferencesAreFound) {
  write("nodes/self.json", R"({"device": "fast", "more": {"node": "self"}})");
  resolved(R"({"node": "self"})");
  EXPECT_EQ(reported(), "nodes/self.json#/more/node: cyclic use: self -> self\n");
}

TEST_F(CatalogTest, AnOverrideCanBreakACycle) {
  write("nodes/self.json", R"({"device": "fast", "more": {"node": "self"}})");
  resolved(R"({"node": {"use": "self", "more": null}})");
  EXPECT_EQ(reported(), "");
}

TEST_F(CatalogTest, ANullDeletesAlsoThroughASecondReference) {
  write("devices/two.json", R"({"peak": {"bf16": "1 TFLOP/s", "fp32": "2 TFLOP/s"}})");
  write("nodes/pair.json", R"({"device": {"use": "two"}})");
  const JsonValue document =
      resolved(R"({"node": {"use": "pair", "with": {"device": {"peak": {"bf16": null}}}}})");
  EXPECT_EQ(reported(), "");
  EXPECT_EQ(value_at(document, "/node/device/peak/bf16"), nullptr);
  EXPECT_NE(value_at(document, "/node/device/peak/fp32"), nullptr);
}

TEST_F(CatalogTest, LongChainsAndManyReferencesEnd) {
  for (int index = 0; index < 40; ++index) {
    const std::string next = std::to_string(index + 1);
    write("links/c" + std::to_string(index) + ".json", R"({"use": "c)" + next + "\"}");
    write("nodes/n" + std::to_string(index) + ".json",
          R"({"x": {"node": "n)" + next + R"("}, "y": {"node": "n)" + next + "\"}}");
  }
  resolved(R"({"link": "c0"})");
  EXPECT_NE(reported().find("more than 32 entries that use one another"), std::string::npos);
  diagnostics_ = {};
  resolved(R"({"node": "n20"})");
  EXPECT_NE(reported().find("more than 10000 references in one document"), std::string::npos);
}

TEST_F(CatalogTest, BadReferencesAndFilesAreReported) {
  write("bad.json", "{");
  write("list.json", "[]");
  resolved(R"({"a": {"device": {"use": 3}}, "b": {"device": {"use": "fast", "with": 1}},
      "c": {"device": "none.json"}, "d": {"device": "bad.json"}, "e": {"device": "list.json"},
      "f": {"device": "/dev/zero"}, "g": {"device": "links/"},
      "h": {"device": {"use": "fast", "with": {"use": "slow"}}}})");
  const std::string text = reported();
  EXPECT_EQ(diagnostics_.count(), 8U) << text;
  EXPECT_NE(text.find("scenario.json#/a/device/use: expected the name"), std::string::npos);
  EXPECT_NE(text.find("scenario.json#/b/device/with: expected an object"), std::string::npos);
  EXPECT_NE(text.find("scenario.json#/c/device: none.json: no such file"), std::string::npos)
      << text;
  EXPECT_NE(text.find("bad.json#"), std::string::npos);
  EXPECT_NE(text.find("list.json#: expected an object, got"), std::string::npos);
  EXPECT_NE(text.find("/dev/zero: is no regular file"), std::string::npos);
  EXPECT_NE(text.find("links/: is a folder"), std::string::npos) << text;
  EXPECT_NE(text.find("#/h/device/with/use: an override cannot name another"), std::string::npos);
}

TEST_F(CatalogTest, OtherKeysAndInlineValuesAreLeftAlone) {
  const std::string text = R"({"network": {"layers": 2}, "device": 3, "use": "hall"})";
  const JsonValue document = resolved(text);
  EXPECT_EQ(reported(), "");
  EXPECT_EQ(to_text(document, false), to_text(parse_json(text, "t.json"), false));
}

}  // namespace
}  // namespace orrery
