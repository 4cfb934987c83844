// `orrery run` with NCCL: the same times as `orrery collective`, what the result says, and where it
// is taken by itself.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <tuple>

#include "sim/base/unit_text.hpp"
#include "tests/tools/orrery/experiment.hpp"
#include "tools/orrery/collective_times.hpp"
#include "tools/orrery/data_folders.hpp"

namespace orrery {
namespace {

using testing_program::number;
using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

/// Tensor-parallel inference: all-reduces with nothing beside them.
JsonValue result_on(const std::string& cluster, const std::string& collectives) {
  const TemporaryFolder folder;
  write_file(folder / "scenario.json",
             R"({"orrery": 1, "cluster": )" + cluster +
                 R"(, "workload": {"kind": "transformer_inference", "network": "gpt2",
                 "parallel": {"tensor": 4, "pipeline": 1, "data": 2}, "batch": 2,
                 "input_length": 256, "output_length": 2, "precision": "bf16"},
                 "collectives": )" +
                 collectives + "}");
  const Outcome outcome = run_orrery({"run", folder / "scenario.json", "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return parse_json(outcome.out, "result");
}

TEST(CollectiveLibrary, RunTakesTheTimesOfTheCollectiveCommand) {
  const JsonValue result = result_on(R"("dgx_h100")", "{}");
  EXPECT_EQ(result.find("collective_library")->string,
            "nccl, constants of nvlink4, measured on h100_sxm");
  const Builtins builtins;
  const Catalog catalog = open_catalog(find_data_folders());
  const std::vector<JsonValue>& uses = result.find("collectives")->items;
  ASSERT_FALSE(uses.empty());
  for (const JsonValue& use : uses) {
    const std::string& kind = use.find("kind")->string;
    ASSERT_TRUE(kind == "all_reduce" || kind == "all_gather") << kind;
    const CollectiveTimes times(
        {.kind = kind == "all_reduce" ? CollectiveKind::all_reduce : CollectiveKind::all_gather,
         .cluster = "dgx_h100",
         .ranks = static_cast<int>(use.find("members")->integer)},
        builtins, catalog);
    const CollectiveTime alone = times.time_of(Bytes(use.find("size_bytes")->integer));
    EXPECT_EQ(use.find("algorithm")->string, alone.algorithm);
    EXPECT_EQ(use.find("protocol")->string, alone.protocol);
    EXPECT_EQ(use.find("channels")->integer, alone.channels);
    EXPECT_EQ(use.find("reason")->string, alone.reason);
    EXPECT_NEAR(number(*use.find("fastest_s")), to_seconds(alone.time),
                1e-9 * to_seconds(alone.time));
  }
}

TEST(CollectiveLibrary, IsTakenByItselfOnlyWhereItWasMeasured) {
  const auto library = [](const std::string& cluster, const std::string& collectives) {
    return result_on(cluster, collectives).find("collective_library")->string;
  };
  EXPECT_EQ(library(R"("l40s_pcie_8")", "{}"),
            "predicted, as no library was measured over the links of these nodes");
  EXPECT_EQ(library(R"("dgx_h100")", R"({"library": "plain"})"), "plain");
  EXPECT_EQ(library(R"("l40s_pcie_8")", R"({"library": "nccl"})"),
            "nccl, constants of pcie, assumed, scaled to pcie4_x16");
  EXPECT_EQ(library(R"("dgx_b200")", "{}"),
            "nccl, constants of nvlink4, measured on h100_sxm, scaled to nvlink5");
}

CollectiveTime time_on(const std::string& cluster, int ranks, CollectiveKind kind,
                       const std::string& algorithm, Bytes size, const Builtins& builtins) {
  const Catalog catalog = open_catalog(find_data_folders());
  return CollectiveTimes({.kind = kind,
                          .cluster = cluster,
                          .ranks = ranks,
                          .algorithm = algorithm,
                          .library = "predicted"},
                         builtins, catalog)
      .time_of(size);
}

/// Over a mesh, a torus, a ring, a fat tree of such meshes, planes of switches and a switch.
TEST(CollectiveLibrary, PredictsAnAlgorithmThatIsNearlyTheBestOfThoseItCouldTake) {
  constexpr double kNearly = 1.02;
  struct Group {
    std::string cluster;
    int ranks;
  };
  const std::vector<Group> groups = {{"ascend_910b_8", 0},   {"tpu_v4_pod", 16},
                                     {"t3_ring", 0},         {"ascend_910b_cluster", 32},
                                     {"cloudmatrix384", 16}, {"dgx_h100_superpod", 12}};
  const Builtins builtins;
  std::set<std::string> taken;
  for (const Group& group : groups) {
    for (const CollectiveKind kind : {CollectiveKind::all_reduce, CollectiveKind::reduce_scatter,
                                      CollectiveKind::all_to_all, CollectiveKind::broadcast}) {
      for (const Bytes size : {Bytes(1 << 10), Bytes(1 << 20), Bytes(1 << 28)}) {
        const CollectiveTime chosen =
            time_on(group.cluster, group.ranks, kind, "auto", size, builtins);
        EXPECT_TRUE(chosen.reason.starts_with("predicted: ")) << chosen.reason;
        taken.insert(std::string(to_string(kind)) + "/" + chosen.algorithm);
        for (const std::string& name : builtins.collectives.names()) {
          const std::string prefix = std::string(to_string(kind)) + "/";
          if (!name.starts_with(prefix) || name.ends_with("/nvls") || name.ends_with("/sharp")) {
            continue;
          }
          const CollectiveTime other =
              time_on(group.cluster, group.ranks, kind, name.substr(prefix.size()), size, builtins);
          EXPECT_LE(to_seconds(chosen.time), kNearly * to_seconds(other.time))
              << group.cluster << ", " << to_text(size) << ": " << chosen.algorithm
              << " instead of " << name << "; " << chosen.reason;
        }
      }
    }
  }
  EXPECT_GE(taken.size(), 8U);  // that there was something to choose
}

TEST(CollectiveLibrary, PredictsAdditionsByTheSwitchWhereItCanAdd) {
  const Builtins builtins;
  const auto taken = [&](const std::string& algorithm, bool floats) {
    const Catalog catalog = open_catalog(find_data_folders());
    return CollectiveTimes({.cluster = "dgx_h100",
                            .algorithm = algorithm,
                            .library = "predicted",
                            .floats = floats},
                           builtins, catalog)
        .time_of(Bytes(1 << 30));
  };
  const CollectiveTime chosen = taken("auto", true);
  EXPECT_EQ(chosen.algorithm, "nvls") << chosen.reason;
  EXPECT_LT(chosen.time, taken("two_shot", true).time);
  EXPECT_NE(taken("auto", false).algorithm, "nvls") << "of integers";
}

/// Chunks are whole, and smaller where few would be under way; NCCL's are of one size.
TEST(CollectiveLibrary, ALargerBroadcastIsNeverSooner) {
  const Builtins builtins;
  for (const auto& [cluster, library, protocol] : {std::tuple("ascend_910b_8", "predicted", "auto"),
                                                   std::tuple("dgx1_v100", "nccl", "ll128")}) {
    const Catalog catalog = open_catalog(find_data_folders());
    const CollectiveTimes times({.kind = CollectiveKind::broadcast,
                                 .cluster = cluster,
                                 .algorithm = "ring",
                                 .protocol = protocol,
                                 .library = library},
                                builtins, catalog);
    Duration before;
    for (double size = 64'000; size < 16e6; size *= 1.1) {
      const Duration time = times.time_of(Bytes(std::llround(size))).time;
      EXPECT_GE(time, before) << cluster << ", " << size;
      before = time;
    }
  }
}

/// Its six NVLinks a device, in three rings both ways.
TEST(CollectiveLibrary, RingsUseAllLinksOfADgx1) {
  const JsonValue link =
      load_json(ORRERY_SOURCE_DIR "/hw/catalog/links/nvlink2.json", "nvlink2.json");
  const double one = 25e9;
  const Builtins builtins;
  const Bytes size(512 << 20);
  const auto bus = [&](const std::string& library) {
    const Catalog catalog = open_catalog(find_data_folders());
    const CollectiveTime time =
        CollectiveTimes({.cluster = "dgx1_v100", .library = library}, builtins, catalog)
            .time_of(size);
    EXPECT_EQ(time.algorithm, "ring");
    return size.as_double() * 2 * 7 / 8 / to_seconds(time.time);
  };
  const double limit = 6 * one * number(*link.find("efficiency")->find("value"));
  for (const char* library : {"plain", "predicted", "nccl"}) {
    EXPECT_LE(bus(library), limit) << library;
    EXPECT_GE(bus(library), 0.95 * limit) << library;
  }
}

TEST(CollectiveLibrary, PlainSaysNoProtocolAndAFixedOneIsTaken) {
  const JsonValue plain = result_on(R"("dgx_h100")", R"({"library": "plain"})");
  for (const JsonValue& use : plain.find("collectives")->items) {
    EXPECT_EQ(use.find("protocol")->string, "");
    EXPECT_EQ(use.find("channels")->integer, 0);
  }
  const JsonValue fixed =
      result_on(R"("dgx_h100")", R"({"protocol": "simple", "all_reduce": "two_shot"})");
  for (const JsonValue& use : fixed.find("collectives")->items) {
    EXPECT_EQ(use.find("protocol")->string, "Simple");
    const bool is_fixed = use.find("kind")->string == "all_reduce";
    EXPECT_EQ(use.find("algorithm")->string, is_fixed ? "two_shot" : "ring");
  }
}

// Figures of a page rot when what they were made with changes. 2 %: constants are fitted anew.
TEST(CollectiveLibrary, TheTableOfTheTransportsIsWhatTheProgramSaysToday) {
  std::ifstream table(ORRERY_SOURCE_DIR "/experiments/transports/all_reduce.csv");
  std::string line;
  std::getline(table, line);
  ASSERT_EQ(line, "transport,bytes,time_s,busbw_Bps,algorithm,protocol");
  const Builtins builtins;
  const Catalog catalog = open_catalog(find_data_folders());
  int compared = 0;
  while (std::getline(table, line)) {
    std::istringstream row(line);
    std::string transport;
    std::string bytes;
    std::string seconds;
    for (std::string* field : {&transport, &bytes, &seconds}) std::getline(row, *field, ',');
    if (bytes != "1024" && bytes != "131072" && bytes != "16777216") continue;
    const CollectiveTimes times({.kind = CollectiveKind::all_reduce,
                                 .cluster = transport == "RDMA" ? "a100_rdma_800g" : "a100_tcp_80g",
                                 .ranks = 16},
                                builtins, catalog);
    const double now = to_seconds(times.time_of(Bytes(std::stoll(bytes))).time);
    EXPECT_NEAR(now, std::stod(seconds), 0.02 * now) << line;
    ++compared;
  }
  EXPECT_EQ(compared, 6);
}

}  // namespace
}  // namespace orrery
