#include <gtest/gtest.h>

#include <limits>

#include "sim/base/json_cursor.hpp"
#include "tests/sim/base/reading.hpp"

namespace orrery {
namespace {

TEST(JsonLeaf, ReadsEveryKindOfLeaf) {
  Reading reading(R"({"b": true, "n": 8, "r": 0.5, "s": "x", "c": "ring", "p": "bf16",
                      "d": "5 us", "y": "80 GiB", "w": "400 Gbit/s", "f": "989 TFLOP/s",
                      "h": "1.5 GHz", "e": "700 W"})");
  using namespace literals;
  JsonCursor root = reading.cursor();
  EXPECT_TRUE(root.at("b").as_boolean());
  EXPECT_EQ(root.at("n").as_count(), 8);
  EXPECT_EQ(root.at("r").as_ratio(), 0.5);
  EXPECT_EQ(root.at("s").as_string(), "x");
  EXPECT_EQ(root.at("c").as_choice({"tree", "ring"}), "ring");
  EXPECT_EQ(root.at("p").as_precision(), Precision::bf16);
  EXPECT_EQ(root.at("d").as_duration(), 5_us);
  EXPECT_EQ(root.at("y").as_bytes(), 80_GiB);
  EXPECT_EQ(root.at("w").as_bandwidth(), 50_GBps);
  EXPECT_EQ(root.at("f").as_flop_rate(), 989_TFLOPps);
  EXPECT_EQ(root.at("h").as_frequency(), Frequency(1'500'000'000));
  EXPECT_EQ(root.at("e").as_power(), Power(700'000));
  root.reject_unknown_keys();
  EXPECT_EQ(reading.said(), "");
}

TEST(JsonLeaf, CountsReachBothEndsOfTheirRange) {
  constexpr CountRange kRange = {.minimum = 1, .maximum = 8};
  const auto read = [&](JsonCursor& cursor) { cursor.as_count(kRange); };
  EXPECT_EQ(said_about("1", read), "");
  EXPECT_EQ(said_about("8", read), "");
  EXPECT_EQ(said_about("0", read), "expected an integer between 1 and 8, got 0");
  EXPECT_EQ(said_about("9", read), "expected an integer between 1 and 8, got 9");
  EXPECT_EQ(said_about("1.0", read), "expected an integer between 1 and 8, got 1.0");
  EXPECT_EQ(said_about("\"4\"", read), "expected an integer between 1 and 8, got \"4\"");
}

TEST(JsonLeaf, CountsWithoutAnUpperEndNameItOnlyWhenItIsPassed) {
  const auto read = [](JsonCursor& cursor) { cursor.as_count({.minimum = 1}); };
  EXPECT_EQ(said_about("0", read), "expected an integer >= 1, got 0");
  EXPECT_EQ(said_about("null", read), "expected an integer >= 1, got null");
  EXPECT_EQ(said_about("1000000000", read), "");
  EXPECT_EQ(said_about("1000000001", read),
            "expected an integer between 1 and 1000000000, got 1000000001");
}

TEST(JsonLeaf, RatiosReachBothEndsOfTheirRange) {
  const auto read = [](JsonCursor& cursor) { cursor.as_ratio(); };
  EXPECT_EQ(said_about("0", read), "");
  EXPECT_EQ(said_about("1.0", read), "");
  EXPECT_EQ(said_about("1.5", read), "expected a number between 0 and 1, got 1.5");
  EXPECT_EQ(said_about("-1", read), "expected a number between 0 and 1, got -1");
  EXPECT_EQ(said_about("\"1\"", read), "expected a number between 0 and 1, got \"1\"");
  const auto read_open = [](JsonCursor& cursor) {
    cursor.as_ratio({.minimum = 0.5, .maximum = std::numeric_limits<double>::infinity()});
  };
  EXPECT_EQ(said_about("1e300", read_open), "");
  EXPECT_EQ(said_about("0.25", read_open), "expected a number >= 0.5, got 0.25");
}

TEST(JsonLeaf, BooleansAndStringsAreStrict) {
  EXPECT_EQ(said_about("0", [](JsonCursor& cursor) { EXPECT_FALSE(cursor.as_boolean()); }),
            "expected true or false, got 0");
  EXPECT_EQ(said_about("[1]", [](JsonCursor& cursor) { EXPECT_EQ(cursor.as_string(), ""); }),
            "expected a string, got an array");
}

TEST(JsonLeaf, ChoicesNameTheNearest) {
  const auto read = [](JsonCursor& cursor) {
    EXPECT_EQ(cursor.as_choice({"auto", "ring", "tree"}), "");
  };
  EXPECT_EQ(said_about("\"rnig\"", read),
            "expected one of \"auto\", \"ring\", \"tree\", got \"rnig\"; did you mean \"ring\"?");
  EXPECT_EQ(said_about("\"hierarchical\"", read),
            "expected one of \"auto\", \"ring\", \"tree\", got \"hierarchical\"");
  EXPECT_EQ(said_about("1", read), "expected one of \"auto\", \"ring\", \"tree\", got 1");
}

TEST(JsonLeaf, ManyChoicesAreShortened) {
  std::vector<std::string> choices;
  for (int number = 0; number < 13; ++number) {
    choices.push_back("choice_" + std::to_string(number));
  }
  const std::string said = said_about("7", [&](JsonCursor& cursor) { cursor.as_choice(choices); });
  EXPECT_NE(said.find("\"choice_11\", … (13 in all), got 7"), std::string::npos) << said;
}

TEST(JsonLeaf, PrecisionsAreChoices) {
  const std::string said =
      said_about("\"BF16\"", [](JsonCursor& cursor) { cursor.as_precision(); });
  EXPECT_TRUE(said.starts_with("expected one of \"fp32\", \"tf32\", ")) << said;
  EXPECT_TRUE(said.ends_with("got \"BF16\"; did you mean \"bf16\"?")) << said;
}

TEST(JsonLeaf, QuantitiesNeedTheirUnit) {
  EXPECT_EQ(said_about("5", [](JsonCursor& cursor) { cursor.as_duration(); }),
            "expected a duration with a unit such as \"5 us\", got 5");
  EXPECT_EQ(said_about("\"5 GB\"", [](JsonCursor& cursor) { cursor.as_duration(); }),
            "expected a duration with a unit such as \"5 us\", got \"5 GB\"");
  EXPECT_EQ(said_about("80", [](JsonCursor& cursor) { cursor.as_bytes(); }),
            "expected a size with a unit such as \"80 GiB\", got 80");
  EXPECT_EQ(said_about("1.5", [](JsonCursor& cursor) { cursor.as_frequency(); }),
            "expected a frequency with a unit such as \"1.98 GHz\", got 1.5");
  EXPECT_EQ(said_about("{}", [](JsonCursor& cursor) { cursor.as_power(); }),
            "expected a power with a unit such as \"700 W\", got an object");
  EXPECT_EQ(said_about("\"9 GFLOPS\"", [](JsonCursor& cursor) { cursor.as_flop_rate(); }),
            "expected a compute rate with a unit such as \"989 TFLOP/s\", got \"9 GFLOPS\"");
}

TEST(JsonLeaf, RatesArePositiveAndAmountsMayBeZero) {
  EXPECT_EQ(said_about("\"0 s\"", [](JsonCursor& cursor) { cursor.as_duration(); }), "");
  EXPECT_EQ(said_about("\"0 B\"", [](JsonCursor& cursor) { cursor.as_bytes(); }), "");
  EXPECT_EQ(said_about("\"0 B/s\"", [](JsonCursor& cursor) { cursor.as_bandwidth(); }),
            "expected a bandwidth > 0, got \"0 B/s\"");
  EXPECT_EQ(said_about("\"1 B/s\"", [](JsonCursor& cursor) { cursor.as_bandwidth(); }), "");
  EXPECT_EQ(said_about("\"0 OP/s\"", [](JsonCursor& cursor) { cursor.as_flop_rate(); }),
            "expected a compute rate > 0, got \"0 OP/s\"");
  EXPECT_EQ(said_about("\"0 Hz\"", [](JsonCursor& cursor) { cursor.as_frequency(); }),
            "expected a frequency > 0, got \"0 Hz\"");
  EXPECT_EQ(said_about("\"0 W\"", [](JsonCursor& cursor) { cursor.as_power(); }),
            "expected a power > 0, got \"0 W\"");
}

TEST(JsonLeaf, AmbiguousRatesAreExplained) {
  const auto read = [](JsonCursor& cursor) { cursor.as_bandwidth(); };
  EXPECT_EQ(said_about("\"400 Gb/s\"", read),
            "expected a bandwidth with a unit such as \"400 Gbit/s\", got \"400 Gb/s\"; "
            "write \"Gbit/s\" or \"GB/s\"");
  EXPECT_EQ(said_about("\"400 Mbps\"", read),
            "expected a bandwidth with a unit such as \"400 Gbit/s\", got \"400 Mbps\"; "
            "write \"Mbit/s\" or \"MB/s\"");
}

TEST(JsonLeaf, WrappedLeavesAreLookedThrough) {
  Reading reading(R"({"rate": {"value": "450 GB/s", "source": "data sheet"},
                      "count": {"value": 8}, "plain": 3})");
  using namespace literals;
  JsonCursor root = reading.cursor();
  EXPECT_EQ(root.at("rate").as_bandwidth(), 450_GBps);
  EXPECT_EQ(root.at("rate").source(), "data sheet");
  EXPECT_EQ(root.at("count").as_count(), 8);
  EXPECT_EQ(root.at("count").source(), "");
  EXPECT_EQ(root.at("plain").source(), "");
  EXPECT_EQ(reading.said(), "");
}

TEST(JsonLeaf, WrappersAreStrict) {
  Reading reading(R"({"a": {"value": 1, "sorce": "x"}, "b": {"value": 1, "source": 2},
                      "c": {"value": -1}, "d": {"source": "x"}, "e": {"value": {"value": 1}}})");
  JsonCursor root = reading.cursor();
  for (const std::string& key : root.keys()) {
    root.at(key).as_count();
  }
  EXPECT_EQ(reading.said(),
            "scenario.json#/a/sorce: no such key; did you mean \"source\"?\n"
            "scenario.json#/b/source: expected a string, got 2\n"
            "scenario.json#/c/value: expected an integer >= 0, got -1\n"
            "scenario.json#/d: expected an integer >= 0, got an object\n"
            "scenario.json#/e/value: expected an integer >= 0, got an object");
}
}  // namespace
}  // namespace orrery
