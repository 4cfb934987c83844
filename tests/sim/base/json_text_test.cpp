#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sim/base/errors.hpp"
#include "sim/base/json_value.hpp"

namespace orrery {
namespace {

std::string round_trip(const std::string& text) {
  return to_text(parse_json(text, "a.json"), false);
}

TEST(JsonText, CompactTextHasNoSpaces) {
  const std::string text = R"({"b":[1,2.5,"x",null,true,false],"a":{},"c":[]})";
  EXPECT_EQ(round_trip(text), text);
}

TEST(JsonText, PrettyTextIsIndentedByTwo) {
  const JsonValue value = json_object({{"a", json_array({json_integer(1), json_boolean(false)})},
                                       {"b", json_object({})},
                                       {"c", json_array({})}});
  EXPECT_EQ(to_text(value, true),
            "{\n  \"a\": [\n    1,\n    false\n  ],\n  \"b\": {},\n  \"c\": []\n}");
}

TEST(JsonText, IntegersAreExact) {
  for (const std::int64_t number : {std::numeric_limits<std::int64_t>::min(), std::int64_t{0},
                                    std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(parse_json(to_text(json_integer(number), false), "a.json").integer, number);
  }
}

TEST(JsonText, RealsAreShortAndComeBackAsTheSameReals) {
  EXPECT_EQ(to_text(json_real(0.1), false), "0.1");
  EXPECT_EQ(to_text(json_real(4), false), "4.0");
  EXPECT_EQ(to_text(json_real(1e100), false), "1e+100");
  for (const double number :
       {0.1, 1.0 / 3, 4.0, -0.0, 1e22, 1e23, 123456789012345680.0,
        std::numeric_limits<double>::denorm_min(), -std::numeric_limits<double>::max()}) {
    const JsonValue back = parse_json(to_text(json_real(number), false), "a.json");
    EXPECT_EQ(back.kind, JsonValue::Kind::real);
    EXPECT_EQ(back.real, number);
    EXPECT_EQ(std::signbit(back.real), std::signbit(number));
  }
}

TEST(JsonText, NonFiniteRealsAreOurMistake) {
  EXPECT_THROW((void)to_text(json_real(std::numeric_limits<double>::infinity()), false),
               InternalError);
  EXPECT_THROW((void)to_text(json_real(std::nan("")), false), InternalError);
}

TEST(JsonText, StringsAndKeysAreEscaped) {
  const std::string awkward = "a\"b\\c\n\t\r\b\x01\x7f/ä€😀";
  const JsonValue value = json_object({{awkward, json_string(awkward)}});
  const JsonValue back = parse_json(to_text(value, false), "a.json");
  ASSERT_EQ(back.members.size(), 1U);
  EXPECT_EQ(back.members[0].key, awkward);
  EXPECT_EQ(back.members[0].value.string, awkward);
}

TEST(JsonText, BytesThatAreNoUtf8BecomeTheReplacementCharacter) {
  const std::string kReplaced = "\uFFFD";
  EXPECT_EQ(to_text(json_string("a\xff"), false), "\"a" + kReplaced + "\"");
  for (const std::string ill : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                                "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    std::string expected = "\"";
    for (std::size_t byte = 0; byte < ill.size(); ++byte) {
      expected += kReplaced;
    }
    EXPECT_EQ(to_text(json_string(ill), false), expected + "\"");
    EXPECT_NO_THROW((void)parse_json(to_text(json_string(ill), false), "a.json"));
  }
}

TEST(Describe, NamesScalarsByTextAndContainersByKind) {
  EXPECT_EQ(json_string("x").describe(), "\"x\"");
  EXPECT_EQ(json_integer(7).describe(), "7");
  EXPECT_EQ(json_real(1000).describe(), "1000.0");
  EXPECT_EQ(json_boolean(true).describe(), "true");
  EXPECT_EQ(JsonValue{}.describe(), "null");
  EXPECT_EQ(json_array({}).describe(), "an array");
  EXPECT_EQ(json_object({}).describe(), "an object");
}

TEST(Describe, CutsLongStringsBetweenCharacters) {
  constexpr std::size_t kLimit = 60;
  EXPECT_EQ(json_string(std::string(kLimit, 'x')).describe(),
            "\"" + std::string(kLimit, 'x') + "\"");
  EXPECT_EQ(json_string(std::string(kLimit + 1, 'x')).describe(),
            "\"" + std::string(kLimit, 'x') + "…\"");
  const std::string filler(kLimit - 1, 'x');  // the next character has two bytes
  EXPECT_EQ(json_string(filler + "ää").describe(), "\"" + filler + "…\"");
}

}  // namespace
}  // namespace orrery
