#include "sim/base/registry.hpp"

#include <gtest/gtest.h>

namespace orrery {
namespace {

using Factory = int (*)();

TEST(Registry, FindsWhatWasListedAndWhatWasAdded) {
  Registry<Factory> registry = {{"one", [] { return 1; }, "the first"}};
  registry.add({"two", [] { return 2; }, "the second"});
  ASSERT_NE(registry.find("one"), nullptr);
  ASSERT_NE(registry.find("two"), nullptr);
  EXPECT_EQ(registry.find("one")->make(), 1);
  EXPECT_EQ(registry.find("two")->make(), 2);
  EXPECT_EQ(registry.find("three"), nullptr);
}

TEST(Registry, NamesKeepTheirOrder) {
  const Registry<Factory> registry = {{"b", nullptr, ""}, {"a", nullptr, ""}};
  EXPECT_EQ(registry.names(), (std::vector<std::string>{"b", "a"}));
}

}  // namespace
}  // namespace orrery
