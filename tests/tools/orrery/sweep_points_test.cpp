// Which points a sweep file has: ranges, grids, zips, conditions, samples, seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/tools/orrery/program.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/sweep/points.hpp"

namespace orrery {
namespace {

using testing_program::kSmallScenario;
using testing_program::TemporaryFolder;
using testing_program::write_file;

ExpressionValue value_of(const std::string& text) {
  return Expression(text).value([](const std::string& name) -> ExpressionValue {
    if (name == "tensor") return 4.0;
    if (name == "kind") return std::string("full");
    throw ExpressionError{"unknown " + name};
  });
}

bool holds(const std::string& text) {
  return std::get<bool>(value_of(text));
}

TEST(Expression, PrecedenceIsThatOfArithmetic) {
  EXPECT_EQ(std::get<double>(value_of("2 + 3 * 4 - 6 / 2")), 2 + 3 * 4 - 6 / 2);
  EXPECT_EQ(std::get<double>(value_of("(2 + 3) * -tensor % 7")), std::fmod((2 + 3) * -4, 7));
  EXPECT_EQ(std::get<double>(value_of("max(1, tensor, min(9, 2))")), 4);
  EXPECT_TRUE(holds("1 < 2 and not 2 < 1 or false"));
  EXPECT_TRUE(holds("not false and not (true and false)"));
  EXPECT_TRUE(holds("true or false and false"));  // and binds closer
  EXPECT_TRUE(holds("kind == 'full' && kind in ['none', \"full\"] && tensor != 3"));
  EXPECT_FALSE(holds("tensor in [1, 2] || !(tensor >= 4)"));
}

TEST(Expression, QuantitiesOfOneKindAreComparedByTheirSize) {
  EXPECT_TRUE(holds("'2 MiB' <= '16 MiB' and '16 MiB' > '8 MiB'"));  // as texts both are false
  EXPECT_TRUE(holds("'2048 KiB' == '2 MiB' and '1 ms' in ['1000 us', '1 s']"));
  EXPECT_TRUE(holds("'100 GB/s' < '1 TB/s' and '2 MiB' != '2 MB'"));
  EXPECT_FALSE(holds("'1 s' == '1 GB'"));  // of two kinds: texts
}

TEST(Expression, LooksAtNothingThatDoesNotMatter) {
  EXPECT_FALSE(holds("false and missing == 1"));
  EXPECT_TRUE(holds("true or missing == 1"));
  EXPECT_THROW(holds("true and missing == 1"), ExpressionError);
}

TEST(Expression, MistakesAreErrors) {
  for (const char* text : {"", "1 +", "(1", "1 = 1", "1 2", "'open", "f(1)", "max()", "1 in 2",
                           "1x", "a b", "1 < 2 < 3", "&", "not"}) {
    EXPECT_THROW(Expression{text}, ExpressionError) << text;
  }
  for (const char* text : {"1 + 'a'", "1 == 'a'", "1 and true", "not 1", "1 / 0", "1 % 0"}) {
    EXPECT_THROW(value_of(text), ExpressionError) << text;
  }
  EXPECT_THROW(Expression(std::string(10'000, '(')), ExpressionError);
}

/// A sweep over the small scenario in the folder.
class Points : public ::testing::Test {
 protected:
  SweepFile file(const std::string& sweep) const {
    write_file(folder_ / "small.json", kSmallScenario);
    const std::string path = (folder_ / "sweep.json").string();
    write_file(path, R"({"orrery": 1, "sweep": {"base": "small.json", )" + sweep + "}}");
    return load_sweep(path, {});
  }
  /// The labels of each point, with spaces.
  std::vector<std::string> points(const std::string& sweep) const {
    const SweepFile read = file(sweep);
    std::vector<std::string> result;
    for (const SweepPoint& point : points_of(read, open_catalog(find_data_folders()))) {
      std::string text;
      for (const std::string& label : labels_of(read, point))
        text += (text.empty() ? "" : " ") + label;
      result.push_back(text);
    }
    return result;
  }
  std::string mistake(const std::string& sweep) const {
    try {
      points(sweep);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
};

using Texts = std::vector<std::string>;

TEST_F(Points, RangesHaveBothEnds) {
  EXPECT_EQ(points(R"("axes": {"/seed": {"from": 1, "to": 8, "times": 2}})"),
            (Texts{"1", "2", "4", "8"}));
  EXPECT_EQ(points(R"("axes": {"/seed": {"from": 1, "to": 7, "times": 2}})"),
            (Texts{"1", "2", "4"}));
  EXPECT_EQ(points(R"("axes": {"/seed": {"from": 0.0, "to": 0.3, "step": 0.1}})"),
            (Texts{"0.0", "0.1", "0.2", "0.3"}))
      << "as in a list of these decimals";
  EXPECT_EQ(
      points(R"("axes": {"/collectives/chunk": {"from": "1 MiB", "to": "9 MiB", "times": 3}})"),
      (Texts{"1 MiB", "3 MiB", "9 MiB"}));
}

TEST_F(Points, AGridVariesItsLastAxisFastestAndAZipGoesTogether) {
  EXPECT_EQ(points(R"("axes": {"/seed": [1, 2], "/workload/micro_batch": [3, 4]})"),
            (Texts{"1 3", "1 4", "2 3", "2 4"}));
  EXPECT_EQ(points(R"("axes": {"/seed": [1, 2]},
                      "zip": [{"/workload/micro_batch": [3, 4], "/workload/global_batch": [5, 6]}])"),
            (Texts{"1 3 5", "1 4 6", "2 3 5", "2 4 6"}));
  EXPECT_EQ(
      points(
          R"("axes": {"/workload/recompute": [{"kind": "none"}, {"kind": "full", "every": 2}]})"),
      (Texts{"none", R"({"kind":"full","every":2})"}));
}

TEST_F(Points, ConditionsSeeAxesDevicesAndTheScenario) {
  const std::string axes = R"("axes": {"/workload/parallel/tensor": [1, 2, 4, 8],
                                       "/workload/parallel/pipeline": [1, 2, 4]}, )";
  constexpr int kDevices = 8;  // of a dgx_a100
  Texts expected;
  for (const int tensor : {1, 2, 4, 8}) {
    for (const int pipeline : {1, 2, 4}) {
      if (tensor * pipeline * 2 != kDevices) continue;  // data, which the scenario has
      expected.push_back(std::to_string(tensor) + " " + std::to_string(pipeline));
    }
  }
  EXPECT_EQ(points(axes + R"("where": "tensor * pipeline * data == devices")"), expected);
  EXPECT_EQ(points(axes + R"("where": ["tensor * pipeline * parallel.data == devices",
                                       "workload.kind == 'transformer_training'"])"),
            expected);
  EXPECT_NE(mistake(axes + R"("where": "tensr == 1")").find("did you mean \"tensor\""),
            std::string::npos);
  EXPECT_EQ(points(axes + R"("where": "tensor == 3")"), Texts());
}

TEST_F(Points, SeedsFollowTheScenarios) {
  EXPECT_EQ(points(R"("axes": {"/workload/micro_batch": [1, 2]}, "repeat": {"seeds": 2})"),
            (Texts{"1 0", "1 1", "2 0", "2 1"}));
  EXPECT_EQ(points(R"("repeat": {"seeds": 3})"), (Texts{"0", "1", "2"})) << "seeds alone";
  EXPECT_EQ(points(R"("where": "seed % 2 == 1", "repeat": {"seeds": 4})"), (Texts{"1", "3"}));
  EXPECT_NE(mistake(R"("axes": {"/seed": [1, 2]}, "repeat": {"seeds": 2})").find("/repeat/seeds"),
            std::string::npos);
  const auto from = [&](const std::string& seed) {
    return load_sweep(file(R"("repeat": {"seeds": 2})").path, {"/seed=" + seed}).first_seed;
  };
  EXPECT_EQ(from(R"({"value": 42, "source": "drawn"})"), 42);
  EXPECT_EQ(from("9223372036854775805"), 9223372036854775805);
  for (const char* seed : {"1.5", "-1", "9223372036854775806", "18446744073709551615"}) {
    EXPECT_THROW(from(seed), ScenarioError) << seed;
  }
}

TEST_F(Points, RandomSamplesAreDistinctRepeatableAndAccepted) {
  const std::string sweep = R"("axes": {"/workload/micro_batch": {"from": 1, "to": 20, "step": 1},
      "/collectives/chunk": ["1 MiB", "2 MiB"]}, "where": "micro_batch != 7",
      "sample": {"kind": "random", "points": 38, "seed": )";
  const Texts drawn = points(sweep + "1}");
  EXPECT_EQ(std::set<std::string>(drawn.begin(), drawn.end()).size(), 38U);  // 19 times 2: all
  EXPECT_EQ(drawn, points(sweep + "1}"));
  EXPECT_NE(drawn, points(sweep + "2}"));
  std::string more = sweep + "1}";
  more.replace(more.find("38"), 2, "39");
  EXPECT_NE(mistake(more).find("only 38 different points"), std::string::npos);
}

TEST_F(Points, ALatinHypercubeUsesEachPartOfEachAxisOnce) {
  constexpr int kPoints = 50;
  const SweepFile read = file(R"("axes": {"/variability/a": {"from": 2, "to": 12},
      "/variability/b": {"from": 1, "to": 1000, "scale": "log"}, "/seed": [1, 2, 3, 4, 5]},
      "sample": {"kind": "latin_hypercube", "points": 50})");
  std::set<int> parts_a;
  std::set<int> parts_b;
  std::map<std::string, int> seeds;
  for (const SweepPoint& point : points_of(read, open_catalog(find_data_folders()))) {
    const double a = static_cast<double>(point.values[0]->integer);
    const double b = static_cast<double>(point.values[1]->integer);
    EXPECT_TRUE(a >= 2 && a <= 12 && b >= 1 && b <= 1000);
    parts_b.insert(static_cast<int>(b));
    parts_a.insert(static_cast<int>(a));
    ++seeds[labels_of(read, point)[2]];
  }
  EXPECT_EQ(parts_a.size(), 11U);  // all whole numbers, as there are more points than these
  // Log: as many points in [1, 31] as in [32, 1000], up to what rounding moves.
  EXPECT_NEAR(static_cast<double>(std::distance(parts_b.lower_bound(32), parts_b.end())),
              kPoints / 2, 2);
  for (const auto& [seed, count] : seeds) EXPECT_EQ(count, kPoints / 5) << seed;
}

TEST(SweepExperiments, HaveTheirPoints) {
  const Catalog catalog = open_catalog(find_data_folders());
  const std::string folder = ORRERY_SOURCE_DIR "/experiments/sweeps/";
  // Eight sizes of cluster by four tensor degrees.
  EXPECT_EQ(points_of(load_sweep(folder + "scaling/sweep.json", {}), catalog).size(), 8U * 4);
  // 20 divisions of 64 devices by micro-batches, recomputation, ZeRO and placement; all
  // products of a tensor degree up to 8 and a pipeline up to 16 but 8 x 16 leave data parallelism.
  EXPECT_EQ(points_of(load_sweep(folder + "llama3_70b_on_64_h100/search.json", {}), catalog).size(),
            19U * 3 * 3 * 3 * 2);
}

}  // namespace
}  // namespace orrery
