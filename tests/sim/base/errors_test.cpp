#include "sim/base/errors.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace orrery {
namespace {

std::vector<Diagnostic> numbered_mistakes(int count) {
  std::vector<Diagnostic> result;
  for (int number = 0; number < count; ++number) {
    result.push_back({"a.json", "/" + std::to_string(number), "wrong"});
  }
  return result;
}

auto lines_of(const std::string& text) {
  return 1 + std::count(text.begin(), text.end(), '\n');
}

TEST(Diagnostic, TextIsFilePointerAndMessage) {
  const Diagnostic diagnostic = {"a.json", "/radix", "expected an even integer >= 4, got 7"};
  EXPECT_EQ(diagnostic.text(), "a.json#/radix: expected an even integer >= 4, got 7");
}

TEST(ScenarioError, ShowsEachMistakeOnItsOwnLine) {
  const ScenarioError error(numbered_mistakes(2));
  EXPECT_STREQ(error.what(), "a.json#/0: wrong\na.json#/1: wrong");
  EXPECT_EQ(error.diagnostics().size(), 2U);
}

TEST(ScenarioError, NamesNoPlaceInAWordOfTheCommandLine) {
  EXPECT_STREQ(ScenarioError({{"--cluster", "", "no such cluster"}}).what(),
               "--cluster: no such cluster");
  EXPECT_STREQ(ScenarioError({{"DEVICE", "", "no such device"}}).what(), "DEVICE: no such device");
  EXPECT_STREQ(ScenarioError({{"--set", "/seed", "wrong"}}).what(), "--set#/seed: wrong");
  EXPECT_STREQ(ScenarioError({{"a.json", "", "wrong"}}).what(), "a.json#: wrong");
}

TEST(ScenarioError, ShowsFiftyMistakesAndCountsTheRest) {
  constexpr int kShown = 50;
  const std::string fifty = ScenarioError(numbered_mistakes(kShown)).what();
  EXPECT_EQ(lines_of(fifty), kShown);
  EXPECT_EQ(fifty.find("more"), std::string::npos);

  const ScenarioError more(numbered_mistakes(kShown + 3));
  const std::string text = more.what();
  EXPECT_EQ(lines_of(text), kShown + 1);
  EXPECT_TRUE(text.ends_with("\n… and 3 more")) << text;
  EXPECT_EQ(more.diagnostics().size(), static_cast<std::size_t>(kShown + 3));
}

TEST(ScenarioError, ALineBreakInAKeyDoesNotBreakTheLine) {
  const ScenarioError error({{"a.json", "/x\ny\x1b", "no such key"}});
  EXPECT_STREQ(error.what(), "a.json#/x\\u000ay\\u001b: no such key");
}

TEST(Errors, ExitCodesTellTheKindsApart) {
  EXPECT_EQ(ScenarioError({}).exit_code(), 2);
  EXPECT_EQ(OverflowError("").exit_code(), 2);
  EXPECT_EQ(LimitError("").exit_code(), 2);
  EXPECT_EQ(DeadlockError("").exit_code(), 4);
  EXPECT_EQ(IoError("").exit_code(), 5);
  EXPECT_EQ(InternalError("").exit_code(), 1);
}

TEST(Diagnostics, ThrowsEverythingCollected) {
  Diagnostics diagnostics;
  diagnostics.add({"a.json", "/b", "one"});
  diagnostics.add({"a.json", "/a", "two"});
  try {
    diagnostics.throw_if_any();
    FAIL() << "nothing was thrown";
  } catch (const ScenarioError& error) {
    EXPECT_STREQ(error.what(), "a.json#/b: one\na.json#/a: two");
  }
}

TEST(Diagnostics, ThrowsNothingWhenEmpty) {
  const Diagnostics diagnostics;
  EXPECT_TRUE(diagnostics.empty());
  EXPECT_NO_THROW(diagnostics.throw_if_any());
}

TEST(Diagnostics, KeepsARepeatedMistakeOnce) {
  Diagnostics diagnostics;
  diagnostics.add({"a.json", "/a", "one"});
  diagnostics.add({"a.json", "/a", "one"});
  diagnostics.add({"a.json", "/a", "two"});
  EXPECT_EQ(diagnostics.count(), 2U);
}

TEST(InternalError, NamesFileWithoutDirectoriesAndLine) {
  try {
    internal_error("/some/where/room.cpp", 12, "the door is gone");
    FAIL() << "nothing was thrown";
  } catch (const InternalError& error) {
    EXPECT_STREQ(error.what(),
                 "internal error at room.cpp:12: the door is gone; please report this");
  }
}

TEST(Check, StopsOnlyWhenTheConditionIsFalse) {
  EXPECT_NO_THROW(ORRERY_CHECK(1 + 1 == 2, "arithmetic"));
  EXPECT_THROW(ORRERY_CHECK(1 + 1 == 3, "arithmetic"), InternalError);
}

}  // namespace
}  // namespace orrery
