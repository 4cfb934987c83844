#include "sim/base/list_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "sim/base/random.hpp"

namespace orrery {
namespace {

TEST(ListPool, ListsThatGrowAndShrinkInAnyOrderKeepTheirValues) {
  constexpr std::size_t kLists = 50;
  RandomStream random(1, "list_pool_test");
  ListPool<int> pool;
  std::vector<ListPool<int>::List> lists(kLists);
  std::vector<std::vector<int>> expected(kLists);
  for (int step = 0; step < 100'000; ++step) {
    const auto at = static_cast<std::size_t>(random.integer(0, kLists - 1));
    switch (random.integer(0, 9)) {
      case 0:
        lists[at].size /= 2;
        expected[at].resize(lists[at].size);
        break;
      case 1:
        pool.reserve(lists[at], lists[at].size + static_cast<std::uint32_t>(random.integer(0, 50)));
        break;
      default:
        pool.push_back(lists[at], step);
        expected[at].push_back(step);
    }
    const auto found = pool.of(lists[at]);
    ASSERT_TRUE(std::equal(found.begin(), found.end(), expected[at].begin(), expected[at].end()));
  }
  for (std::size_t at = 0; at < kLists; ++at) {
    const auto found = pool.of(lists[at]);
    EXPECT_TRUE(std::equal(found.begin(), found.end(), expected[at].begin(), expected[at].end()));
  }
}

TEST(ListPool, AReservedListDoesNotMove) {
  ListPool<int> pool;
  ListPool<int>::List list;
  pool.push_back(list, 1);
  pool.reserve(list, 100);
  const std::uint32_t first = list.first;
  while (list.size < 100) pool.push_back(list, 1);
  EXPECT_EQ(list.first, first);
}

}  // namespace
}  // namespace orrery
