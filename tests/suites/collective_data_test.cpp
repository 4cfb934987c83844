// Whether what a collective moves ends where it belongs. A Send says how much, not what; what it
// carries follows from the definition of the algorithm: a ring passes on what it received one round
// (lag() steps) ago, a chain what it received in the step before. The sizes of the messages then
// have to be those of the blocks that these rules say they are.
#include <gtest/gtest.h>

#include <map>

#include "tests/suites/collective_walk.hpp"

namespace orrery {
namespace {

/// Members whose contribution a piece of a block holds, one bit each.
using Contributors = std::uint64_t;

Contributors only(int member) {
  return Contributors{1} << member;
}
Contributors everybody(int n) {
  return only(n) - 1;
}

/// One buffer of n blocks on each of n members, walked through a ring program.
class RingData {
 public:
  struct Start {
    int first_block = 0;  // member r sends block r + first_block first
    bool own_block_only = false;
  };

  RingData(const CollectiveProgram& program, int members, Bytes size, Start start)
      : program_(&program), members_(members), size_(size), start_(start) {
    for (int member = 0; member < members; ++member) {
      for (int block = 0; block < members; ++block) {
        const bool has = !start.own_block_only || block == member;
        for (int piece = 0; piece < program.lag(); ++piece) {
          held_[{member, block, piece}] = has ? only(member) : 0;
        }
      }
    }
  }

  void run(RandomStream& random) {
    CollectiveWalk walk(*program_, members_);
    walk.run(random, {[&](std::size_t id) { begun(walk.parcels()[id]); },
                      [&](std::size_t id) { arrived(walk.parcels()[id]); }});
    for (const auto& [key, bytes] : bytes_of_block_) {
      ASSERT_EQ(bytes, block_size(size_, key.second, members_))
          << "block " << key.second << " in round " << key.first.second;
    }
  }

  /// What all pieces of a block hold; fails when they differ.
  Contributors held(int member, int block) {
    const Contributors first = held_.at({member, block, 0});
    for (int piece = 1; piece < program_->lag(); ++piece) {
      EXPECT_EQ(held_.at({member, block, piece}), first);
    }
    return first;
  }

 private:
  void begun(const Parcel& parcel) {
    const int piece = parcel.step % program_->lag();
    int block = (parcel.from + start_.first_block) % members_;
    if (parcel.step >= program_->lag()) {
      const auto before = received_.find({parcel.from, parcel.step - program_->lag()});
      ASSERT_NE(before, received_.end()) << "sent before it was there";
      block = before->second;
    }
    const int round = parcel.step / program_->lag();
    bytes_of_block_[{{parcel.from, round}, block}] += parcel.send.bytes;
    carried_[{parcel.from, parcel.step}] = {block, held_.at({parcel.from, block, piece})};
  }

  void arrived(const Parcel& parcel) {
    const auto [block, contributors] = carried_.at({parcel.from, parcel.step});
    received_[{parcel.send.to, parcel.step}] = block;
    Contributors& held = held_.at({parcel.send.to, block, parcel.step % program_->lag()});
    EXPECT_NE(contributors, 0U) << "nothing was sent";
    if (parcel.send.reduces) {
      EXPECT_EQ(held & contributors, 0U) << "added twice";
      held |= contributors;
    } else {
      EXPECT_EQ(held & ~contributors, 0U) << "overwrites what it does not hold";
      held = contributors;
    }
  }

  const CollectiveProgram* program_;
  int members_;
  Bytes size_;
  Start start_;
  std::map<std::tuple<int, int, int>, Contributors> held_;               // member, block, piece
  std::map<std::pair<int, int>, int> received_;                          // member, step: block
  std::map<std::pair<int, int>, std::pair<int, Contributors>> carried_;  // sender, step
  std::map<std::pair<std::pair<int, int>, int>, Bytes> bytes_of_block_;  // (sender, round), block
};

/// All sizes modulo n, so that the blocks' sizes tell them apart as far as they can.
template <class Check>
void for_calls(CollectiveKind kind, const std::string& name, Check check) {
  RandomStream random(2026, name);
  const auto registry = builtin_collectives();
  for (const int n : {2, 3, 4, 5, 8, 9, 17, 31}) {
    for (int excess = 0; excess < n; ++excess) {
      const Bytes size(20 * n + excess);
      const Bytes chunk(random.integer(0, 1) == 0 ? 0 : random.integer(5, 25));
      const int root = kind == CollectiveKind::broadcast ? excess : 0;
      SCOPED_TRACE(testing::Message() << n << " members, " << size.count() << " B, chunk "
                                      << chunk.count() << ", root " << root);
      const auto program = registry.find(name)->make(
          {.kind = kind, .members = n, .size = size, .root = root, .chunk = chunk});
      ASSERT_NO_FATAL_FAILURE(check(*program, n, size, root, random));
    }
  }
}

TEST(CollectiveData, RingAllReduceLeavesTheWholeSumEverywhere) {
  for_calls(CollectiveKind::all_reduce, "all_reduce/ring",
            [](const CollectiveProgram& program, int n, Bytes size, int, RandomStream& random) {
              RingData data(program, n, size, {});
              data.run(random);
              for (int member = 0; member < n; ++member) {
                for (int block = 0; block < n; ++block) {
                  ASSERT_EQ(data.held(member, block), everybody(n)) << member << ", " << block;
                }
              }
            });
}

TEST(CollectiveData, RingAllGatherLeavesEveryBlockEverywhere) {
  for_calls(CollectiveKind::all_gather, "all_gather/ring",
            [](const CollectiveProgram& program, int n, Bytes size, int, RandomStream& random) {
              RingData data(program, n, size, {.own_block_only = true});
              data.run(random);
              for (int member = 0; member < n; ++member) {
                for (int block = 0; block < n; ++block) {
                  ASSERT_EQ(data.held(member, block), only(block)) << member << ", " << block;
                }
              }
            });
}

TEST(CollectiveData, RingReduceScatterLeavesTheSumOfItsOwnBlockOnEveryMember) {
  for_calls(CollectiveKind::reduce_scatter, "reduce_scatter/ring",
            [](const CollectiveProgram& program, int n, Bytes size, int, RandomStream& random) {
              // A block that ends at its own member after n-1 hops began one place after it.
              RingData data(program, n, size, {.first_block = n - 1});
              data.run(random);
              for (int member = 0; member < n; ++member) {
                ASSERT_EQ(data.held(member, member), everybody(n)) << member;
              }
            });
}

TEST(CollectiveData, AllToAllsBringEveryMemberItsBlockOfEveryOther) {
  for (const char* algorithm : {"all_to_all/pairwise", "all_to_all/direct"}) {
    for_calls(CollectiveKind::all_to_all, algorithm,
              [](const CollectiveProgram& program, int n, Bytes size, int, RandomStream& random) {
                CollectiveWalk walk(program, n);
                walk.run(random, {});
                std::map<std::pair<int, int>, Bytes> between;
                for (const Parcel& p : walk.parcels()) {
                  ASSERT_FALSE(p.send.reduces);
                  between[{p.from, p.send.to}] += p.send.bytes;
                }
                ASSERT_EQ(between.size(), static_cast<std::size_t>(n * (n - 1)));
                for (const auto& [pair, bytes] : between) {
                  ASSERT_EQ(bytes, block_size(size, pair.second, n));
                }
              });
  }
}

TEST(CollectiveData, RingBroadcastPassesOnWhatArrivedInTheStepBefore) {
  for_calls(
      CollectiveKind::broadcast, "broadcast/ring",
      [](const CollectiveProgram& program, int n, Bytes size, int root, RandomStream& random) {
        CollectiveWalk walk(program, n);
        std::map<std::pair<int, int>, Bytes> arrived_in;  // member, step
        std::map<int, Bytes> received;
        const auto begun = [&](std::size_t id) {
          const Parcel& parcel = walk.parcels()[id];
          EXPECT_FALSE(parcel.send.reduces);
          if (parcel.from == root) return;
          const auto before = arrived_in.find({parcel.from, parcel.step - 1});
          ASSERT_NE(before, arrived_in.end()) << parcel.from << " has nothing to send";
          EXPECT_EQ(parcel.send.bytes, before->second);
        };
        const auto arrived = [&](std::size_t id) {
          const Parcel& parcel = walk.parcels()[id];
          received[parcel.send.to] += parcel.send.bytes;
          arrived_in[{parcel.send.to, parcel.step}] = parcel.send.bytes;
        };
        walk.run(random, {begun, arrived});
        EXPECT_EQ(received.size(), static_cast<std::size_t>(n - 1));
        EXPECT_EQ(received.count(root), 0U);
        for (const auto& [member, bytes] : received) EXPECT_EQ(bytes, size) << member;
      });
}

}  // namespace
}  // namespace orrery
