// Activities in steady state ask for no memory of their own; only where more of them than ever meet
// does an array double. An executable of its own, since it counts every call of operator new.
#include <gtest/gtest.h>

#include <vector>

#include "sim/base/random.hpp"
#include "sim/engine/activity.hpp"
#include "tests/sim/engine/counted_new.hpp"

namespace orrery {
namespace {

constexpr std::size_t kLinks = 64;
constexpr std::size_t kFlows = 256;  // in flight at any time
constexpr std::uint64_t kWarmUp = 20'000;
constexpr std::uint64_t kSteady = 200'000;
constexpr std::uint64_t kDoublings = 16;  // of all arrays together, after the warm-up

/// As many flows as at the start, for ever: each that ends starts another over `hops` random links.
class Traffic final : EventHandler {
 public:
  explicit Traffic(std::size_t hops) : hops_(hops) {
    for (std::size_t link = 0; link < kLinks; ++link) activities_.add_resource(1e9);
    usages_.reserve(hops);
    for (std::size_t flow = 0; flow < kFlows; ++flow) start();
  }
  /// Runs until so many flows have ended; how many allocations that took.
  std::uint64_t run(std::uint64_t flows) {
    const std::uint64_t before = testing::allocations();
    left_ = flows;
    engine_.run();
    const std::uint64_t taken = testing::allocations() - before;
    for (std::size_t flow = 0; flow < kFlows; ++flow) start();  // for the next run
    return taken;
  }

 private:
  void handle_event(std::uint64_t) override {
    // The last of them end alone, so that the run ends.
    if (left_ > 0) --left_;
    if (left_ >= kFlows) start();
  }
  void start() {
    usages_.clear();
    const auto first = static_cast<std::size_t>(random_.integer(0, kLinks - 1));
    for (std::size_t hop = 0; hop < hops_; ++hop) {
      usages_.push_back({ResourceId((first + hop * hop + hop) % kLinks), 1});
    }
    const auto work = static_cast<double>(random_.integer(1'000, 9'000'000));
    activities_.start({work, usages_, {}}, *this, 0);
  }

  std::size_t hops_;
  RandomStream random_{7, "allocations"};
  std::vector<Usage> usages_;
  Engine engine_;
  Activities activities_{engine_};
  std::uint64_t left_ = 0;
};

void expect_only_doublings(std::size_t hops) {
  Traffic traffic(hops);
  EXPECT_GT(traffic.run(kWarmUp), 0U) << "the counter counts";
  EXPECT_LE(traffic.run(kSteady), kDoublings) << kSteady << " flows over " << hops << " links each";
}

TEST(Allocations, FlowsOverPrivateLinksAllocateNothingEach) {
  expect_only_doublings(1);
}
TEST(Allocations, FlowsThatContendAllocateNothingEach) {
  expect_only_doublings(4);
}

}  // namespace
}  // namespace orrery
