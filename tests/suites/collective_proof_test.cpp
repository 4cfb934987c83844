// Whether what a collective moves ends where it belongs, for every registered algorithm: who holds
// whose contribution to which bytes is followed from the first message to the last, in whatever
// order they arrive.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "tests/suites/collective_task.hpp"
#include "tests/suites/collective_walk.hpp"
#include "tests/suites/drawn_sites.hpp"

namespace orrery {
namespace {

/// Follows the data of a program, in segments that no message cuts.
class Proof {
 public:
  Proof(const CollectiveProgram& program, const CollectiveCall& call)
      : program_(&program), call_(call), task_(call) {
    std::set<std::int64_t> cuts;
    for (const std::int64_t cut : task_.cuts()) cuts.insert(cut);
    std::vector<Payload> payloads;
    for (int member = 0; member < call.members; ++member) {
      for (int step = 0; step < program.steps(); ++step) {
        program.payloads(member, step, payloads);
      }
    }
    for (const Payload& payload : payloads) cuts.insert({payload.begin, payload.end});
    begins_.assign(cuts.begin(), cuts.end());
    held_.resize(static_cast<std::size_t>(call.members));
    for (int member = 0; member < call.members; ++member) {
      for (const std::int64_t begin : begins_) {
        const bool real = begin < task_.length();
        held(member).push_back(real ? task_.at_first(member, begin) : 0);
      }
    }
  }

  void run(RandomStream& random) {
    CollectiveWalk walk(*program_, call_.members);
    const auto take_in = [&](int member, int before) {
      std::erase_if(waiting_[member], [&](std::size_t id) {
        if (walk.parcels()[id].step >= before) return false;
        arrived(id, walk.parcels()[id]);
        return true;
      });
    };
    walk.run(random, {[&](std::size_t id) {
                        take_in(walk.parcels()[id].from, walk.parcels()[id].step);
                        begun(id, walk.parcels()[id]);
                      },
                      [&](std::size_t id) { waiting_[walk.parcels()[id].send.to].push_back(id); }});
    for (int member = 0; member < call_.members; ++member) {
      take_in(member, program_->steps());
      ASSERT_TRUE(walk.finished(member)) << member;
      for (std::size_t segment = 0; begins_[segment] < task_.length(); ++segment) {
        const Contributors wanted = task_.at_last(member, begins_[segment]);
        if (wanted == 0) continue;
        ASSERT_EQ(held(member)[segment], wanted)
            << "byte " << begins_[segment] << " on member " << member;
      }
    }
  }

 private:
  std::vector<Contributors>& held(int member) { return held_[static_cast<std::size_t>(member)]; }

  /// Calls visit(segment) for what a message holds.
  template <class Visit>
  void for_each_segment(std::size_t id, const Parcel& parcel, Visit visit) {
    const auto [first, is_new] = first_of_step_.try_emplace({parcel.from, parcel.step}, id);
    std::vector<Payload>& payloads = payloads_[{parcel.from, parcel.step}];
    if (is_new) program_->payloads(parcel.from, parcel.step, payloads);
    std::int64_t bytes = 0;
    for (const Payload& payload : payloads) {
      if (payload.send != id - first->second) continue;
      bytes += payload.end - payload.begin;
      auto segment = std::lower_bound(begins_.begin(), begins_.end(), payload.begin);
      for (; *segment < payload.end; ++segment) {
        visit(static_cast<std::size_t>(segment - begins_.begin()));
      }
    }
    EXPECT_EQ(bytes, parcel.send.bytes.count()) << "holds something else than it says";
  }

  void begun(std::size_t id, const Parcel& parcel) {
    for_each_segment(id, parcel, [&](std::size_t segment) {
      const Contributors has = held(parcel.from)[segment];
      if (parcel.send.meets) {
        put_in(parcel, segment, has);
        return;
      }
      EXPECT_NE(has, 0U) << "byte " << begins_[segment] << " was sent before it was there";
      carried_[id].emplace_back(segment, has);
    });
  }

  /// Into the switches, which add it to what others put there: once, however often it is read.
  void put_in(const Parcel& parcel, std::size_t segment, Contributors has) {
    if (!put_.insert({parcel.step, parcel.from, segment}).second) return;
    Contributors& sum = sums_[{parcel.step, segment}];
    EXPECT_EQ(sum & has, 0U) << "added twice";
    sum |= has;
  }

  void arrived(std::size_t id, const Parcel& parcel) {
    if (parcel.send.meets) {
      for_each_segment(id, parcel, [&](std::size_t segment) {
        Contributors& has = held(parcel.send.to)[segment];
        const Contributors sum = sums_[{parcel.step, segment}];
        EXPECT_EQ(has & ~sum, 0U) << "overwrites what it does not hold";
        has = sum;
      });
      return;
    }
    for (const auto& [segment, contributors] : carried_[id]) {
      Contributors& has = held(parcel.send.to)[segment];
      if (call_.kind == CollectiveKind::barrier) {
        has |= contributors;  // heard of twice is heard of
      } else if (parcel.send.reduces) {
        EXPECT_EQ(has & contributors, 0U) << "added twice";
        has |= contributors;
      } else {
        EXPECT_EQ(has & ~contributors, 0U) << "overwrites what it does not hold";
        has = contributors;
      }
    }
    carried_.erase(id);
  }

  const CollectiveProgram* program_;
  CollectiveCall call_;
  Task task_;
  std::vector<std::int64_t> begins_;                          // of segments; the last is the end
  std::vector<std::vector<Contributors>> held_;               // by member, by segment
  std::map<std::pair<int, int>, std::size_t> first_of_step_;  // member, step: its first parcel
  std::map<std::pair<int, int>, std::vector<Payload>> payloads_;
  std::map<std::size_t, std::vector<std::pair<std::size_t, Contributors>>> carried_;
  // By member: what came, in the order of coming, and is taken in when a later step than its own
  // begins: until then it may be in a buffer for receipts.
  std::map<int, std::vector<std::size_t>> waiting_;
  std::set<std::tuple<int, int, std::size_t>> put_;  // step, member, segment: into the switches
  std::map<std::pair<int, std::size_t>, Contributors> sums_;  // step, segment: there
};

/// Entries of any size, many of them zero; of a member with itself too.
std::shared_ptr<const SizeTable> drawn_table(int n, RandomStream& random) {
  std::vector<Bytes> bytes;
  for (int entry = 0; entry < n * n; ++entry) {
    bytes.push_back(Bytes(random.integer(0, 2) == 0 ? 0 : random.integer(1, 60)));
  }
  return std::make_shared<const SizeTable>(n, std::move(bytes));
}

CollectiveKind kind_of(const std::string& name) {
  for (const CollectiveKind candidate : kCollectiveKinds) {
    if (name.starts_with(std::string(to_string(candidate)) + "/")) return candidate;
  }
  throw std::runtime_error(name);
}

class CollectiveProof : public testing::TestWithParam<std::string> {};

TEST_P(CollectiveProof, TheRightDataEndsWhereItBelongs) {
  RandomStream random(2026, GetParam());
  const auto registry = builtin_collectives();
  for (const int n : {2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 26}) {
    for (int draw = 0; draw < 12; ++draw) {
      CollectiveCall call;
      call.kind = kind_of(GetParam());
      call.members = n;
      call.size = Bytes(draw % 3 == 0 ? random.integer(1, 6) * n : random.integer(1, 40 * n));
      call.root = static_cast<int>(random.integer(0, n - 1));
      call.chunk = Bytes(random.integer(0, 1) * random.integer(2, 30));
      if (draw == 11) {  // blocks that fill NCCL's buffers
        call.size = Bytes(n * 3'000'000 + random.integer(0, 1));
        call.chunk = Bytes(0);
      }
      call.site = drawn_site(n, random);
      if (call.kind == CollectiveKind::all_to_all_v) call.sizes = drawn_table(n, random);
      SCOPED_TRACE(testing::Message()
                   << n << " members, " << call.size.count() << " B, chunk " << call.chunk.count()
                   << ", root " << call.root << ", draw " << draw);
      const auto program = registry.find(GetParam())->make(call);
      ASSERT_NO_FATAL_FAILURE(Proof(*program, call).run(random));
      ASSERT_FALSE(HasFailure());
    }
  }
}

std::vector<std::string> names() {
  return builtin_collectives().names();
}
std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Builtin, CollectiveProof, testing::ValuesIn(names()), test_name);

}  // namespace
}  // namespace orrery
