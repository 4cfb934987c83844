#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

// The jobs that orrery and SimGrid are both given (tests/bench/compare): every size, seed and shape
// that they need to agree on. No engine is included here.
namespace orrery::jobs {

/// Of this process, in KiB. Not getrusage's: that begins with the peak of whoever started it.
inline long peak_kib() {
  std::ifstream status("/proc/self/status");
  long peak = 0;
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") status >> peak;
  }
  return peak;
}

inline constexpr std::int64_t kLinkBytesPerSecond = 12'500'000'000;
inline constexpr double kHostFlopsPerSecond = 1e12;
inline constexpr std::int64_t kHopPicoseconds = 1'000'000;  // ring and graph: of one link
inline constexpr std::int64_t kBlock = 1 << 20;             // bytes of one message

/// SplitMix64's finaliser over a few small numbers: random sizes that need no stream and no order.
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
constexpr std::uint64_t scramble(std::uint64_t a, std::uint64_t b, std::uint64_t c = 0) {
  std::uint64_t bits = 0x9e3779b97f4a7c15U * (1 + a + (b << 20U) + (c << 40U));
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31U);
}

/// Half a block to one and a half.
constexpr std::int64_t random_bytes(std::uint64_t a, std::uint64_t b, std::uint64_t c = 0) {
  return kBlock / 2 + static_cast<std::int64_t>(scramble(a, b, c) % (kBlock + 1));
}

/// All-to-all: hosts of one link each way below leaves, every leaf with one link to each spine. The
/// links have no latency: SimGrid's CM02 would share by its inverse otherwise.
namespace leaf_spine {
inline constexpr int kHostsPerLeaf = 16;
inline constexpr int kSpines = 4;
constexpr int spine_of(int from, int to) {
  return (from + to) % kSpines;
}
}  // namespace leaf_spine

/// Layers of a compute on every host and a message from it to another: a permutation, drawn for
/// every layer. A compute waits for the one before it on its host and for the message of the layer
/// before that comes to its host; a message for its compute and for its host's message before it.
namespace layered {
inline constexpr int kHosts = 64;     // a power of two, so that target_of is a permutation
inline constexpr int kKernels = 256;  // different computes
constexpr int target_of(int layer, int host) {
  const std::uint64_t draw = scramble(static_cast<std::uint64_t>(layer), 7);
  const std::uint64_t step = draw | 1U;
  return static_cast<int>((static_cast<std::uint64_t>(host) * step + (draw >> 32U)) % kHosts);
}
constexpr int kernel_of(int layer, int host) {
  return static_cast<int>(
      scramble(static_cast<std::uint64_t>(layer), static_cast<std::uint64_t>(host), 1) % kKernels);
}
/// 20 to 148 us on a host.
constexpr std::int64_t flops_of(int kernel) {
  return 20'000'000 + 500'000LL * kernel;
}
constexpr std::int64_t bytes_of(int layer, int host) {
  return random_bytes(static_cast<std::uint64_t>(layer), static_cast<std::uint64_t>(host), 2);
}
}  // namespace layered

/// A permutation over a fat tree of three levels: pods of leaves and aggregation switches, each
/// leaf joined to each of the latter in its pod, and the a-th of these in every pod to the a-th row
/// of cores. Everything is kWidth wide, so that nothing is oversubscribed. Links have no latency.
namespace three_level {
inline constexpr int kWidth = 16;
inline constexpr int kHosts = kWidth * kWidth * kWidth;
inline constexpr int kLinks = 6 * kHosts;  // up and down, in three layers

struct Route {
  std::array<std::size_t, 6> links{};
  int count = 0;
  constexpr void put(int layer, int index, bool down) {
    const int link = 2 * (layer * kHosts + index) + (down ? 1 : 0);
    links[static_cast<std::size_t>(count++)] = static_cast<std::size_t>(link);
  }
};
/// By a hash of the pair, as ECMP has it; only as far up as it must.
constexpr Route route(int from, int to) {
  const std::uint64_t hash =
      scramble(static_cast<std::uint64_t>(from), static_cast<std::uint64_t>(to), 5);
  const int row = static_cast<int>(hash % kWidth);
  const int core = static_cast<int>(hash / kWidth % kWidth);
  const int leaf = from / kWidth;
  const int far_leaf = to / kWidth;
  const int pod = leaf / kWidth;
  const int far_pod = far_leaf / kWidth;
  Route way;
  way.put(0, from, false);
  if (leaf != far_leaf) way.put(1, leaf * kWidth + row, false);
  if (pod != far_pod) {
    way.put(2, (pod * kWidth + row) * kWidth + core, false);
    way.put(2, (far_pod * kWidth + row) * kWidth + core, true);
  }
  if (leaf != far_leaf) way.put(1, far_leaf * kWidth + row, true);
  way.put(0, to, true);
  return way;
}

/// Where each host sends: to the next in a random order of all, so that none sends to itself.
inline std::vector<int> permutation() {
  std::vector<int> order(kHosts);
  for (int host = 0; host < kHosts; ++host) order[static_cast<std::size_t>(host)] = host;
  std::sort(order.begin(), order.end(), [](int a, int b) {
    return scramble(static_cast<std::uint64_t>(a), 11) <
           scramble(static_cast<std::uint64_t>(b), 11);
  });
  std::vector<int> target(kHosts);
  for (std::size_t i = 0; i < order.size(); ++i) {
    target[static_cast<std::size_t>(order[i])] = order[(i + 1) % order.size()];
  }
  return target;
}
}  // namespace three_level

/// The jittered ring: what every rank computes before the all-reduce.
constexpr std::int64_t jitter_picoseconds(int rank) {
  return static_cast<std::int64_t>(scramble(static_cast<std::uint64_t>(rank), 3) % 50'000'000);
}

}  // namespace orrery::jobs
