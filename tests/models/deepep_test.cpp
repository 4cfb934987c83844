// DeepEP's dispatch and combine: the formula of models/nccl/deepep.hpp, and what is between nodes.
#include "models/nccl/deepep.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

#include "tests/models/nccl_node.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr double kPort = 450e9;
constexpr std::size_t kDispatch = 0;
constexpr std::size_t kCombine = 1;
constexpr std::size_t kLowLatencyDispatch = 2;

DeepEpFits shipped_fits() {
  const std::string name = ORRERY_SOURCE_DIR "/hw/calibration/deepep.json";
  const JsonValue document = load_json(name, name);
  Diagnostics mistakes;
  DeepEpFits fits = read_deepep_fits(JsonCursor(document, mistakes));
  mistakes.throw_if_any();
  return fits;
}

Finished exchange(const ClusterSpec& cluster, const DeepEpOptions& options, Bytes size,
                  CollectiveKind kind = CollectiveKind::all_to_all) {
  const auto fabric = nccl_fabric_of(cluster);
  CollectiveChoice choice;
  choice.library = make_deepep(shipped_fits(), cluster, *fabric, options,
                               make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric));
  const int members = static_cast<int>(cluster.device_count());
  GraphOf graph(members);
  graph.collective(kind, size, members);
  return run(cluster, graph, choice);
}

// The oracle: all ways to choose top_k of the experts of the first `limit` parts.
TEST(DeepEp, ATokenGoesToAsManyPartsAsHaveOneOfItsExperts) {
  struct Case {
    int experts, top_k, parts, limit;
  };
  for (const auto& [experts, top_k, parts, limit] :
       {Case{12, 3, 4, 4}, Case{12, 3, 4, 2}, Case{8, 8, 4, 4}, Case{6, 1, 3, 3}}) {
    const int each = experts / parts;
    double hit = 0;
    double ways = 0;
    for (unsigned set = 0; set < 1U << (each * limit); ++set) {
      if (__builtin_popcount(set) != top_k) continue;
      std::set<int> parts_of;
      for (int expert = 0; expert < each * limit; ++expert) {
        if ((set >> expert & 1U) != 0) parts_of.insert(expert / each);
      }
      hit += static_cast<double>(parts_of.size());
      ++ways;
    }
    EXPECT_NEAR(parts_hit(experts, top_k, parts, limit), hit / ways, 1e-12);
  }
}

// The oracle again, with experts that the parts do not divide, and fewer than parts.
TEST(DeepEp, ExpertsAreSpreadAsEquallyAsTheyCanBe) {
  for (const auto& [experts, top_k, parts] : {std::array{10, 3, 4}, {3, 2, 8}, {2, 2, 8}}) {
    double hit = 0;
    double ways = 0;
    for (unsigned set = 0; set < 1U << experts; ++set) {
      if (__builtin_popcount(set) != top_k) continue;
      std::set<int> parts_of;
      for (int expert = 0; expert < experts; ++expert) {
        if ((set >> expert & 1U) != 0) parts_of.insert(expert % parts);
      }
      hit += static_cast<double>(parts_of.size());
      ++ways;
    }
    EXPECT_NEAR(parts_hit(experts, top_k, parts, parts), hit / ways, 1e-12);
  }
  const DeepEpOptions few{.token = 7_KiB, .experts = 64, .top_k = 8};
  EXPECT_NEAR(copies_of(few, 256, 32).copies, 8, 1e-12) << "each is on a GPU of its own";
}

TEST(DeepEp, AKernelInANodeTakesItsFormula) {
  const ClusterSpec cluster = nccl_node_of(kNvlink4);
  const DeepEpFits fits = shipped_fits();
  for (std::size_t kernel = 0; kernel < kDeepEpKernels.size(); ++kernel) {
    const bool low_latency = kernel >= kLowLatencyDispatch;
    for (const int cores : {4, 24}) {
      for (const Bytes size : {1_MiB, 256_MiB}) {
        const DeepEpOptions options{.kernel = kernel,
                                    .token = 7_KiB,
                                    .experts = 256,
                                    .top_k = 8,
                                    .cores = low_latency ? 0 : cores};
        const DeepEpKernel& of = fits.links.at("nvlink4").kernels[kernel];
        const double copies = low_latency ? 8 : parts_hit(256, 8, kDevices, kDevices);
        const double bytes = size.as_double();
        const double tokens = bytes / copies / options.token.as_double();
        const int taken = low_latency ? 128 : cores;  // two experts each, as 132 are too few
        const auto at = [](double moved, double rate) { return rate > 0 ? moved / rate : 0; };
        const double core =
            (tokens * to_seconds(of.token) + at(bytes, of.copy) + at(bytes / copies, of.read)) /
            taken;
        const double link = bytes * (kDevices - 1) / kDevices / (of.port * kPort);
        const double ramp =
            of.ramp_bytes > Bytes(0) ? std::min(1.0, bytes / of.ramp_bytes.as_double()) : 0;
        const double expected =
            to_seconds(of.launch) + 256 * to_seconds(of.expert) +
            at(copies * options.token.as_double(), of.first) + ramp * to_seconds(of.ramp) +
            std::pow(std::pow(core, kDeepEpSharpness) + std::pow(link, kDeepEpSharpness),
                     1 / kDeepEpSharpness);
        const Finished done = exchange(cluster, options, size);
        EXPECT_NEAR(to_seconds(done.end.since_start()), expected, 1e-4 * expected)
            << kDeepEpKernels[kernel] << " " << size.count();
        EXPECT_EQ(done.records.at(0).protocol, kDeepEpKernels[kernel]);
        EXPECT_EQ(done.records.at(0).channels, taken);
      }
    }
  }
}

/// Four nodes whose adapters are slow, so that nothing else counts.
ClusterSpec slow_rails() {
  return four_nodes_over(kDevices,
                         link_of(link_json("rdma", 1_GBps, 1500_ns, R"(, "efficiency": 1)")));
}

// Normal kernels send a token once to each node with one of its experts, low latency to each
// expert.
TEST(DeepEp, BetweenNodesATokenGoesOnceToANode) {
  constexpr int kNodes = 4;
  constexpr double kTokens = 4096;
  constexpr double kNear = 0.06;  // launch, and the first and last chunk inside a node
  const ClusterSpec cluster = slow_rails();
  const DeepEpFits fits = shipped_fits();
  const auto seconds = [&](std::size_t kernel, int node_limit, double times, const char* by) {
    const DeepEpOptions options{
        .kernel = kernel, .token = 7_KiB, .experts = 256, .top_k = 8, .node_limit = node_limit};
    const double copies = copies_of(options, kNodes * kDevices, kNodes).copies;
    const Bytes size(std::llround(kTokens * copies * options.token.as_double()));
    const Finished done = exchange(cluster, options, size);
    // Whether they are limited or not, a token's nodes are any of all with the same chance.
    const double share = (kNodes - 1.0) / kNodes;
    const double expected = kTokens * times * options.token.as_double() * share / (fits.rail * 1e9);
    EXPECT_NEAR(to_seconds(done.end.since_start()), expected, kNear * expected)
        << kDeepEpKernels[kernel];
    EXPECT_EQ(done.records.at(0).algorithm, by);
  };
  const double nodes = parts_hit(256, 8, kNodes, kNodes);
  seconds(kDispatch, 0, nodes, "rail_first");
  seconds(kCombine, 0, nodes, "hierarchical");
  seconds(kDispatch, 2, 2, "rail_first");
  seconds(kLowLatencyDispatch, 0, 8, "direct");
}

TEST(DeepEp, RefusesNodesWithTooFewExperts) {
  DeepEpOptions options{.token = 7_KiB, .experts = 256, .top_k = 65, .node_limit = 1};
  EXPECT_THROW(exchange(slow_rails(), options, 1_MiB), ScenarioError) << "64 experts a node";
  options.top_k = 64;
  EXPECT_NO_THROW(exchange(slow_rails(), options, 1_MiB));
}

TEST(DeepEp, IsForAllToAllsAlone) {
  const DeepEpOptions options{.token = 7_KiB, .experts = 64, .top_k = 4};
  const ClusterSpec cluster = nccl_node_of(kNvlink4);
  const auto protocol = [&](CollectiveKind kind) {
    return exchange(cluster, options, 8_MiB, kind).records.at(0).protocol;
  };
  EXPECT_EQ(protocol(CollectiveKind::all_to_all), "dispatch");
  EXPECT_EQ(protocol(CollectiveKind::all_gather), "LL128");  // NCCL's
}

}  // namespace
}  // namespace orrery
