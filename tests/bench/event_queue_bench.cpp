// Pending-event structures in the hold model: pop the earliest event, push it again some increment
// later. Source of the model: Jones, "An empirical comparison of priority-queue and event-set
// implementations", CACM 29(4), 1986.
//
//   exponential  increments of mean 1 us
//   ties         constant increment of 1 ns, and only 10 distinct times at the start
//   bimodal      nine in ten about 1 ns, the others uniform up to 100 us
//
// Counters: ns_per_hold is the best of the passes, ratio the same over that of std::priority_queue.
// Every structure must pop the keys in the order of std::priority_queue, or its case is an error.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/random.hpp"
#include "tests/bench/event_queue_heaps.hpp"
#include "tests/bench/event_queue_ladder.hpp"

namespace orrery::bench {
namespace {

constexpr std::int64_t kNanosecond = 1'000;  // picoseconds, the unit of the clock
constexpr std::size_t kPasses = 3;

enum class Increments { exponential, ties, bimodal };

struct HoldCase {
  std::string name;
  Increments kind;
  std::size_t pending;
  std::size_t holds() const { return std::max<std::size_t>(1'000'000, 2 * pending); }
  // Holds before the clock starts, so that the start distribution has washed out.
  std::size_t settling() const { return std::max<std::size_t>(100'000, pending); }
};

/// Increments drawn beforehand, for drawing would take longer than some queues do; a table small
/// enough to stay in the first-level cache, read in random order so that it has no period.
class IncrementTable {
 public:
  explicit IncrementTable(Increments kind) : increments_(kSize) {
    RandomStream random(1, "event_queue_bench");
    for (std::uint32_t& increment : increments_)
      increment = static_cast<std::uint32_t>(draw(kind, random));
  }
  std::int64_t next() {
    // The 64-bit MMIX generator; its high bits are the good ones. Source: Knuth, TAOCP 2, 3.3.4.
    state_ = state_ * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    return increments_[state_ >> (64U - kSizeBits)];
  }

 private:
  static constexpr unsigned kSizeBits = 11;
  static constexpr std::size_t kSize = std::size_t{1} << kSizeBits;

  static std::int64_t draw(Increments kind, RandomStream& random) {
    switch (kind) {
      case Increments::exponential:
        return std::llround(-std::log1p(-random.uniform()) * 1'000.0 * kNanosecond);
      case Increments::ties:
        return kNanosecond;
      case Increments::bimodal:
        return random.uniform() < 0.9 ? random.integer(kNanosecond / 2, kNanosecond * 3 / 2)
                                      : random.integer(0, 100'000 * kNanosecond);
    }
    return 0;
  }

  std::vector<std::uint32_t> increments_;
  std::uint64_t state_ = 1;
};

struct Pass {
  std::uint64_t checksum = 0;  // of the popped keys in their order
  double ns_per_hold = std::numeric_limits<double>::infinity();
};

template <class Queue>
Pass run_pass(const HoldCase& hold_case) {
  IncrementTable increments(hold_case.kind);
  RandomStream random(2, "event_queue_bench");
  Queue queue;
  std::uint64_t order = 0;
  for (std::size_t i = 0; i < hold_case.pending; ++i) {
    const std::int64_t start = hold_case.kind == Increments::ties
                                   ? random.integer(0, 9) * (kNanosecond / 10)
                                   : increments.next();
    queue.push(EventKey{start, order++});
  }
  Pass pass;
  const auto hold = [&](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      const EventKey key = queue.pop();
      // Multiplied, for a plain sum would not notice another order.
      pass.checksum = pass.checksum * 31 + static_cast<std::uint64_t>(key.time) + key.order;
      queue.push(EventKey{key.time + increments.next(), order++});
    }
  };
  hold(hold_case.settling());
  const auto start = std::chrono::steady_clock::now();
  hold(hold_case.holds());
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
  pass.ns_per_hold = spent.count() / static_cast<double>(hold_case.holds());
  return pass;
}

/// std::priority_queue on the same case, measured once, when first asked for.
const Pass& reference(const HoldCase& hold_case) {
  static std::map<std::string, Pass> known;
  const auto [entry, is_new] = known.try_emplace(hold_case.name);
  for (std::size_t i = 0; is_new && i < kPasses; ++i) {
    const Pass pass = run_pass<BinaryHeap>(hold_case);
    entry->second.checksum = pass.checksum;
    entry->second.ns_per_hold = std::min(entry->second.ns_per_hold, pass.ns_per_hold);
  }
  return entry->second;
}

template <class Queue>
void hold(benchmark::State& state, const HoldCase& hold_case) {
  const Pass& expected = reference(hold_case);
  double best = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const Pass pass = run_pass<Queue>(hold_case);
    if (pass.checksum != expected.checksum) {
      state.SkipWithError("popped other keys, or in another order, than std::priority_queue");
      return;
    }
    best = std::min(best, pass.ns_per_hold);
    state.SetIterationTime(pass.ns_per_hold * static_cast<double>(hold_case.holds()) * 1e-9);
  }
  state.counters["ns_per_hold"] = best;
  state.counters["ratio"] = best / expected.ns_per_hold;
}

template <class Queue>
void register_structure(const HoldCase& hold_case, const std::string& structure) {
  benchmark::RegisterBenchmark(
      ("EventQueue/" + hold_case.name + "/" + structure).c_str(),
      [hold_case](benchmark::State& state) { hold<Queue>(state, hold_case); })
      ->Iterations(kPasses)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

const bool registered = [] {
  using Kind = std::pair<std::string, Increments>;
  for (const auto& [name, kind] :
       {Kind{"exponential", Increments::exponential}, Kind{"ties", Increments::ties},
        Kind{"bimodal", Increments::bimodal}}) {
    for (const std::size_t pending : {1'000U, 65'536U, 1'048'576U}) {
      const HoldCase hold_case{name + "/" + std::to_string(pending), kind, pending};
      register_structure<BinaryHeap>(hold_case, "std_priority_queue");
      register_structure<QuaternaryHeap>(hold_case, "quaternary_heap");
      register_structure<PairingHeap>(hold_case, "pairing_heap");
      register_structure<LadderQueue>(hold_case, "ladder_queue");
      register_structure<Hot>(hold_case, "hot_queue");
    }
  }
  return true;
}();

}  // namespace
}  // namespace orrery::bench
