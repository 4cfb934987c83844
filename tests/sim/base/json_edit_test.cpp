#include <gtest/gtest.h>

#include "sim/base/json_value.hpp"

namespace orrery {
namespace {

JsonValue parsed(const std::string& text, const std::string& file = "base.json") {
  return parse_json(text, file);
}

std::string place_of(const JsonValue& root, std::string_view pointer) {
  const JsonValue* value = value_at(root, pointer);
  if (value == nullptr) {
    return "nowhere";
  }
  return (value->origin.file ? *value->origin.file : "") + "#" + value->origin.pointer;
}

struct MergeCase {
  const char* target;
  const char* patch;
  const char* result;
};

class MergePatch : public testing::TestWithParam<MergeCase> {};

TEST_P(MergePatch, FollowsRfc7396) {
  JsonValue target = parsed(GetParam().target);
  merge_patch(target, parsed(GetParam().patch));
  EXPECT_EQ(to_text(target, false), GetParam().result);
}

// RFC 7396, appendix A.
INSTANTIATE_TEST_SUITE_P(
    Json, MergePatch,
    testing::Values(MergeCase{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
                    MergeCase{R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
                    MergeCase{R"({"a":"b"})", R"({"a":null})", R"({})"},
                    MergeCase{R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
                    MergeCase{R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
                    MergeCase{R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
                    MergeCase{R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})",
                              R"({"a":{"b":"d"}})"},
                    MergeCase{R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
                    MergeCase{R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
                    MergeCase{R"({"a":"b"})", R"(["c"])", R"(["c"])"},
                    MergeCase{R"({"a":"foo"})", R"(null)", R"(null)"},
                    MergeCase{R"({"a":"foo"})", R"("bar")", R"("bar")"},
                    MergeCase{R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
                    MergeCase{R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
                    MergeCase{R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}));

TEST(MergeOrigins, WhatThePatchBringsNamesThePatch) {
  JsonValue target = parsed(R"({"keep": 1, "change": 2, "deep": {"keep": 3}})");
  merge_patch(target,
              parsed(R"({"change": 4, "deep": {"new": {"leaf": 5}}, "list": [6]})", "patch.json"));
  EXPECT_EQ(place_of(target, ""), "base.json#");
  EXPECT_EQ(place_of(target, "/keep"), "base.json#/keep");
  EXPECT_EQ(place_of(target, "/change"), "patch.json#/change");
  EXPECT_EQ(place_of(target, "/deep"), "base.json#/deep");
  EXPECT_EQ(place_of(target, "/deep/keep"), "base.json#/deep/keep");
  EXPECT_EQ(place_of(target, "/deep/new"), "patch.json#/deep/new");
  EXPECT_EQ(place_of(target, "/deep/new/leaf"), "patch.json#/deep/new/leaf");
  EXPECT_EQ(place_of(target, "/list/0"), "patch.json#/list/0");
}

TEST(SetAt, ReplacesAndAdds) {
  JsonValue root = parsed(R"({"a": {"b": 1}, "list": [1, {"c": 2}]})");
  EXPECT_EQ(set_at(root, "/a/b", json_integer(7)), "");
  EXPECT_EQ(set_at(root, "/a/new", json_integer(8)), "");
  EXPECT_EQ(set_at(root, "/list/1/c", json_integer(9)), "");
  EXPECT_EQ(to_text(root, false), R"({"a":{"b":7,"new":8},"list":[1,{"c":9}]})");
  EXPECT_EQ(set_at(root, "", json_integer(0)), "");
  EXPECT_EQ(to_text(root, false), "0");
}

TEST(SetAt, MakesObjectsOnTheWay) {
  JsonValue root = parsed("{}");
  EXPECT_EQ(set_at(root, "/a/b~1c/~0", parsed("7", "--set")), "");
  EXPECT_EQ(to_text(root, false), R"({"a":{"b/c":{"~":7}}})");
  EXPECT_EQ(place_of(root, "/a/b~1c"), "--set#/a/b~1c");
}

TEST(SetAt, AppendsAtTheDash) {
  JsonValue root = parsed(R"({"list": [1]})");
  EXPECT_EQ(set_at(root, "/list/-", json_integer(2)), "");
  EXPECT_EQ(set_at(root, "/list/-/deep", json_integer(3)), "");
  EXPECT_EQ(to_text(root, false), R"({"list":[1,2,{"deep":3}]})");
}

TEST(SetAt, SaysWhatIsWrongAndChangesNothing) {
  const std::string text = R"({"list":[1,2],"leaf":7})";
  JsonValue root = parsed(text);
  const auto message = [&](std::string_view pointer) {
    return set_at(root, pointer, json_integer(0));
  };
  EXPECT_EQ(message("leaf"),
            "expected a JSON pointer such as \"/workload/parallel/tensor\", got \"leaf\"");
  EXPECT_NE(message("/a~2"), "");
  EXPECT_NE(message("/a~"), "");
  EXPECT_EQ(message("/leaf/below/it"), "expected an object or array at \"/leaf\", got 7");
  EXPECT_EQ(message("/list/2"),
            "expected an index below 2 or \"-\" in the array at \"/list\", got \"2\"");
  EXPECT_NE(message("/list/01"), "");
  EXPECT_NE(message("/list/+1"), "");
  EXPECT_NE(message("/list/"), "");
  EXPECT_NE(message("/list/99999999999999999999"), "");
  EXPECT_EQ(to_text(root, false), text);
}

TEST(SetAt, DepthReachesTheLimitAndNotBeyond) {
  std::string pointer;
  for (int level = 0; level < kMaximumJsonDepth; ++level) {
    pointer += "/a";
  }
  JsonValue root = parsed("{}");
  EXPECT_EQ(set_at(root, pointer, json_integer(7)), "");
  EXPECT_NO_THROW((void)parsed(to_text(root, false)));
  EXPECT_NE(set_at(root, pointer + "/a", json_integer(7)), "");
  EXPECT_NE(set_at(root, pointer, json_array({})), "");
}

TEST(SetOrigin, ReachesEveryValueBelow) {
  JsonValue root = parsed("{}");
  JsonValue value = parsed(R"({"x": [1, {"y/z": 2}]})", "--set");
  set_origin(value, {std::make_shared<const std::string>("--set"), "/cluster"});
  EXPECT_EQ(set_at(root, "/cluster", value), "");
  EXPECT_EQ(place_of(root, "/cluster"), "--set#/cluster");
  EXPECT_EQ(place_of(root, "/cluster/x/1/y~1z"), "--set#/cluster/x/1/y~1z");
}

TEST(ValueAt, FollowsTheExamplesOfRfc6901) {
  const JsonValue root = parsed(R"({"foo": ["bar", "baz"], "": 0, "a/b": 1, "m~n": 8, " ": 7})");
  EXPECT_EQ(value_at(root, ""), &root);
  EXPECT_EQ(value_at(root, "/foo/0")->string, "bar");
  EXPECT_EQ(value_at(root, "/")->integer, 0);
  EXPECT_EQ(value_at(root, "/a~1b")->integer, 1);
  EXPECT_EQ(value_at(root, "/m~0n")->integer, 8);
  EXPECT_EQ(value_at(root, "/ ")->integer, 7);
}

TEST(ValueAt, LeadsNowhereOtherwise) {
  const JsonValue root = parsed(R"({"foo": ["bar"], "leaf": 1})");
  for (const std::string_view pointer :
       {"foo", "/bar", "/foo/1", "/foo/-", "/foo/00", "/foo/0/x", "/leaf/x", "/~2", "/foo/bar"}) {
    EXPECT_EQ(value_at(root, pointer), nullptr) << pointer;
  }
}

TEST(PointerToken, EscapesTildeAndSlash) {
  EXPECT_EQ(pointer_token("a/b~c~1"), "a~1b~0c~01");
  EXPECT_EQ(pointer_token(""), "");
}

}  // namespace
}  // namespace orrery
