// What a completion starts may take over the share of what has ended: against the same started in a
// later phase of the same instant, when that share is gone.

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "sim/base/random.hpp"
#include "sim/engine/activity.hpp"

namespace orrery {
namespace {

constexpr int kStreams = 6;
constexpr int kPieces = 40;
constexpr int kResources = 4;

/// Streams of activities, each started when the one before it has completed: mostly alike, some
/// with other usages or terms; now and then one that is long begins anew, or a capacity changes,
/// before or after the start. The same random numbers make the same streams.
class Streams final : public EventHandler {
 public:
  Streams(std::uint64_t seed, bool later) : random_(seed, "streams"), later_(later) {
    for (int r = 0; r < kResources; ++r) resources_.push_back(activities.add_resource(capacity()));
    for (int s = 0; s < kStreams; ++s) plan(s);
    for (std::size_t s = 0; s < kStreams; ++s) start(s);
    start_long();
  }

  void handle_event(std::uint64_t token) override {
    if (token >= kStreams) {
      go_on(token - kStreams);
      return;
    }
    ends[token].push_back(engine.now());
    if (later_) {
      engine.post(Phase::issue, *this, token + kStreams);
    } else {
      go_on(token);
    }
  }

  Engine engine;
  Activities activities{engine};
  std::vector<Time> ends[kStreams];

 private:
  struct Piece {
    std::vector<Usage> usages;
    ShareTerms terms;
    double work = 0;
    bool cancels = false;  // what is long, which begins anew
    int changes = -1;      // a resource that has another capacity from here on
    double capacity = 0;
  };

  double capacity() { return static_cast<double>(random_.integer(1, 4)) * 1e9; }

  void plan(int stream) {
    Piece piece;
    for (int p = 0; p < kPieces; ++p) {
      if (p == 0 || random_.integer(0, 5) == 0) {
        piece.usages.clear();
        for (const ResourceId resource : resources_) {
          if (random_.integer(0, 1) == 0) {
            piece.usages.push_back({resource, static_cast<double>(random_.integer(1, 2))});
          }
        }
        piece.terms = {.weight = static_cast<double>(random_.integer(1, 2)),
                       .bound = static_cast<double>(random_.integer(1, 3)) * 1e9,
                       .priority = static_cast<int>(random_.integer(0, 1))};
      }
      piece.work = static_cast<double>(random_.integer(0, 8)) * 1e3;  // many end together
      piece.cancels = random_.integer(0, 5) == 0;
      piece.changes = random_.integer(0, 9) == 0 ? static_cast<int>(random_.integer(0, 3)) : -1;
      piece.capacity = capacity();
      pieces_[stream].push_back(piece);
    }
  }

  void start(std::size_t stream) {
    const Piece& piece = pieces_[stream][ends[stream].size()];
    activities.start(Activity{piece.work, piece.usages, piece.terms}, *this, stream);
  }

  void start_long() {
    const Usage usages[] = {{resources_[1], 1}, {resources_[2], 1}};
    long_ = activities.start(Activity{1e12, usages, {.weight = 0.5}}, *this, 0);
  }

  void go_on(std::size_t stream) {
    const Piece& before = pieces_[stream][ends[stream].size() - 1];
    if (before.cancels) {
      activities.cancel(long_);
      start_long();
    }
    if (before.changes == 0) activities.set_capacity(resources_[0], before.capacity);
    if (ends[stream].size() < kPieces) {
      start(stream);
    } else if (--streams_left_ == 0) {
      activities.cancel(long_);
    }
    if (before.changes > 0) {
      activities.set_capacity(resources_[static_cast<std::size_t>(before.changes)],
                              before.capacity);
    }
  }

  RandomStream random_;
  bool later_;
  std::vector<ResourceId> resources_;
  std::vector<Piece> pieces_[kStreams];
  ShareId long_;
  int streams_left_ = kStreams;
};

TEST(ActivitySuccession, AShareThatGoesOverChangesNothing) {
  std::uint64_t filled_at_once = 0;
  std::uint64_t filled_later = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Streams at_once(seed, false);
    Streams later(seed, true);
    at_once.engine.run();
    later.engine.run();
    for (int s = 0; s < kStreams; ++s) {
      ASSERT_EQ(at_once.ends[s].size(), static_cast<std::size_t>(kPieces));
      ASSERT_EQ(later.ends[s].size(), static_cast<std::size_t>(kPieces));
      for (std::size_t p = 0; p < kPieces; ++p) {
        // Each piece may be rounded otherwise where a rate differs in its last bits.
        EXPECT_LE(std::abs(at_once.ends[s][p].picoseconds() - later.ends[s][p].picoseconds()),
                  static_cast<std::int64_t>(p + 1))
            << "stream " << s << ", piece " << p;
      }
    }
    const std::vector<double> done = at_once.activities.done();
    const std::vector<double> done_later = later.activities.done();
    for (std::size_t r = 0; r < kResources; ++r) EXPECT_NEAR(done[r], done_later[r], 1) << r;
    filled_at_once += at_once.activities.sharing().shares_filled();
    filled_later += later.activities.sharing().shares_filled();
  }
  EXPECT_LT(filled_at_once, filled_later);
}

TEST(ActivitySuccession, NobodyElseIsSolvedAgain) {
  Engine engine;
  Activities activities(engine);
  const ResourceId link = activities.add_resource(1e9);
  const Usage usage{link, 1};
  struct Train final : EventHandler {
    void handle_event(std::uint64_t token) override {
      if (--left[token] > 0) activities->start(Activity{1e3, {&usage, 1}, {}}, *this, token);
    }
    Activities* activities = nullptr;
    Usage usage;
    int left[2] = {10, 7};
  } train;
  train.activities = &activities;
  train.usage = usage;
  for (const std::uint64_t t : {0, 1}) {
    activities.start(Activity{1e3, {&usage, 1}, {}}, train, t);
  }
  engine.run();
  // Seven of each at half the rate, then three alone: 7 * 2 + 3 thousand units in all.
  EXPECT_EQ(engine.now(), Time(Duration(17 * 1'000'000)));
  EXPECT_EQ(activities.sharing().shares_filled(), 2U) << "when both begin";
  EXPECT_NEAR(activities.done()[link.index()], 17e3, 1e-9);
}

}  // namespace
}  // namespace orrery
