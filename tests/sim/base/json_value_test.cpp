#include "sim/base/json_value.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

const std::string kFile = "scenario.json";

/// What parse_json says about `text`; "" when it accepts.
std::string complaint(const std::string& text) {
  try {
    (void)parse_json(text, kFile);
  } catch (const ScenarioError& error) {
    return error.what();
  }
  return "";
}

std::string nested(int depth) {
  const auto count = static_cast<std::size_t>(depth);
  return std::string(count, '[') + std::string(count, ']');
}

TEST(ParseJson, KeepsEveryKindOfValue) {
  const JsonValue root = parse_json(
      R"({"z": null, "t": true, "f": false, "i": -3, "r": 2.5, "s": "\u00e4", "a": [1, []]})",
      kFile);
  EXPECT_EQ(root.kind, JsonValue::Kind::object);
  EXPECT_EQ(root.find("z")->kind, JsonValue::Kind::null);
  EXPECT_TRUE(root.find("t")->boolean);
  EXPECT_EQ(root.find("f")->kind, JsonValue::Kind::boolean);
  EXPECT_FALSE(root.find("f")->boolean);
  EXPECT_EQ(root.find("i")->kind, JsonValue::Kind::integer);
  EXPECT_EQ(root.find("i")->integer, -3);
  EXPECT_EQ(root.find("r")->kind, JsonValue::Kind::real);
  EXPECT_EQ(root.find("r")->real, 2.5);
  EXPECT_EQ(root.find("s")->string, "ä");
  EXPECT_EQ(root.find("a")->items.at(1).kind, JsonValue::Kind::array);
  EXPECT_EQ(root.find("b"), nullptr);
}

TEST(ParseJson, KeepsTheOrderOfKeys) {
  const JsonValue root = parse_json(R"({"b": 1, "a": 2, "c": 3})", kFile);
  std::string order;
  for (const JsonValue::Member& member : root.members) {
    order += member.key;
  }
  EXPECT_EQ(order, "bac");
}

TEST(ParseJson, EveryValueKnowsFileAndEscapedPointer) {
  const JsonValue root = parse_json(R"({"a/b": [7, {"m~n": 8}], "": 9})", kFile);
  const JsonValue& array = *root.find("a/b");
  EXPECT_EQ(root.origin.pointer, "");
  EXPECT_EQ(*root.origin.file, kFile);
  EXPECT_EQ(array.origin.pointer, "/a~1b");
  EXPECT_EQ(array.items[0].origin.pointer, "/a~1b/0");
  EXPECT_EQ(array.items[1].find("m~n")->origin.pointer, "/a~1b/1/m~0n");
  EXPECT_EQ(*array.items[1].find("m~n")->origin.file, kFile);
  EXPECT_EQ(root.find("")->origin.pointer, "/");
}

TEST(ParseJson, AcceptsScalarsAtTheTop) {
  EXPECT_EQ(parse_json(" 7 ", kFile).integer, 7);
}

TEST(ParseJson, SyntaxErrorsHaveLineAndColumn) {
  const std::string text = complaint("{\n  \"a\": 1,\n  oops\n}");
  EXPECT_TRUE(text.starts_with("scenario.json#: syntax error at line 3, column 3 ")) << text;
  EXPECT_NE(text.find("invalid literal; last read: '"), std::string::npos) << text;
}

TEST(ParseJson, TruncatedTextIsOneError) {
  const std::string text = complaint("{\"a\": [1, 2");
  EXPECT_TRUE(text.starts_with("scenario.json#: syntax error at line 1, column 12 ")) << text;
  EXPECT_NE(text.find("unexpected end of input"), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(ParseJson, EmptyTextIsNamedAsSuch) {
  const std::string expected = "scenario.json#: expected a JSON document, got nothing";
  EXPECT_EQ(complaint(""), expected);
  EXPECT_EQ(complaint(" \n\t"), expected);
}

class NoJson : public testing::TestWithParam<std::string> {};

TEST_P(NoJson, IsASyntaxErrorInPlainAscii) {
  const std::string text = complaint(GetParam());
  EXPECT_TRUE(text.starts_with("scenario.json#: syntax error at line 1, column ")) << text;
  for (const char character : text) {
    EXPECT_GE(character, ' ') << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Json, NoJson,
                         testing::Values("NaN", "[Infinity]", "-Infinity", "nan", "{'a': 1}",
                                         "[1,]", "{\"a\": 1,}", "// c\n1", "01", "+1", ".5", "1.",
                                         "[1] 2", "{\"a\" 1}", "{1: 2}", "\"\\x\"", "\"a\nb\"",
                                         "\"\\ud800\"", "\"\xff\xfe\"", "\xc3", "\"\xc0\x80\"",
                                         "\x7f\x45\x4c\x46\x01", std::string("7\0garbage", 9),
                                         std::string("\0", 1)));

TEST(ParseJson, AnEndlessStringIsQuotedInShort) {
  const std::string text = complaint("\"" + std::string(10'000, 'x'));
  EXPECT_LT(text.size(), 300U);
  EXPECT_NE(text.find("…xxx"), std::string::npos) << text;
}

TEST(ParseJson, DuplicateKeysAreReportedWhereTheyStand) {
  EXPECT_EQ(complaint(R"({"a": {"b": 1, "c": 2, "b": 3}})"), "scenario.json#/a/b: duplicate key");
  EXPECT_EQ(complaint(R"([{"a": 1}, {"a": 2}])"), "");
  EXPECT_EQ(complaint(R"({"a": 1, "\u0061": 2})"), "scenario.json#/a: duplicate key");
}

TEST(ParseJson, MistakesComeTogether) {
  EXPECT_EQ(complaint(R"({"a": 1, "a": 2, "n": [99999999999999999999]})"),
            "scenario.json#/a: duplicate key\n"
            "scenario.json#/n/0: expected an integer from -2^63 to 2^63 - 1, got "
            "99999999999999999999");
}

TEST(ParseJson, HostileFilesYieldABoundedNumberOfMistakes) {
  std::string text = "{\"a\": 0";
  for (int number = 0; number < 1'000; ++number) {
    const std::string key = ", \"k" + std::to_string(number) + "\": 0";
    text += key + key;
  }
  try {
    (void)parse_json(text + "}", kFile);
    FAIL() << "accepted";
  } catch (const ScenarioError& error) {
    EXPECT_EQ(error.diagnostics().size(), 100U);
  }
}

TEST(ParseJson, DepthReachesTheLimitAndNotBeyond) {
  EXPECT_EQ(complaint(nested(kMaximumJsonDepth)), "");
  std::string pointer;
  for (int level = 0; level < kMaximumJsonDepth; ++level) {
    pointer += "/0";
  }
  EXPECT_EQ(complaint(nested(kMaximumJsonDepth + 1)),
            "scenario.json#" + pointer + ": nested deeper than 64 arrays and objects");
  EXPECT_NE(complaint(std::string(1'000'000, '[')), "");
}

TEST(ParseJson, IntegersReachTheLimitsAndNotBeyond) {
  EXPECT_EQ(parse_json("9223372036854775807", kFile).integer,
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_json("-9223372036854775808", kFile).integer,
            std::numeric_limits<std::int64_t>::min());
  const std::string expected = ": expected an integer from -2^63 to 2^63 - 1, got ";
  EXPECT_EQ(complaint("[9223372036854775808]"),
            "scenario.json#/0" + expected + "9223372036854775808");
  EXPECT_EQ(complaint("[-9223372036854775809]"),
            "scenario.json#/0" + expected + "-9223372036854775809");
  const std::string enormous = complaint("{\"a\": 1" + std::string(400, '0') + "}");
  EXPECT_TRUE(enormous.starts_with("scenario.json#/a" + expected)) << enormous;
}

TEST(ParseJson, RealsAreFinite) {
  EXPECT_EQ(parse_json("1.7976931348623157e308", kFile).real, std::numeric_limits<double>::max());
  EXPECT_EQ(complaint("[0, 1e309]"),
            "scenario.json#/1: expected a number in the range of a double, got 1e309");
}

TEST(ParseJson, AWholeNumberWrittenAsRealStaysReal) {
  EXPECT_EQ(parse_json("1e3", kFile).kind, JsonValue::Kind::real);
}

TEST(ParseJson, SizeReachesTheLimitAndNotBeyond) {
  std::string text(kMaximumJsonBytes, ' ');
  text[0] = '7';
  EXPECT_EQ(complaint(text), "");
  text += ' ';
  EXPECT_EQ(complaint(text), "scenario.json#: larger than 64 MiB");
}

class LoadJson : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            ("orrery_load_json_" + std::string(info->name()) + ".json");
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  std::filesystem::path path_;
};

TEST_F(LoadJson, ReadsTheFileAndNamesItAsTheUserDid) {
  const std::string long_string(200'000, 'x');  // several blocks
  std::ofstream(path_) << "{\"a\": \"" << long_string << "\"}";
  const JsonValue root = load_json(path_.string(), "shown.json");
  EXPECT_EQ(root.find("a")->string, long_string);
  EXPECT_EQ(*root.origin.file, "shown.json");
}

TEST_F(LoadJson, AMissingFileIsAnIoError) {
  try {
    (void)load_json(path_.string(), "shown.json");
    FAIL() << "read a file that does not exist";
  } catch (const IoError& error) {
    EXPECT_STREQ(error.what(), "cannot read shown.json: No such file or directory");
  }
}

TEST_F(LoadJson, ADirectoryIsAnIoError) {
  std::filesystem::create_directory(path_);
  EXPECT_THROW((void)load_json(path_.string(), "shown.json"), IoError);
}

TEST_F(LoadJson, AnEmptyFileIsAScenarioError) {
  std::ofstream(path_).flush();
  EXPECT_THROW((void)load_json(path_.string(), "shown.json"), ScenarioError);
}

}  // namespace
}  // namespace orrery
