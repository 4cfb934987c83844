#include "kernels/contention/copy_until.cuh"

#include <gtest/gtest.h>

#include <vector>

namespace orrery::kernels {
namespace {

using emulation::Order;

TEST(CopyUntil, CountsWhatItCopiedInSoManyRounds) {
  constexpr std::int64_t kWords = 5000;
  std::vector<uint4> from(kWords), to(kWords, uint4{});
  for (unsigned i = 0; i < kWords; ++i) from[i] = {i, 2 * i, 3 * i, 4 * i};
  for (const int rounds : {1, 3}) {
    const unsigned stop = 0;
    unsigned long long copied = 0;
    emulation::launch({.grid = {3, 1, 1}, .block = {kCompanyThreads, 1, 1}}, Order::named("rounds"),
                      copy_until_kernel<2>, from.data(), to.data(), kWords, &stop, rounds, &copied);
    EXPECT_EQ(copied, static_cast<unsigned long long>(rounds * kWords));
    for (unsigned i = 0; i < kWords; ++i) ASSERT_EQ(to[i].w, 4 * i);
  }
}

TEST(CopyUntil, DoesNothingOnceItIsToldToStop) {
  const std::vector<uint4> from(100);
  std::vector<uint4> to(100, uint4{7, 7, 7, 7});
  const unsigned stop = 1;
  unsigned long long copied = 0;
  emulation::launch({.grid = {2, 1, 1}, .block = {kCompanyThreads, 1, 1}}, Order::named("stopped"),
                    copy_until_kernel<2>, from.data(), to.data(), std::int64_t{100}, &stop, 5,
                    &copied);
  EXPECT_EQ(copied, 0u);
  EXPECT_EQ(to[99].x, 7u);
}

}  // namespace
}  // namespace orrery::kernels
