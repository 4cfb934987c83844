// Simulations side by side on many threads: each gives what it gives alone. Nothing is shared but
// what they read: the specs of the clusters and the graphs. Built with the thread sanitizer this
// also shows that no hidden state is.
#include <gtest/gtest.h>

#include <barrier>
#include <functional>
#include <thread>
#include <vector>

#include "sim/engine/sharing.hpp"
#include "tests/property/simulate.hpp"

namespace orrery {
namespace {

constexpr int kThreads = 8;
constexpr int kJobs = 24;
constexpr int kRounds = 6;  // of all jobs, on every thread

/// Everything that a job finds out, to the last bit.
struct Findings {
  std::vector<std::pair<Time, Time>> times;
  std::vector<double> numbers;
  friend bool operator==(const Findings&, const Findings&) = default;
};

/// A random traffic on a random cluster, which other threads run at the same time.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed)
      : cluster_(seed, shape_of(seed)),
        traffic_(RandomTraffic(seed, cluster_.busy_devices(), {.streams = 3}).traffic()),
        made_(graph_of(traffic_, cluster_.busy_devices())) {}

  Findings run() const {
    const Outcome outcome = simulate(cluster_.spec(), made_.graph, traffic_.choice);
    Findings findings{outcome.times(made_), {outcome.counters.bytes_received}};
    for (const auto& use : outcome.resources) findings.numbers.push_back(use.carried);
    return findings;
  }

 private:
  RandomCluster cluster_;
  DrawnTraffic traffic_;
  TrafficGraph made_;
};

/// Shares that come and go.
Findings share(std::uint64_t seed) {
  RandomStream random(seed, "threads");
  Sharing sharing;
  for (int r = 0; r < 20; ++r) {
    sharing.add_resource(static_cast<double>(random.integer(1, 1'000)));
  }
  std::vector<ShareId> live;
  Findings findings;
  for (int change = 0; change < 120; ++change) {
    if (random.integer(0, 3) == 0 && !live.empty()) {
      sharing.remove(live.back());
      live.pop_back();
    } else {
      std::vector<Usage> usages;
      for (std::size_t r = 0; r < sharing.resource_count(); ++r) {
        if (random.integer(0, 5) == 0 || (r == 0 && change % 2 == 0)) {
          usages.push_back({ResourceId(r), static_cast<double>(random.integer(1, 9))});
        }
      }
      const auto bound = static_cast<double>(random.integer(1, 50));
      live.push_back(sharing.add(usages, {.bound = usages.empty() ? bound : kUnbounded}));
    }
    sharing.solve();
    for (const ShareId id : live) findings.numbers.push_back(sharing.rate(id));
  }
  return findings;
}

/// Runs every job on every thread, each beginning with another, all at once; what differs from
/// `alone` is counted by thread.
std::vector<int> differences(const std::vector<std::function<Findings()>>& jobs,
                             const std::vector<Findings>& alone) {
  std::vector<int> different(kThreads, 0);
  std::barrier start(kThreads);
  const auto work = [&](std::size_t self) {
    int count = 0;
    start.arrive_and_wait();
    for (std::size_t i = 0; i < kRounds * jobs.size(); ++i) {
      const std::size_t job = (self * jobs.size() / kThreads + i) % jobs.size();
      count += jobs[job]() == alone[job] ? 0 : 1;
    }
    different[self] = count;
  };
  std::vector<std::thread> threads;
  for (std::size_t self = 0; self < kThreads; ++self) threads.emplace_back(work, self);
  for (std::thread& thread : threads) thread.join();
  return different;
}

std::vector<Findings> one_by_one(const std::vector<std::function<Findings()>>& jobs) {
  std::vector<Findings> alone;
  for (const auto& job : jobs) alone.push_back(job());
  return alone;
}

TEST(Threads, SimulationsSideBySideGiveWhatTheyGiveAlone) {
  std::vector<Simulation> simulations;
  for (std::uint64_t seed = 0; seed < kJobs; ++seed) simulations.emplace_back(seed);
  std::vector<std::function<Findings()>> jobs;
  for (const Simulation& simulation : simulations) {
    jobs.emplace_back([&simulation] { return simulation.run(); });
  }
  const std::vector<Findings> alone = one_by_one(jobs);
  EXPECT_EQ(differences(jobs, alone), std::vector<int>(kThreads, 0));
}

TEST(Threads, SharingsSideBySideGiveWhatTheyGiveAlone) {
  std::vector<std::function<Findings()>> jobs;
  for (std::uint64_t seed = 0; seed < kJobs; ++seed) {
    jobs.emplace_back([seed] { return share(seed); });
  }
  const std::vector<Findings> alone = one_by_one(jobs);
  EXPECT_EQ(differences(jobs, alone), std::vector<int>(kThreads, 0));
}

// Also while other threads make their clusters, registries and graphs.
TEST(Threads, ClustersAreBuiltSideBySide) {
  std::vector<std::function<Findings()>> jobs;
  for (std::uint64_t seed = 0; seed < kJobs; ++seed) {
    jobs.emplace_back([seed] { return seed % 3 == 0 ? share(seed) : Simulation(seed).run(); });
  }
  const std::vector<Findings> alone = one_by_one(jobs);
  EXPECT_EQ(differences(jobs, alone), std::vector<int>(kThreads, 0));
}

}  // namespace
}  // namespace orrery
