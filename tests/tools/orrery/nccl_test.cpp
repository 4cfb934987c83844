// experiments/nccl: measured NCCL times beside simulated ones, and the command that prints them.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "tools/orrery/checks.hpp"
#include "tools/orrery/collective_times.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"

namespace orrery {
namespace {

NcclFits shipped_fits() {
  const JsonValue calibration =
      load_json(find_data_folders().calibration + "/nccl.json", "nccl.json");
  Diagnostics mistakes;
  NcclFits fits = read_nccl_fits(JsonCursor(calibration, mistakes));
  mistakes.throw_if_any();
  return fits;
}

/// CRC-32 of IEEE 802.3, as zlib.crc32 of tools/fit_nccl.
std::uint32_t crc32(const std::string& text) {
  std::uint32_t crc = UINT32_MAX;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

struct Measured {
  std::string kind;
  std::string type;
  int ranks = 0;
  std::int64_t bytes = 0;
  double seconds = 0;
  bool fitted = false;
};

std::vector<Measured> measured_on(const std::string& system) {
  std::ifstream file(ORRERY_SOURCE_DIR "/experiments/nccl/" + system + ".csv");
  std::vector<Measured> rows;
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "op_name,kernel_source,nccl_dtype,num_gpus,message_size,latency");
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string field[6];
    for (std::string& text : field) std::getline(fields, text, ',');
    Measured row{.kind = field[0], .type = field[2], .ranks = std::stoi(field[3])};
    row.bytes = std::stoll(field[4]) * (row.type == "half" ? 2 : 1);
    row.seconds = std::stod(field[5]) * 1e-3;
    row.fitted = crc32(system + "," + row.kind + "," + row.type + "," + field[3] + "," +
                       std::to_string(row.bytes)) %
                     3 ==
                 0;
    rows.push_back(row);
  }
  return rows;
}

CollectiveQuestion question_of(const Measured& row, const std::string& cluster) {
  static const std::map<std::string, CollectiveKind> kinds = {
      {"all_reduce", CollectiveKind::all_reduce},
      {"all_gather", CollectiveKind::all_gather},
      {"reduce_scatter", CollectiveKind::reduce_scatter},
      {"alltoall", CollectiveKind::all_to_all}};
  CollectiveQuestion question;
  question.kind = kinds.at(row.kind);
  question.cluster = cluster;
  question.ranks = row.ranks;
  question.floats = row.type == "half";
  return question;
}

// The split is that of tools/fit_nccl; the limits are those of experiments/nccl/README.md.
TEST(Nccl, RowsThatWereNotFittedAreMetWithinTheLimits) {
  const Builtins builtins;
  const Catalog catalog = open_catalog(find_data_folders());
  for (const auto& [system, cluster] :
       {std::pair("a100_sxm", "dgx_a100"), std::pair("h100_sxm", "dgx_h100")}) {
    std::vector<double> errors;
    std::size_t fitted = 0;
    const std::vector<Measured> rows = measured_on(system);
    for (const Measured& row : rows) {
      fitted += row.fitted ? 1 : 0;
      if (row.fitted) continue;
      const CollectiveTimes times(question_of(row, cluster), builtins, catalog, shipped_fits());
      const double simulated = to_seconds(times.time_of(Bytes(row.bytes)).time);
      errors.push_back(std::abs(simulated / row.seconds - 1));
    }
    ASSERT_EQ(rows.size(), 504U);
    EXPECT_LE(fitted, 175U) << "about a third";
    std::sort(errors.begin(), errors.end());
    const double median = errors[errors.size() / 2];
    const double ninth = errors[errors.size() * 9 / 10];
    RecordProperty(std::string(system) + "_median", std::to_string(median));
    std::printf("%s: median %.1f %%, 90th percentile %.1f %%\n", system, 100 * median, 100 * ninth);
    EXPECT_LE(median, 0.06) << system;
    EXPECT_LE(ninth, 0.15) << system;
  }
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
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3 + 4) << table;
}

TEST(CollectiveCommand, RunsOnEveryNodeOfTheCatalogueAndOverSeveral) {
  const Catalog catalog = open_catalog(find_data_folders());
  for (const char* kind : {"all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast",
                           "reduce", "gather", "scatter", "send_recv", "barrier"}) {
    for (const Catalog::Entry& node : catalog.list("nodes")) {
      EXPECT_NE(output_of({kind, "--cluster", node.name, "--sizes", "1MiB"}), "") << node.name;
    }
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
      {"node": {"fabric": {"kind": "ring", "links_per_device": null, "links_per_pair": 9}}}})";
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
  refuses({"all_reduced", "--cluster", "dgx_h100"}, "did you mean \"all_reduce\"?");
  refuses({"all_reduce"}, "--cluster");
  refuses({"all_reduce", "--cluster", "dgx_h10"}, "dgx_h100");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--ranks", "9"}, "2 to 8");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--ranks", "1"}, "--ranks");
  refuses({"all_reduce", "--cluster", "dgx_h100", "--sizes", "1 parsec"}, "--sizes");
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
