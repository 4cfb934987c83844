// `orrery reproduce` of measured collectives: the form of its file, and its verdict.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/tools/orrery/program.hpp"
#include "tools/orrery/measured_collectives.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

constexpr const char* kColumns = "op_name,kernel_source,nccl_dtype,num_gpus,message_size,latency\n";

class MeasuredTest : public testing::Test {
 protected:
  Outcome reproduce(const std::string& table, const std::string& more = "",
                    std::vector<std::string> options = {}) {
    write_file(folder_ / "table.csv", table);
    write_file(folder_ / "reproduce.json",
               R"({"orrery_reproduce": 1, "description": "d", "source": "s", "measured": [
                 {"label": "one", "cluster": "dgx_a100")" +
                   (table_.empty() ? "" : R"(, "table": ")" + table_ + "\"") + more + "}]}");
    std::vector<std::string> words = {"reproduce", folder_.path().string()};
    words.insert(words.end(), options.begin(), options.end());
    return run_orrery(words);
  }
  void expect_refused(const std::string& table, const std::string& more, const std::string& why) {
    const Outcome outcome = reproduce(table, more);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
  }

  std::string table_ = "table.csv";

 private:
  TemporaryFolder folder_;
};

TEST_F(MeasuredTest, ASendOfOneToAnotherIsAGatherOfTwo) {
  const Outcome shown =
      reproduce(kColumns + std::string("send_recv,NCCL,half,2,524288,0.05\n"), "", {"--json"});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  const JsonValue report = parse_json(shown.out, "stdout");
  EXPECT_EQ(value_at(report, "/systems/0/rows/0/collective")->string, "gather");
  EXPECT_EQ(value_at(report, "/systems/0/rows/0/bytes")->integer, 2 * 2 * 524288);
}

TEST_F(MeasuredTest, TheVerdictIsThatOfTheRowsThatWereNotFitted) {
  const std::string row = "all_gather,NCCL,half,8,1048576,0.05\n";
  const Outcome shown = reproduce(kColumns + row, "", {"--json"});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  const JsonValue report = parse_json(shown.out, "stdout");
  const JsonValue* simulated = value_at(report, "/systems/0/rows/0/simulated_s");
  EXPECT_EQ(value_at(report, "/systems/0/rows/0/bytes")->integer, 2 * 1048576);
  const double error = std::abs(simulated->real / 50e-6 - 1);
  EXPECT_NEAR(value_at(report, "/systems/0/held_out/median")->real, error, 1e-12);
  const auto limits = [](double limit) {
    const std::string text = to_text(json_real(limit), false);
    return R"(, "limits": {"median": )" + text + R"(, "ninth_decile": )" + text +
           R"(, "reason": "r"})";
  };
  EXPECT_EQ(reproduce(kColumns + row, limits(error + 1e-6)).exit_code, 0);
  EXPECT_EQ(reproduce(kColumns + row, limits(error - 1e-6)).exit_code, 3);
}

TEST_F(MeasuredTest, AtMostAThirdIsFittedAndNothingFromASizeOn) {
  std::string table = kColumns;
  constexpr int kRows = 40;  // of 1 to 40 MB
  for (int row = 1; row <= kRows; ++row) {
    table += "all_gather,NCCL,int8,8," + std::to_string(1'000'000 * row) + ",0.05\n";
  }
  const auto fitted = [&](const std::string& more) {
    const JsonValue report = parse_json(reproduce(table, more, {"--json"}).out, "stdout");
    std::vector<std::int64_t> sizes;
    for (const JsonValue& row : value_at(report, "/systems/0/rows")->items) {
      if (row.find("fitted")->boolean) sizes.push_back(row.find("bytes")->integer);
    }
    return sizes;
  };
  EXPECT_EQ(fitted(R"(, "fitted_every": 2)").size(), kRows / 3U) << "about 20 are multiples of 2";
  const auto below = fitted(R"(, "fitted_every": 2, "fitted_below": "20 MB")");
  EXPECT_FALSE(below.empty());
  for (const std::int64_t size : below) EXPECT_LT(size, 20'000'000);
}

TEST_F(MeasuredTest, RowsApartAreShownAndCountForNothing) {
  const std::string table = kColumns + std::string("all_gather,NCCL,int8,8,1000000,0.05\n") +
                            "all_gather,NCCL,int8,8,1000001,0.05\n";
  const auto shown = [&](const std::string& more) {
    return parse_json(reproduce(table, more, {"--json"}).out, "stdout");
  };
  const JsonValue report =
      shown(R"(, "fitted_every": 2, "apart": {"up_to": "1 MB", "reason": "why it is"})");
  EXPECT_EQ(value_at(report, "/systems/0/apart/rows")->integer, 1);
  EXPECT_EQ(value_at(report, "/systems/0/apart_reason")->string, "why it is");
  EXPECT_TRUE(value_at(report, "/systems/0/rows/0/apart")->boolean);
  EXPECT_FALSE(value_at(report, "/systems/0/rows/0/fitted")->boolean);
  EXPECT_EQ(value_at(report, "/systems/0/held_out/rows")->integer, 1);
  EXPECT_EQ(value_at(shown(""), "/systems/0/held_out/rows")->integer, 2);
}

TEST_F(MeasuredTest, SystemsTogetherAreJudgedByTheRowsOfAll) {
  const std::string table = kColumns + std::string("all_gather,NCCL,int8,8,1000000,0.05\n") +
                            "all_gather,NCCL,int8,8,2000000,0.05\n";
  const auto of = [](const std::string& labels) {
    return R"(}, {"label": "all", "together": )" + labels;
  };
  const JsonValue report =
      parse_json(reproduce(table, of(R"(["one", "one"])"), {"--json"}).out, "");
  EXPECT_EQ(value_at(report, "/systems/0/held_out/rows")->integer, 2);
  EXPECT_EQ(value_at(report, "/systems/1/held_out/rows")->integer, 4);
  EXPECT_EQ(value_at(report, "/systems/1/held_out/maximum")->real,
            value_at(report, "/systems/0/held_out/maximum")->real);
  expect_refused(table, of(R"(["two"])"), "/measured/1/together/0: expected");
  expect_refused(table, of("[]"), "/measured/1/together: expected at least one label");
}

TEST_F(MeasuredTest, NamesWhatIsWrongWithATable) {
  expect_refused("a,b\n1,2\n", "", "/measured/0/table: expected a table with the columns");
  expect_refused(std::string(kColumns) + "all_gather,NCCL,half,8,x,0.05\n", "", "line 2");
  expect_refused(std::string(kColumns) + "all_gather,NCCL,half,9,4,0.05\n", "", "2 to 8 ranks");
  expect_refused(std::string(kColumns) + "all_gathers,NCCL,half,8,4,0.05\n", "", "all_gathers");
  expect_refused(kColumns, "", "expected rows that were not fitted");
  expect_refused(std::string(kColumns) + "all_gather,NCCL,half,8,4,0.05\n", R"(, "limit": 3)",
                 "did you mean \"limits\"?");
  expect_refused(std::string(kColumns) + "all_gather,NCCL,half,8,4,0.05\n",
                 R"(, "fitted_every": 1)", "/measured/0/fitted_every");
  expect_refused(std::string(kColumns) + "all_gather,NCCL,half,8,4,0.05\n",
                 R"(, "apart": {"up_to": "1 MB"})", "missing key \"reason\"");
  expect_refused(std::string(kColumns) + "all_gather,NCCL,half,8,4,0.05\n",
                 R"(, "graphs": {"tree": {"channel": 2}})", "did you mean \"channels\"?");
}

// The oracle: 8 of 256 experts are on 8 (1 - C(224, 8) / C(256, 8)) of eight GPUs, 5.2947.
TEST_F(MeasuredTest, DeepEpsTablesAreOfTokens) {
  const std::string columns =
      "num_gpus,node_limit,hidden_size,num_token,num_topk,num_experts,sms,dispatch_us,combine_us\n";
  const auto deepep = [](const std::string& kernels) {
    return R"(, "library": "deepep", "deepep": {"table": "table.csv", "kernels": )" + kernels + "}";
  };
  table_ = "";
  const Outcome shown = reproduce(columns + "8,1,7168,4096,8,256,24,500,900\n",
                                  deepep(R"(["dispatch", "combine"])"), {"--json"});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  const JsonValue report = parse_json(shown.out, "stdout");
  const double copies = 4096 * 5.29465;
  const auto at = [&](const std::string& key) {
    return *value_at(report, "/systems/0/rows/" + key);
  };
  EXPECT_EQ(at("0/datatype").string, "dispatch");
  EXPECT_NEAR(static_cast<double>(at("0/bytes").integer) / (copies * (7168 + 56 * 4)), 1, 1e-5);
  EXPECT_NEAR(static_cast<double>(at("1/bytes").integer) / (copies * 7168 * 2), 1, 1e-5);
  EXPECT_EQ(at("1/measured_s").real, 900e-6);
  const std::string dispatch = deepep(R"(["dispatch"])");
  expect_refused("a,b\n", dispatch, "/measured/0/deepep/table: expected a table with the columns");
  expect_refused(columns + "9,1,7168,4096,8,256,24,500,900\n", dispatch, "2 to 8 ranks");
  expect_refused(columns + "8,1,7168,4096,8,4,24,500,900\n", dispatch, "line 2");
  expect_refused(columns + "8,1,7168,4096,8,256,24,500\n", dispatch, "line 2");
  expect_refused(columns + "8,1,7168,4096,8,256,500,500,900\n", dispatch, "cores that the device");
  expect_refused(columns, dispatch, "expected rows that were not fitted");
  expect_refused(columns, R"(, "library": "deepep")", "/measured/0: missing key \"deepep\"");
  expect_refused(columns, dispatch + R"(, "fitted_every": 3)", "/fitted_every: no such key");
  table_ = "table.csv";
  expect_refused(columns, dispatch, "/measured/0/table: no such key");
  expect_refused(kColumns, R"(, "deepep": {"table": "table.csv", "kernels": ["dispatch"]})",
                 "/measured/0/deepep: no such key");
  table_ = "";
  expect_refused(columns, deepep(R"(["dispatches"])"), "did you mean \"dispatch\"?");
}

TEST_F(MeasuredTest, ATableThatIsNotThereIsADiskError) {
  table_ = "none.csv";
  const Outcome outcome = reproduce(kColumns);
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_NE(outcome.err.find("none.csv"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace orrery
