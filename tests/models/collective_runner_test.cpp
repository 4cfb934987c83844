#include "models/collective/collective_runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "sim/base/random.hpp"

namespace orrery {
namespace {

/// Carries messages in random order: each waiting one may leave, and each that left may arrive, at
/// any time. Checks the begin rule as messages are handed over.
class RandomCarrier final : public MessageCarrier {
 public:
  explicit RandomCarrier(std::uint64_t seed) : random_(seed, "random carrier") {}

  void begin(std::uint32_t run, std::shared_ptr<const CollectiveProgram> program, int members) {
    Watch& watch = watches_[run];
    watch = Watch{};
    watch.program = program;
    watch.members = members;
    runner_.begin(run, std::move(program), members);
  }

  void deliver_all() {
    while (!moving_.empty()) {
      const auto last = static_cast<std::int64_t>(moving_.size()) - 1;
      const auto pick = static_cast<std::size_t>(random_.integer(0, last));
      const Moving message = moving_[pick];
      if (!message.left) {
        moving_[pick].left = true;
        --watches_[message.run].in_flight[message.from];
        runner_.message_sent(message.run, message.from);
        continue;
      }
      moving_[pick] = moving_.back();
      moving_.pop_back();
      Watch& watch = watches_[message.run];
      ++watch.received[{message.to, message.step}];
      watch.most_ahead =
          std::max(watch.most_ahead, message.step - complete_steps(watch, message.to));
      runner_.message_arrived(message.run, message.to, message.step, message.meets);
    }
  }

  void carry(std::uint32_t run, int from, int step, const Send& send) override {
    Watch& watch = watches_[run];
    int& last = watch.last_step.try_emplace(from, -1).first->second;
    EXPECT_GE(step, last) << "steps of a member are in order";
    if (step > last) {
      EXPECT_EQ(watch.in_flight[from], 0) << "a step began before the last had left";
    }
    last = step;
    EXPECT_GT(complete_steps(watch, from), step - watch.program->lag());
    ++watch.in_flight[from];
    ++watch.messages;
    moving_.push_back({run, from, send.to, step, false, send.meets});
  }

  void member_finished(std::uint32_t run, int member) override {
    Watch& watch = watches_[run];
    EXPECT_EQ(watch.in_flight[member], 0);
    EXPECT_EQ(complete_steps(watch, member), watch.program->steps());
    EXPECT_TRUE(watch.finished.insert(member).second) << "finished twice";
    if (static_cast<int>(watch.finished.size()) == watch.members && on_finished) on_finished(run);
  }

  std::size_t finished(std::uint32_t run) { return watches_[run].finished.size(); }
  std::uint64_t messages(std::uint32_t run) { return watches_[run].messages; }
  /// Steps by which an arrival was ahead of what its receiver had complete, at the most: what a
  /// runner has to remember for one member.
  int most_ahead(std::uint32_t run) { return watches_[run].most_ahead; }

  std::function<void(std::uint32_t run)> on_finished;

 private:
  struct Watch {
    std::shared_ptr<const CollectiveProgram> program;
    int members = 0;
    std::map<int, int> in_flight;
    std::map<int, int> last_step;
    std::map<std::pair<int, int>, int> received;
    std::map<int, int> complete;
    std::set<int> finished;
    std::uint64_t messages = 0;
    int most_ahead = 0;
  };
  struct Moving {
    std::uint32_t run = 0;
    int from = 0;
    int to = 0;
    int step = 0;
    bool left = false;
    bool meets = false;
  };

  static int complete_steps(Watch& watch, int member) {
    int& step = watch.complete[member];
    while (step < watch.program->steps() &&
           watch.received[{member, step}] == watch.program->receives(member, step)) {
      ++step;
    }
    return step;
  }

  RandomStream random_;
  std::map<std::uint32_t, Watch> watches_;
  std::vector<Moving> moving_;
  CollectiveRunner runner_{*this};
};

std::shared_ptr<const CollectiveProgram> program(const std::string& name, int members, Bytes size,
                                                 Bytes chunk, int root = 0) {
  const auto registry = builtin_collectives();
  CollectiveCall call{.members = members, .size = size, .root = root, .chunk = chunk};
  if (name.starts_with("all_to_all_v/")) {
    const auto pairs = static_cast<std::size_t>(members) * static_cast<std::size_t>(members);
    call.sizes = std::make_shared<const SizeTable>(members, std::vector<Bytes>(pairs, size));
  }
  return registry.find(name)->make(call);
}

std::uint64_t message_count(const CollectiveProgram& program, int members) {
  std::vector<Send> sends;
  for (int step = 0; step < program.steps(); ++step) {
    for (int member = 0; member < members; ++member) program.sends(member, step, sends);
  }
  return sends.size();
}

constexpr std::uint64_t kSeeds = 20;

TEST(CollectiveRunner, EveryMemberFinishesOnceInWhateverOrderMessagesArrive) {
  for (const std::string& name : builtin_collectives().names()) {
    for (const int members : {2, 3, 5, 8}) {
      for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(testing::Message() << name << ", " << members << " members, seed " << seed);
        const Bytes chunk(seed % 3 == 0 ? 0 : 7);
        const auto steps = program(name, members, Bytes(100), chunk, members - 1);
        RandomCarrier carrier(seed);
        carrier.begin(0, steps, members);
        carrier.deliver_all();
        EXPECT_EQ(carrier.finished(0), static_cast<std::size_t>(members));
        EXPECT_EQ(carrier.messages(0), message_count(*steps, members));
      }
    }
  }
}

TEST(CollectiveRunner, RunsSideBySideDoNotDisturbEachOther) {
  const std::vector<std::string> names = builtin_collectives().names();
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomCarrier carrier(seed);
    for (std::uint32_t run = 0; run < names.size(); ++run) {
      carrier.begin(run, program(names[run], 4, Bytes(50), Bytes(3)), 4);
    }
    carrier.deliver_all();
    for (std::uint32_t run = 0; run < names.size(); ++run) EXPECT_EQ(carrier.finished(run), 4U);
  }
}

TEST(CollectiveRunner, ARunsNameIsFreeOnceAllHaveFinished) {
  RandomCarrier carrier(1);
  const std::vector<int> sizes = {5, 3, 7, 2};  // members of one run after the other
  std::size_t begun = 1;
  carrier.on_finished = [&](std::uint32_t run) {
    if (begun == sizes.size()) return;
    const int members = sizes[begun++];
    carrier.begin(run, program("all_reduce/ring", members, Bytes(64), Bytes(5)), members);
  };
  carrier.begin(0, program("all_reduce/ring", sizes[0], Bytes(64), Bytes(5)), sizes[0]);
  carrier.deliver_all();
  EXPECT_EQ(begun, sizes.size());
  EXPECT_EQ(carrier.finished(0), static_cast<std::size_t>(sizes.back()));
}

// A member whose step s is missing begins no step after s + lag - 1, its successor none after
// s + 2 lag - 1, and so on around the ring: nobody's messages can be further ahead than n · lag,
// however many there are. What the runner stores per member is bounded by that.
TEST(CollectiveRunner, NoArrivalIsFurtherAheadThanOnceAroundTheRing) {
  constexpr int kMembers = 4;
  for (const std::string name : {"all_reduce/ring", "all_to_all/pairwise"}) {
    for (const int pieces : {1, 3, 50}) {
      const Bytes chunk(10);
      const auto steps = program(name, kMembers, kMembers * pieces * chunk, chunk);
      for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        RandomCarrier carrier(seed);
        carrier.begin(0, steps, kMembers);
        carrier.deliver_all();
        EXPECT_EQ(carrier.finished(0), static_cast<std::size_t>(kMembers));
        EXPECT_LE(carrier.most_ahead(0), kMembers * steps->lag()) << name << ", " << pieces;
      }
    }
  }
}

/// Two messages a step from member 0 to member 1, and steps in which nothing moves.
class Pairs final : public CollectiveProgram {
 public:
  int steps() const override { return 6; }
  void sends(int member, int step, std::vector<Send>& out) const override {
    if (member != 0 || step % 2 == 0) return;
    out.push_back({1, Bytes(1), false});
    out.push_back({1, Bytes(2), false});
  }
  int receives(int member, int step) const override { return member == 1 && step % 2 == 1 ? 2 : 0; }
  void payloads(int, int, std::vector<Payload>&) const override {}
};

TEST(CollectiveRunner, AStepMayHoldSeveralMessagesOrNone) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomCarrier carrier(seed);
    carrier.begin(0, std::make_shared<Pairs>(), 2);
    carrier.deliver_all();
    EXPECT_EQ(carrier.finished(0), 2U);
    EXPECT_EQ(carrier.messages(0), 6U);
  }
}

}  // namespace
}  // namespace orrery
