// experiments/nccl: measured NCCL times beside simulated ones, and the command that prints them.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/measured_collectives.hpp"

namespace orrery {
namespace {

// The split is that of tools/fit_nccl.
TEST(NcclTimes, RowsThatWereNotFittedAreMetWithinTheLimits) {
  const Builtins builtins;
  const DataFolders data = find_data_folders();
  auto measured =
      load_measured_collectives(data.reproductions + "/nccl", "nccl", open_catalog(data));
  ASSERT_TRUE(measured);
  simulate(*measured, builtins);
  std::size_t judged = 0;
  for (const MeasuredSystem& system : measured->systems) {
    const ErrorSpread over = system.spread(false);
    std::printf("%s: median %.1f %%, 90th percentile %.1f %%\n", system.label.c_str(),
                100 * over.median, 100 * over.ninth_decile);
    if (!system.median_limit) continue;
    ++judged;
    EXPECT_EQ(*system.median_limit, 0.06);
    EXPECT_EQ(*system.ninth_limit, 0.15);
    EXPECT_LE(system.spread(true).rows, system.rows.size() / 3) << system.label;
    EXPECT_TRUE(system.holds()) << system.label;
  }
  EXPECT_EQ(judged, 14U);
}

std::string output_of(const std::vector<std::string>& words) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(collective_command(words, Builtins{}), 0);
  return testing::internal::GetCapturedStdout();
}

TEST(CollectiveCommand, GivesARowForEachSizeInTheOrderAsked) {
  const JsonValue report = parse_json(output_of({"all_reduce", "--cluster", "hgx_h200", "--ranks",
                                                 "4", "--sizes", "64MiB,512,1KiB", "--json"}),
                                      "stdout");
  const std::vector<JsonValue>& rows = report.find("rows")->items;
  ASSERT_EQ(rows.size(), 3U);
  const std::int64_t sizes[] = {64 << 20, 512, 1024};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].find("bytes")->integer, sizes[i]);
    const double time = rows[i].find("time_s")->real;
    const double algorithm = rows[i].find("algbw_Bps")->real;
    EXPECT_NEAR(algorithm, static_cast<double>(sizes[i]) / time, 1e-9 * algorithm);
    EXPECT_NEAR(rows[i].find("busbw_Bps")->real, algorithm * 2 * 3 / 4, 1e-9 * algorithm);
    EXPECT_FALSE(rows[i].find("reason")->string.empty());
  }
  EXPECT_EQ(rows[0].find("protocol")->string, "Simple");
  EXPECT_EQ(rows[1].find("protocol")->string, "LL");
  EXPECT_EQ(rows[1].find("algorithm")->string, "ring");
}

TEST(CollectiveCommand, DoublesFromTheFirstSizeToTheLast) {
  const std::string table =
      output_of({"all_gather", "--cluster", "dgx_a100", "--sizes", "1KiB..8KiB"});
  for (const char* size : {" 1024 ", " 2048 ", " 4096 ", " 8192 "}) {
    EXPECT_NE(table.find(size), std::string::npos) << table;
  }
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3 + 4 + 1) << table;
  EXPECT_NE(table.find("\n# warning: "), std::string::npos) << "assumed figures";
}

TEST(CollectiveCommand, ABarrierHasOneRow) {
  const JsonValue report = parse_json(
      output_of({"barrier", "--cluster", "dgx_h100", "--sizes", "1KiB,1MiB", "--json"}), "stdout");
  ASSERT_EQ(report.find("rows")->items.size(), 1U);
  const JsonValue& row = report.find("rows")->items.front();
  EXPECT_EQ(row.find("bytes")->integer, 0);
  EXPECT_EQ(row.find("algbw_Bps")->real, 0);
  EXPECT_GT(row.find("time_s")->real, 0);
  const auto says = [](const std::vector<std::string>& words) {
    return output_of(words).find("--sizes says nothing here") != std::string::npos;
  };
  EXPECT_TRUE(says({"barrier", "--cluster", "dgx_h100", "--sizes", "8"}));
  EXPECT_FALSE(says({"barrier", "--cluster", "dgx_h100"}));
}

/// As `run` does: a library that is named is taken, whoever made the device.
TEST(CollectiveCommand, TakesALibraryThatIsNamedAlsoOnOtherDevices) {
  const auto said_of = [](const std::vector<std::string>& options) {
    std::vector<std::string> words = {"all_reduce", "--cluster", "t3_ring", "--sizes", "1"};
    words.insert(words.end(), options.begin(), options.end());
    return output_of(words);
  };
  const std::string named = said_of({"--library", "nccl"});
  EXPECT_NE(named.find("library nccl, constants of pcie, assumed"), std::string::npos) << named;
  EXPECT_NE(named.find("LL"), std::string::npos) << named;
  EXPECT_EQ(said_of({}), said_of({"--library", "predicted"}));
  const std::string others = "library predicted, constants of the catalogue's links";
  EXPECT_NE(said_of({}).find(others), std::string::npos) << said_of({});
  EXPECT_NE(said_of({"--json"}).find(R"("library": "predicted")"), std::string::npos);
}

TEST(CollectiveCommand, RefusesCoresThatTheDeviceHasNot) {
  const auto with = [](const std::string& cores) {
    return std::vector<std::string>{
        "all_to_all",
        "--cluster",
        "dgx_h100",
        "--sizes",
        "1MiB",
        "--library",
        "deepep",
        "--deepep",
        R"({"token": "7392 B", "experts": 256, "top_k": 8, "cores": )" + cores + "}"};
  };
  EXPECT_NE(output_of(with("132")).find("dispatch"), std::string::npos);
  EXPECT_THROW(collective_command(with("133"), Builtins{}), UsageError);
}

// Unfolded, a ring of 2048 is 8 million messages.
TEST(CollectiveCommand, RanksThatAreAlikeAreSimulatedOnce) {
  EXPECT_NE(output_of({"all_gather", "--cluster", "dgx_h100_superpod_3_level", "--sizes", "1MiB"}),
            "");
}

TEST(CollectiveCommand, RunsOnEveryNodeOfTheCatalogueAndOverSeveral) {
  const Catalog catalog = open_catalog(find_data_folders());
  const std::vector<std::string> kinds = {
      "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast",
      "reduce",     "gather",     "scatter",        "send_recv",  "barrier"};
  std::size_t next = 0;  // three kinds for each node, other ones for the next
  for (const Catalog::Entry& node : catalog.list("nodes")) {
    if (node.name == "tpu_v4_chip") continue;  // one device
    for (int draw = 0; draw < 3; ++draw) {
      const std::string& kind = kinds[next++ % kinds.size()];
      std::vector<std::string> words = {kind, "--cluster", node.name, "--sizes", "1MiB"};
      // 147 000 pairs, each with 238 links, are more than a test needs.
      if (node.name == "cloudmatrix384") words.insert(words.end(), {"--ranks", "64"});
      EXPECT_NE(output_of(words), "") << kind << " on " << node.name;
    }
  }
  for (const std::string& kind : kinds) {
    EXPECT_NE(
        output_of({kind, "--cluster", "dgx_h100_superpod", "--ranks", "16", "--sizes", "1MiB"}),
        "");
  }
}

TEST(CollectiveCommand, NoBusBandwidthExceedsThePort) {
  const double port = 18 * 25e9;
  const JsonValue report = parse_json(
      output_of({"all_gather", "--cluster", "dgx_h100", "--sizes", "1KiB..4GiB", "--json"}),
      "stdout");
  for (const JsonValue& row : report.find("rows")->items) {
    EXPECT_LT(row.find("busbw_Bps")->real, port);
  }
}

TEST(CollectiveCommand, LetsTheSwitchAddLargeBuffersOfFloats) {
  const auto algorithm = [](const std::string& cluster, const std::string& type) {
    const std::vector<std::string> words = {"all_reduce", "--cluster",  cluster, "--sizes",
                                            "512MiB",     "--datatype", type,    "--json"};
    return parse_json(output_of(words), "stdout")
        .find("rows")
        ->items.at(0)
        .find("algorithm")
        ->string;
  };
  EXPECT_EQ(algorithm("dgx_h100", "float"), "nvls");
  EXPECT_EQ(algorithm("dgx_h100", "int8"), "ring");
  EXPECT_EQ(algorithm("dgx_a100", "float"), "ring");
  const std::string ring = testing::TempDir() + "nccl_test_ring.json";
  std::ofstream(ring) << R"({"use": "dgx_h100", "with":
      {"node": {"fabric": {"kind": "ring", "link": "nvlink4", "links_per_pair": 9,
               "in_network_reduction": true}}}})";
  EXPECT_EQ(algorithm(ring, "float"), "ring") << "no switch, nobody who adds";
}

TEST(CollectiveCommand, NamesWhatItDoesNotKnow) {
  const Builtins builtins;
  const auto refuses = [&](std::vector<std::string> words, const std::string& why) {
    try {
      collective_command(words, builtins);
      ADD_FAILURE() << why;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 2);
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
  };
  const std::vector<std::string> nvls = {"all_reduce", "--cluster", "dgx_h100", "--algorithm",
                                         "nvls"};
  const auto with = [](std::vector<std::string> words, const char* option, const char* value) {
    words.insert(words.end(), {option, value});
    return words;
  };
  refuses(with(nvls, "--datatype", "int8"), "--datatype: expected one that switches add");
  refuses(with(nvls, "--protocol", "ll"), "--protocol: expected auto or simple");
  refuses({"all_reduced", "--cluster", "dgx_h100"}, "did you mean \"all_reduce\"?");
  refuses({"all_reduce"}, "--cluster");
  refuses({"all_reduce", "--cluster", "dgx_h10"}, "dgx_h100");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--ranks", "9"}, "2 to 8");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--ranks", "1"}, "--ranks");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--sizes", "1 parsec"}, "GiB or TiB");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--sizes", "2KiB..1KiB"}, "--sizes");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--algorithm", "rings"}, "\"ring\"");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--protocol", "ll64"}, "--protocol");
  refuses({"all_to_all", "--cluster", "dgx_h100", "--protocol", "simple"}, "chooses by size");
  refuses({"all_to_all_v", "--cluster", "dgx_h100"}, "KIND");
  refuses({"all_reduce", "--cluster", "dgx_a100", "--algorithm", "nvls"}, "a switch that adds");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--algorithm", "sharp"}, "several nodes");
}

}  // namespace
}  // namespace orrery
