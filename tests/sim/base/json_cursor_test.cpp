#include "sim/base/json_cursor.hpp"

#include <gtest/gtest.h>

#include "tests/sim/base/reading.hpp"

namespace orrery {
namespace {

TEST(JsonCursor, ReportsTheExamplesOfTheDesign) {
  Reading reading(R"({"cluster": {"with": {"radix": 7}},
                      "workload": {"globalbatch": 32}})");
  JsonCursor root = reading.cursor();
  JsonCursor radix = root.at("cluster").at("with").at("radix");
  if (radix.as_count() % 2 != 0) {
    radix.expected("an even integer >= 4");
  }
  JsonCursor workload = root.at("workload");
  workload.find("global_batch");
  workload.reject_unknown_keys();
  EXPECT_EQ(reading.said(),
            "scenario.json#/cluster/with/radix: expected an even integer >= 4, got 7\n"
            "scenario.json#/workload/globalbatch: no such key; did you mean \"global_batch\"?");
}

TEST(JsonCursor, MissingKeysAreReportedAtTheObject) {
  Reading reading(R"({"workload": {}})");
  JsonCursor network = reading.cursor().at("workload").at("network");
  EXPECT_FALSE(network.present());
  EXPECT_EQ(reading.said(), "scenario.json#/workload: missing key \"network\"");
}

TEST(JsonCursor, OptionalKeysMayBeMissing) {
  Reading reading(R"({"a": null})");
  JsonCursor root = reading.cursor();
  EXPECT_TRUE(root.has("a"));
  EXPECT_TRUE(root.find("a").present());
  EXPECT_FALSE(root.has("b"));
  EXPECT_FALSE(root.find("b").present());
  EXPECT_EQ(reading.said(), "");
}

TEST(JsonCursor, AbsentPlacesReadAsNothingInSilence) {
  Reading reading("{}");
  JsonCursor absent = reading.cursor().find("a");
  EXPECT_FALSE(absent.at("b").at("c").present());
  EXPECT_FALSE(absent.has("b"));
  EXPECT_TRUE(absent.items().empty());
  EXPECT_TRUE(absent.keys().empty());
  EXPECT_FALSE(absent.as_boolean());
  EXPECT_EQ(absent.as_count({.minimum = 1, .maximum = 8}), 0);
  EXPECT_EQ(absent.as_ratio({.minimum = 0.5, .maximum = 1}), 0);
  EXPECT_EQ(absent.as_string(), "");
  EXPECT_EQ(absent.as_choice({"a"}), "");
  EXPECT_EQ(absent.as_precision(), Precision{});
  EXPECT_EQ(absent.as_duration(), Duration(0));
  EXPECT_EQ(absent.as_bandwidth(), Bandwidth(0));
  EXPECT_EQ(absent.source(), "");
  absent.expected("something");
  absent.error("something");
  absent.reject_unknown_keys();
  EXPECT_EQ(reading.said(), "");
  EXPECT_THROW((void)absent.value(), InternalError);
}

TEST(JsonCursor, UnknownKeysWithoutANearNameListTheKnownOnes) {
  Reading reading(R"({"zebra": 1})");
  JsonCursor root = reading.cursor();
  root.find("seed");
  root.find("cost");
  root.reject_unknown_keys();
  EXPECT_EQ(reading.said(), "scenario.json#/zebra: no such key; known keys: \"cost\", \"seed\"");
}

TEST(JsonCursor, UnknownKeysListAtMostTwelveKnownOnes) {
  const auto said_with = [](int known) {
    Reading reading(R"({"zebra": 1})");
    JsonCursor root = reading.cursor();
    for (int number = 0; number < known; ++number) {
      root.find("known_key_" + std::to_string(number));
    }
    root.reject_unknown_keys();
    return reading.said();
  };
  EXPECT_NE(said_with(12).find("known keys: "), std::string::npos);
  EXPECT_EQ(said_with(13), "scenario.json#/zebra: no such key");
}

TEST(JsonCursor, KeysAskedForByAnyMeansAreKnown) {
  Reading reading(R"({"a": 1, "b": 2, "c": 3, "d/e": 4})");
  JsonCursor root = reading.cursor();
  root.at("a");
  root.find("b");
  root.has("c");
  root.reject_unknown_keys();
  EXPECT_TRUE(reading.said().starts_with("scenario.json#/d~1e: no such key")) << reading.said();
  EXPECT_EQ(root.keys(), (std::vector<std::string>{"a", "b", "c", "d/e"}));
}

TEST(JsonCursor, CopiesShareWhatIsKnown) {
  Reading reading(R"({"a": 1})");
  JsonCursor root = reading.cursor();
  JsonCursor copy = root;
  copy.find("a");
  root.reject_unknown_keys();
  EXPECT_EQ(reading.said(), "");
}

TEST(JsonCursor, ReadingOnFindsAllMistakes) {
  Reading reading(R"({"nodes": 0, "delay": 5, "link": {"rate": "fast"}, "extra": 1})");
  JsonCursor root = reading.cursor();
  root.at("nodes").as_count({.minimum = 1});
  root.at("delay").as_duration();
  root.at("link").at("rate").as_bandwidth();
  root.at("seed").as_count();
  root.reject_unknown_keys();
  EXPECT_EQ(reading.said(),
            "scenario.json#/nodes: expected an integer >= 1, got 0\n"
            "scenario.json#/delay: expected a duration with a unit such as \"5 us\", got 5\n"
            "scenario.json#/link/rate: expected a bandwidth with a unit such as \"400 Gbit/s\", "
            "got \"fast\"\n"
            "scenario.json#: missing key \"seed\"\n"
            "scenario.json#/extra: no such key; known keys: \"delay\", \"link\", \"nodes\", "
            "\"seed\"");
}

TEST(JsonCursor, WhatIsNoObjectIsSaidOnce) {
  Reading reading(R"({"workload": 7})");
  JsonCursor workload = reading.cursor().at("workload");
  workload.at("network").as_string();
  workload.at("batch").as_count();
  workload.find("seed");
  workload.keys();
  workload.reject_unknown_keys();
  EXPECT_EQ(reading.said(), "scenario.json#/workload: expected an object, got 7");
}

TEST(JsonCursor, ItemsKnowTheirIndex) {
  Reading reading(R"({"list": [1, "two"], "none": {}})");
  JsonCursor root = reading.cursor();
  std::vector<JsonCursor> items = root.at("list").items();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].as_count(), 1);
  EXPECT_EQ(items[1].as_count(), 0);
  EXPECT_TRUE(root.at("none").items().empty());
  EXPECT_EQ(reading.said(),
            "scenario.json#/list/1: expected an integer >= 0, got \"two\"\n"
            "scenario.json#/none: expected an array, got an object");
}

TEST(JsonCursor, AnObjectWithAKeyNamedValueIsStillAnObject) {
  Reading reading(R"({"value": 1})");
  JsonCursor root = reading.cursor();
  root.at("seed");
  root.items();
  EXPECT_EQ(reading.said(),
            "scenario.json#: missing key \"seed\"\n"
            "scenario.json#: expected an array, got an object");
}

TEST(JsonCursor, MergedValuesNameTheFileTheyCameFrom) {
  Reading reading(R"({"cluster": {"nodes": 4}})");
  merge_patch(reading.root(), parse_json(R"({"cluster": {"radix": "x", "typo": 1}})", "--set"));
  JsonCursor cluster = reading.cursor().at("cluster");
  cluster.at("nodes").as_count({.minimum = 8});
  cluster.at("radix").as_count();
  cluster.at("missing");
  cluster.reject_unknown_keys();
  EXPECT_EQ(reading.said(),
            "scenario.json#/cluster/nodes: expected an integer >= 8, got 4\n"
            "--set#/cluster/radix: expected an integer >= 0, got \"x\"\n"
            "scenario.json#/cluster: missing key \"missing\"\n"
            "--set#/cluster/typo: no such key; known keys: \"missing\", \"nodes\", \"radix\"");
}
}  // namespace
}  // namespace orrery
