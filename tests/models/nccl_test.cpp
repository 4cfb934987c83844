// NCCL on a cluster: what it chooses, by the formulas of models/nccl/fits.hpp, and what its file
// must hold. The shipped constants are used, whatever they are.
#include <gtest/gtest.h>

#include "models/nccl/custom_all_reduce.hpp"
#include "models/nccl/formulas.hpp"
#include "tests/models/nccl_node.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

CollectivePlan plan_on(const ClusterSpec& cluster, CollectiveKind kind, Bytes size, int members,
                       const NcclOptions& options = {}) {
  const auto fabric = nccl_fabric_of(cluster);
  const auto nccl = make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric, options);
  CollectiveCall call;
  call.kind = kind;
  call.members = members;
  call.size = size;
  return nccl->plan(call, nullptr);
}

int steps_of(CollectiveKind kind, int n) {
  return kind == CollectiveKind::all_reduce ? 2 * (n - 1) : n - 1;
}

// launch + k · step + b / (efficiency · port), each of them the plan's, is what the machine takes.
TEST(Nccl, ARingOnOneNodeTakesItsFormula) {
  const ClusterSpec cluster = nccl_node_of(kNvlink4);
  const auto fabric = nccl_fabric_of(cluster);
  CollectiveChoice choice;
  choice.library = make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric, {.floats = false});
  for (const auto kind :
       {CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::reduce_scatter}) {
    for (const int n : {2, 4, 8}) {
      for (const Bytes size : {8_KiB, 2_MiB, 64_MiB}) {
        const CollectivePlan plan = plan_on(cluster, kind, size, n, {.floats = false});
        ASSERT_TRUE(plan.launch && plan.terms);
        const int steps = steps_of(kind, n);
        const double moved = steps * size.as_double() / n;
        const double expected = to_seconds(*plan.launch) + steps * to_seconds(plan.terms->step) +
                                moved / (plan.terms->share * 450e9);
        GraphOf graph(n);
        graph.collective(kind, size, n);
        const Finished done = run(cluster, graph, choice);
        EXPECT_NEAR(to_seconds(done.end.since_start()), expected, 1e-3 * expected);
        EXPECT_EQ(done.records.at(0).protocol, plan.protocol);
      }
    }
  }
}

// Over a ring of links half of a buffer goes round each way, whatever the devices are called: more
// than one direction could carry.
TEST(Nccl, GoesARingOfLinksBothWays) {
  std::vector<Time> ends;
  for (const int stride : {1, 3}) {
    ClusterSpec cluster = nccl_node_of(kNvlink4);
    std::vector<JsonValue> links;
    for (int at = 0; at < kDevices; ++at) {
      const JsonValue here = json_integer(at * stride % kDevices);
      const JsonValue next = json_integer((at + 1) * stride % kDevices);
      links.push_back(
          json_object({{"between", json_array({here, next})}, {"link", to_json(kNvlink4)}}));
    }
    cluster.node.fabric =
        json_object({{"kind", json_string("graph")}, {"links", json_array(std::move(links))}});
    const auto fabric = nccl_fabric_of(cluster);
    CollectiveChoice choice;
    choice.library = make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric, {});
    GraphOf graph(kDevices);
    graph.collective(CollectiveKind::all_reduce, 512_MiB, kDevices);
    ends.push_back(run(cluster, graph, choice).end);
    const double moved =
        steps_of(CollectiveKind::all_reduce, kDevices) * (512_MiB).as_double() / kDevices;
    EXPECT_GT(moved / to_seconds(ends.back().since_start()), kNvlink4.bandwidth.as_double());
  }
  EXPECT_EQ(ends.front(), ends.back());
}

TEST(Nccl, TakesLlForLittleAndSimpleForMuch) {
  const ClusterSpec cluster = nccl_node_of(kNvlink4);
  EXPECT_EQ(plan_on(cluster, CollectiveKind::all_gather, 1_KiB, 8).protocol, "LL");
  EXPECT_EQ(plan_on(cluster, CollectiveKind::all_gather, 512_MiB, 8).protocol, "Simple");
}

TEST(Nccl, TakesTheProtocolThatIsAskedFor) {
  const ClusterSpec cluster = nccl_node_of(kNvlink4);
  for (const auto& [asked, name] :
       {std::pair("ll", "LL"), std::pair("ll128", "LL128"), std::pair("simple", "Simple")}) {
    const CollectivePlan plan =
        plan_on(cluster, CollectiveKind::all_reduce, 64_MiB, 8, {.protocol = asked});
    EXPECT_EQ(plan.protocol, name);
    EXPECT_EQ(plan.algorithm, "ring") << "the switch has no such protocols";
    EXPECT_NE(plan.reason.find("asked for"), std::string::npos);
  }
}

TEST(Nccl, LetsTheSwitchAddWhereThatIsSooner) {
  const ClusterSpec cluster = nccl_node_of(kNvlink4);
  const auto algorithm = [&](Bytes size, const NcclOptions& options) {
    return plan_on(cluster, CollectiveKind::all_reduce, size, 8, options).algorithm;
  };
  EXPECT_EQ(algorithm(512_MiB, {}), "nvls");
  EXPECT_EQ(algorithm(1_KiB, {}), "ring") << "its launch is longer";
  EXPECT_EQ(algorithm(512_MiB, {.floats = false}), "ring");
  LinkSpec older = kNvlink4;
  older.name = "nvlink3";
  EXPECT_EQ(plan_on(nccl_node_of(older), CollectiveKind::all_reduce, 512_MiB, 8).algorithm, "ring");
  ClusterSpec ring = cluster;
  set_at(ring.node.fabric, "/kind", json_string("ring"));
  std::erase_if(ring.node.fabric.members,
                [](const JsonValue::Member& m) { return m.key == "links_per_device"; });
  set_at(ring.node.fabric, "/links_per_pair", json_integer(1));
  EXPECT_EQ(plan_on(ring, CollectiveKind::all_reduce, 512_MiB, 8).algorithm, "ring");
}

// The switch has no protocol but Simple, also of what is only ever asked for by name.
TEST(Nccl, GathersAndScattersOfTheSwitchAreSimple) {
  const ClusterSpec cluster = nccl_node_of(kNvlink4);
  const auto fabric = nccl_fabric_of(cluster);
  const auto plan = [&](CollectiveKind kind, const std::string& protocol) {
    const Registry<CollectiveFactory> registry = builtin_collectives();
    const auto* entry = registry.find(std::string(to_string(kind)) + "/nvls");
    CollectiveCall call;
    call.kind = kind;
    call.members = kDevices;
    call.size = 8_KiB;
    return make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric, {.protocol = protocol})
        ->plan(call, entry);
  };
  for (const auto kind : {CollectiveKind::all_gather, CollectiveKind::reduce_scatter}) {
    const CollectivePlan taken = plan(kind, "auto");
    const CollectivePlan simple = plan(kind, "simple");
    EXPECT_EQ(taken.protocol, "Simple");
    EXPECT_EQ(taken.launch, simple.launch);
    EXPECT_EQ(taken.terms->step, simple.terms->step);
    EXPECT_EQ(taken.terms->share, simple.terms->share);
  }
}

// A peer's part of an all-to-all goes at the rate of its channel, however wide the port.
TEST(Nccl, ASmallAllToAllDoesNotGoFasterOverAWiderPort) {
  LinkSpec wider = kNvlink4;
  wider.bandwidth = 4 * kNvlink4.bandwidth;
  const auto rate = [](const LinkSpec& link) {
    const CollectivePlan plan =
        plan_on(nccl_node_of(link), CollectiveKind::all_to_all, 8 * 8_KiB, kDevices);
    EXPECT_EQ(plan.protocol, "LL");
    return plan.terms->share * link.bandwidth.as_double();
  };
  EXPECT_NEAR(rate(wider), rate(kNvlink4), 1e-6 * rate(kNvlink4));
}

TEST(Nccl, SaysWhatItPredictedAndWhyTheProtocol) {
  const CollectivePlan plan =
      plan_on(nccl_node_of(kNvlink4), CollectiveKind::all_reduce, 64_MiB, 8);
  for (const char* word : {"predicted", "ring", "nvls", "protocol"}) {
    EXPECT_NE(plan.reason.find(word), std::string::npos) << plan.reason;
  }
}

// Simple: a thread has 64 B at least, a channel 512 threads; 24 channels at most.
TEST(Nccl, OpensAsManyChannelsAsThereIsToDo) {
  const NcclFits fits = nccl_fits_from(shipped_nccl());
  const NcclTuning& tuning = fits.tuning;
  const Bytes channel = tuning.threads * tuning.protocols[kNcclSimple].thread;
  const auto channels = [&](Bytes size) {
    return plan_on(nccl_node_of(kNvlink4), CollectiveKind::all_gather, size, 8,
                   {.protocol = "simple"})
        .channels;
  };
  EXPECT_EQ(channels(Bytes(1)), 1);
  EXPECT_EQ(channels(2 * channel), 2);
  EXPECT_EQ(channels(2 * channel - Bytes(1)), 1);
  EXPECT_EQ(channels(1000 * channel), tuning.ring_channels);
}

TEST(Nccl, TakesACoreForEachChannel) {
  const CollectivePlan plan =
      plan_on(nccl_node_of(kNvlink4), CollectiveKind::all_gather, 64_MiB, 8);
  EXPECT_GT(plan.channels, 1);
  EXPECT_EQ(plan.terms->cores, plan.channels);
}

TEST(Nccl, ScalesConstantsOfANeighbourByWhatTheCatalogueSays) {
  LinkSpec next = kNvlink4;
  next.name = "nvlink5";
  next.latency = 2 * kNvlink4.latency;
  const auto kind = CollectiveKind::all_gather;
  const NcclOptions simple{.protocol = "simple"};
  const CollectivePlan known = plan_on(nccl_node_of(kNvlink4), kind, 64_MiB, 8, simple);
  const CollectivePlan borrowed = plan_on(nccl_node_of(next), kind, 64_MiB, 8, simple);
  EXPECT_EQ(borrowed.terms->step, 2 * known.terms->step);
  EXPECT_EQ(borrowed.launch, known.launch);
  EXPECT_EQ(borrowed.terms->share, known.terms->share);
  const auto fabric = nccl_fabric_of(nccl_node_of(next));
  EXPECT_EQ(make_nccl(nccl_fits_from(shipped_nccl()), nccl_node_of(next), *fabric)->constants(),
            "nvlink4, measured on h100_sxm, scaled to nvlink5");
}

TEST(Nccl, BorrowsByGenerationAndKnowsWhatWasMeasured) {
  const NcclFits fits = nccl_fits_from(shipped_nccl());
  EXPECT_EQ(nccl_fit_of(fits, "nvlink3").first, "nvlink3");
  EXPECT_EQ(nccl_fit_of(fits, "nvlink2").first, "nvlink3");
  EXPECT_EQ(nccl_fit_of(fits, "nvlink5").first, "nvlink4");
  EXPECT_EQ(nccl_fit_of(fits, "pcie4_x16").first, "pcie");
  EXPECT_TRUE(nccl_is_calibrated("nvlink5"));
  EXPECT_FALSE(nccl_is_calibrated("pcie4_x16"));
  EXPECT_FALSE(nccl_is_calibrated("hccs"));
}

TEST(Nccl, ItsFileIsReadStrictly) {
  const auto mistake = [](const std::string& pointer, JsonValue value) {
    JsonValue document = shipped_nccl();
    EXPECT_EQ(set_at(document, pointer, std::move(value)), "");
    try {
      nccl_fits_from(document);
    } catch (const ScenarioError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(mistake("/links/nvlink4/ll/step", json_integer(3)).find("expected a duration"),
            std::string::npos);
  EXPECT_NE(mistake("/links/nvlink4/simple/efficiency", json_real(1.5)).find("between 0 and 1"),
            std::string::npos);
  EXPECT_NE(mistake("/tuning/channels/rings", json_integer(3)).find("\"ring\""), std::string::npos);
  EXPECT_NE(mistake("/links", json_object({})).find("missing key \"nvlink3\""), std::string::npos);
}

/// vLLM's, with NCCL behind it.
struct Custom {
  Custom() {
    const JsonValue document =
        load_json(ORRERY_SOURCE_DIR "/hw/calibration/custom_all_reduce.json", "custom.json");
    Diagnostics mistakes;
    fits = read_custom_all_reduce_fits(JsonCursor(document, mistakes));
    mistakes.throw_if_any();
    const auto fabric = nccl_fabric_of(cluster);
    choice.library = make_custom_all_reduce(
        fits, cluster, *fabric, make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric));
  }
  Finished all_reduce(Bytes size, int members) const {
    GraphOf graph(members);
    graph.collective(CollectiveKind::all_reduce, size, members);
    return run(cluster, graph, choice);
  }
  ClusterSpec cluster = nccl_node_of(kNvlink4);
  CustomAllReduceFits fits;
  CollectiveChoice choice;
};

TEST(CustomAllReduce, TakesOneShotForLittleTwoForMoreAndNcclBeyond) {
  const Custom custom;
  const auto algorithm = [&](Bytes size, int members) {
    return custom.all_reduce(size, members).records.at(0).algorithm;
  };
  const Bytes below = Bytes(1);
  EXPECT_EQ(algorithm(custom.fits.one_shot_8 - below, 8), "direct");
  EXPECT_EQ(algorithm(custom.fits.one_shot_8, 8), "two_shot");
  EXPECT_EQ(algorithm(custom.fits.one_shot_4 - below, 4), "direct");
  EXPECT_EQ(algorithm(custom.fits.one_shot_4, 4), "two_shot");
  EXPECT_EQ(algorithm(custom.fits.largest - below, 2), "direct");
  const Finished beyond = custom.all_reduce(custom.fits.largest, 8);
  EXPECT_EQ(beyond.records.at(0).algorithm, "nvls") << "NCCL's choice";
}

TEST(CustomAllReduce, TakesItsFormula) {
  const Custom custom;
  const CustomAllReduceFit& fit = custom.fits.links.at("nvlink4");
  for (const int n : {2, 4, 8}) {
    for (const Bytes size : {8_KiB, 2_MiB}) {
      const bool one = n == 2 || size == 8_KiB;
      const CustomAllReduceFit::Shots& shots = one ? fit.one : fit.two;
      const double moved = size.as_double() * (one ? n - 1 : 2.0 * (n - 1) / n);
      const double expected =
          to_seconds(shots.launch + n * shots.member) + moved / (shots.efficiency * 450e9);
      const Duration taken = custom.all_reduce(size, n).end.since_start();
      EXPECT_NEAR(to_seconds(taken), expected, 1e-6 * expected) << n << " " << size.count();
    }
  }
}

}  // namespace
}  // namespace orrery
