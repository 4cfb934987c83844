// What every collective promises. A new entry of builtin_collectives() needs a closed form below.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "models/collective/parts.hpp"
#include "tests/suites/collective_closed_forms.hpp"
#include "tests/suites/collective_walk.hpp"

namespace orrery {
namespace {

/// Bytes from member a to member b, over the whole program.
using Matrix = std::map<std::pair<int, int>, Bytes>;

class Collective : public testing::TestWithParam<std::string> {
 protected:
  static constexpr int kMembers[] = {2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 31};

  void SetUp() override {
    const auto found = closed_forms().find(GetParam());
    ASSERT_NE(found, closed_forms().end()) << "give " << GetParam() << " a closed form";
    form_ = found->second;
  }

  std::unique_ptr<CollectiveProgram> make(int n, Bytes size, int root, Bytes chunk) const {
    const auto registry = builtin_collectives();
    CollectiveCall call{
        .kind = form_.kind, .members = n, .size = size, .root = root, .chunk = chunk};
    if (form_.kind == CollectiveKind::all_to_all_v) call.sizes = equal_parts(n, size);
    return registry.find(GetParam())->make(call);
  }
  /// With these an all-to-all-v is an all-to-all.
  static std::shared_ptr<const SizeTable> equal_parts(int n, Bytes size) {
    std::vector<Bytes> bytes;
    for (int entry = 0; entry < n * n; ++entry) bytes.push_back(block_size(size, entry % n, n));
    return std::make_shared<const SizeTable>(n, std::move(bytes));
  }

  std::vector<Bytes> sizes(int n) {
    return {Bytes(0),     Bytes(1),    Bytes(n - 1),  Bytes(n),
            Bytes(n + 1), Bytes(1001), Bytes(n * 24), Bytes(random_.integer(2 * n, 1'000'000))};
  }
  /// 0, and sizes that cut the largest message into about 1 … 6 pieces.
  std::vector<Bytes> chunks(Bytes size, int n) {
    const std::int64_t largest = std::max<std::int64_t>(form_.largest(size, n).count(), 1);
    return {Bytes(0), Bytes(largest), Bytes(random_.integer(ceil_ratio(largest, 6), largest)),
            Bytes(largest + 1)};
  }
  std::vector<int> roots(int n) const {
    std::vector<int> roots(has_root(form_.kind) ? static_cast<std::size_t>(n) : 1);
    std::iota(roots.begin(), roots.end(), 0);
    return roots;
  }

  template <class Check>
  void for_all_calls(Check check) {
    for (const int n : kMembers) {
      for (const Bytes size : sizes(n)) {
        for (const Bytes chunk : chunks(size, n)) {
          for (const int root : roots(n)) {
            SCOPED_TRACE(testing::Message() << n << " members, " << size.count() << " B, root "
                                            << root << ", chunk " << chunk.count());
            ASSERT_NO_FATAL_FAILURE(check(n, size, root, chunk));
          }
        }
      }
    }
  }

  Matrix bytes_between(const CollectiveProgram& program, int n) {
    CollectiveWalk walk(program, n);
    walk.run(random_, {});
    Matrix matrix;
    for (const Parcel& p : walk.parcels()) matrix[{p.from, p.send.to}] += p.send.bytes;
    return matrix;
  }

  ClosedForm form_;
  RandomStream random_{2026, "collective conformance"};
};

TEST_P(Collective, EndsForEveryMemberInWhateverOrderMessagesArrive) {
  for_all_calls([this](int n, Bytes size, int root, Bytes chunk) {
    const auto program = make(n, size, root, chunk);
    CollectiveWalk walk(*program, n);
    walk.run(random_, {});
    for (int member = 0; member < n; ++member) ASSERT_TRUE(walk.finished(member)) << member;
  });
}

TEST_P(Collective, SendsOnlyToOthersAndAsManyAsTheyExpectInThatStep) {
  for_all_calls([this](int n, Bytes size, int root, Bytes chunk) {
    const auto program = make(n, size, root, chunk);
    std::vector<Send> sends;
    for (int step = 0; step < program->steps(); ++step) {
      int meeting = 0;
      std::vector<int> receipts(static_cast<std::size_t>(n), 0);
      for (int member = 0; member < n; ++member) {
        sends.clear();
        program->sends(member, step, sends);
        for (const Send& send : sends) {
          ASSERT_NE(send.to, member);
          ASSERT_GE(send.to, 0);
          ASSERT_LT(send.to, n);
          ASSERT_GE(send.bytes, Bytes(0));
          ++receipts[static_cast<std::size_t>(send.to)];
          meeting += send.meets ? 1 : 0;
        }
      }
      for (int member = 0; member < n; ++member) {
        ASSERT_EQ(program->receives(member, step), receipts[static_cast<std::size_t>(member)]);
      }
      ASSERT_EQ(program->meeting(step), meeting);
    }
  });
}

TEST_P(Collective, TakesTheStepsOfItsClosedForm) {
  for_all_calls([this](int n, Bytes size, int root, Bytes chunk) {
    if (chunk == Bytes(0) && form_.pipeline) return;  // cuts by a chunk of its own
    ASSERT_EQ(make(n, size, root, chunk)->steps(),
              form_.steps_of(n, form_.pieces(size, n, chunk), chunk));
  });
}

TEST_P(Collective, MovesTheBytesOfItsClosedForm) {
  for_all_calls([this](int n, Bytes size, int root, Bytes chunk) {
    std::vector<Bytes> sent(static_cast<std::size_t>(n));
    std::vector<Bytes> received(static_cast<std::size_t>(n));
    for (const auto& [pair, bytes] : bytes_between(*make(n, size, root, chunk), n)) {
      sent[static_cast<std::size_t>(pair.first)] += bytes;
      received[static_cast<std::size_t>(pair.second)] += bytes;
    }
    const std::int64_t nths = form_.nths(n);
    const bool of_some_blocks =
        form_.kind == CollectiveKind::gather || form_.kind == CollectiveKind::scatter;
    if ((of_some_blocks || nths % n != 0) && size.count() % n != 0) return;  // of different sizes
    const Bytes total = Bytes(nths % n == 0 ? nths / n * size.count() : nths * (size.count() / n));
    ASSERT_EQ(std::accumulate(sent.begin(), sent.end(), Bytes(0)), total);
    ASSERT_EQ(std::accumulate(received.begin(), received.end(), Bytes(0)), total);
    for (int member = 0; member < n; ++member) {
      const auto m = static_cast<std::size_t>(member);
      if (form_.uneven_blocks == kMembersDiffer) continue;
      if (form_.uneven_blocks == kBroadcasts) {
        ASSERT_EQ(received[m], member == root ? Bytes(0) : size);
        ASSERT_EQ(sent[m], (member + 1) % n == root ? Bytes(0) : size);
        continue;
      }
      if (form_.uneven_blocks == kReduces) {
        ASSERT_EQ(sent[m], member == root ? Bytes(0) : size);
        ASSERT_EQ(received[m], (member + 1) % n == root ? Bytes(0) : size);
        continue;
      }
      // A block is size/n rounded to either side, so exact where n divides the size. An all-to-all
      // brings a member its own block n-1 times.
      const bool exact = size.count() % n == 0;
      const int blocks_received =
          form_.kind == CollectiveKind::all_to_all || form_.kind == CollectiveKind::all_to_all_v
              ? std::max(n - 1, form_.uneven_blocks)
              : form_.uneven_blocks;
      ASSERT_LE(std::abs(sent[m].count() * n - total.count()), exact ? 0 : form_.uneven_blocks * n);
      ASSERT_LE(std::abs(received[m].count() * n - total.count()), exact ? 0 : blocks_received * n);
    }
  });
}

TEST_P(Collective, MovesTheSameBytesBetweenTheSameMembersHoweverItIsCut) {
  for_all_calls([this](int n, Bytes size, int root, Bytes chunk) {
    ASSERT_EQ(bytes_between(*make(n, size, root, chunk), n),
              bytes_between(*make(n, size, root, Bytes(0)), n));
  });
}

TEST_P(Collective, NoMessageExceedsTheChunk) {
  for_all_calls([this](int n, Bytes size, int root, Bytes chunk) {
    const auto program = make(n, size, root, chunk);
    CollectiveWalk walk(*program, n);
    walk.run(random_, {});
    // No block is cut below a byte.
    const Bytes least(form_.widest(n));
    const Bytes limit = chunk == Bytes(0) ? form_.largest(size, n) : std::max(chunk, least);
    for (const Parcel& p : walk.parcels()) ASSERT_LE(p.send.bytes, limit);
  });
}

TEST_P(Collective, CutsNoMessageIntoMoreThanTheLimitOfPieces) {
  const Bytes chunk(1);
  for (const int n : {2, 3}) {
    for (const std::int64_t excess : {-1, 0, 1}) {  // both sides of the limit
      const Bytes message(kMaximumPieces + excess);
      const Bytes size = form_.blocks(n) * message;
      const auto program = make(n, size, 0, chunk);
      const std::int64_t pieces = std::min(message.count(), kMaximumPieces);
      EXPECT_EQ(program->steps(), form_.steps_of(n, pieces, chunk));
      Bytes largest;
      for (int step = 0; step < program->steps(); ++step) {
        std::vector<Send> sends;
        for (int member = 0; member < n; ++member) program->sends(member, step, sends);
        for (const Send& send : sends) largest = std::max(largest, send.bytes);
      }
      EXPECT_EQ(largest, form_.widest(n) * Bytes(ceil_ratio(message.count(), pieces)));
    }
  }
}

// Of n = 8 a member has 1, 2 and 4 children at distances 4, 2 and 1. Blocks of a MiB go up to four
// together, as 4 MiB are buffered; of 3 MiB each goes alone.
TEST(Pat, SendsAsManyBlocksTogetherAsTheBufferHolds) {
  const int n = 8;
  const auto registry = builtin_collectives();
  for (const char* name : {"all_gather/pat", "reduce_scatter/pat"}) {
    const auto program = [&](std::int64_t mebibytes) {
      CollectiveCall call;
      call.kind = closed_forms().at(name).kind;
      call.members = n;
      call.size = Bytes(n * mebibytes << 20);
      return registry.find(name)->make(call);
    };
    EXPECT_EQ(program(1)->steps(), 3);
    EXPECT_EQ(program(2)->steps(), 1 + 1 + 2);
    EXPECT_EQ(program(3)->steps(), 1 + 2 + 4);
    std::vector<Send> sends;
    for (int step = 0; step < program(3)->steps(); ++step) program(3)->sends(5, step, sends);
    ASSERT_EQ(sends.size(), 7U);
    for (const Send& send : sends) EXPECT_EQ(send.bytes, Bytes(3 << 20));
  }
}

std::vector<std::string> names() {
  return builtin_collectives().names();
}
std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Builtin, Collective, testing::ValuesIn(names()), test_name);

}  // namespace
}  // namespace orrery
