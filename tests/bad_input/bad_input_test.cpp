// Every file of cases/ is wrong in its own way; cases.json says which lines each must get. All four
// promises are kept for each: exit code 2, every mistake in its own line and nothing beside them,
// an empty standard output, and not a file or folder written.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTimeout{20};
constexpr int kWrongInput = 2;
constexpr int kTimedOut = -1;
constexpr int kCannotStart = 127;
const std::string kFolder = ORRERY_SOURCE_DIR "/tests/bad_input/";

struct Case {
  std::string name;
  std::string file;
  std::vector<std::string> set;
  std::vector<std::string> says;
};

void PrintTo(const Case& bad, std::ostream* out) {
  *out << bad.file;
}

std::vector<std::string> strings(JsonCursor cursor) {
  std::vector<std::string> result;
  for (JsonCursor& item : cursor.items()) {
    result.push_back(item.as_string());
  }
  return result;
}

/// cases.json: [{"file", "name" (else the file's), "set" (of --set), "says", "about"}].
std::vector<Case> cases() {
  const JsonValue document = load_json(kFolder + "cases.json", "cases.json");
  Diagnostics diagnostics;
  std::vector<Case> result;
  for (JsonCursor& item : JsonCursor(document, diagnostics).items()) {
    Case bad{.file = item.at("file").as_string(), .set = {}, .says = strings(item.at("says"))};
    bad.name = fs::path(bad.file).stem();
    if (JsonCursor name = item.find("name"); name.present()) {
      bad.name = name.as_string();
    }
    bad.set = strings(item.find("set"));
    item.at("about").as_string();
    item.reject_unknown_keys();
    result.push_back(std::move(bad));
  }
  diagnostics.throw_if_any();
  return result;
}

struct Outcome {
  int exit_code = kCannotStart;  // 128 + the signal when one ended it, as in a shell
  std::string output;
  std::string errors;
};

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::set<std::string> files_below(const fs::path& folder) {
  std::set<std::string> result;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    result.insert(entry.path().string());
  }
  return result;
}

/// Only calls that are safe between fork and exec.
[[noreturn]] void become(char* const* words, const char* output, const char* errors) {
  const int out = open(output, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  const int err = open(errors, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (out >= 0 && err >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 &&
      chdir(ORRERY_SOURCE_DIR "/tests/bad_input/cases") == 0) {
    execv(ORRERY_PROGRAM, words);
  }
  _exit(kCannotStart);
}

int wait_for(pid_t child) {
  const Clock::time_point deadline = Clock::now() + kTimeout;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return kTimedOut;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class BadInput : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = test->name();
    name = name.substr(name.find('/') + 1);
    folder_ = fs::path(::testing::TempDir()) /
              ("orrery_bad_input_" + name + "_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "written");
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Starts the program inside cases/, with HOME and TMPDIR as they are.
  Outcome start(std::vector<std::string> words) const {
    words.insert(words.begin(), ORRERY_PROGRAM);
    std::vector<char*> pointers;
    for (std::string& word : words) {
      pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    const std::string output = (folder_ / "output").string();
    const std::string errors = (folder_ / "errors").string();
    const pid_t child = fork();
    if (child == 0) {
      become(pointers.data(), output.c_str(), errors.c_str());
    }
    Outcome outcome;
    outcome.exit_code = child < 0 ? kCannotStart : wait_for(child);
    outcome.output = text_of(output);
    outcome.errors = text_of(errors);
    return outcome;
  }

  void expect_refused(const std::string& command, std::vector<std::string> options) const {
    const Case& bad = GetParam();
    std::vector<std::string> words = {command, bad.file};
    for (const std::string& override_text : bad.set) {
      words.insert(words.end(), {"--set", override_text});
    }
    words.insert(words.end(), options.begin(), options.end());
    const std::set<std::string> before = files_below(kFolder);
    const Outcome outcome = start(words);
    SCOPED_TRACE("orrery " + command + " says:\n" + outcome.errors);
    EXPECT_EQ(outcome.exit_code, kWrongInput);
    EXPECT_EQ(outcome.output, "");
    expect_lines(outcome.errors, bad.says);
    EXPECT_EQ(files_below(kFolder), before);
    EXPECT_TRUE(fs::is_empty(folder_ / "written"));
  }

  /// As many lines as mistakes, and each in one of them: nothing is said twice, nothing follows
  /// from a mistake that was reported.
  static void expect_lines(const std::string& errors, const std::vector<std::string>& says) {
    ASSERT_FALSE(says.empty());
    for (const std::string& fragment : says) {
      EXPECT_NE(errors.find(fragment), std::string::npos) << "nobody says: " << fragment;
    }
    std::istringstream stream(errors);
    std::size_t lines = 0;
    for (std::string line; std::getline(stream, line); ++lines) {
      bool is_expected = false;
      for (const std::string& fragment : says) {
        is_expected = is_expected || line.find(fragment) != std::string::npos;
      }
      EXPECT_TRUE(is_expected) << "nobody asked for: " << line;
      EXPECT_EQ(line.find("internal error"), std::string::npos) << line;
    }
    EXPECT_EQ(lines, says.size());
  }

  fs::path folder_;
};

TEST_P(BadInput, IsRefusedByCheck) {
  expect_refused("check", {});
}

TEST_P(BadInput, IsRefusedByRunWhichWritesNothing) {
  expect_refused("run", {"--out", (folder_ / "written/out").string(), "--trace"});
}

INSTANTIATE_TEST_SUITE_P(Scenario, BadInput, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(BadInputCorpus, ListsEveryFile) {
  std::set<std::string> listed;
  for (const Case& bad : cases()) {
    listed.insert(bad.file);
  }
  for (const auto& entry : fs::directory_iterator(kFolder + "cases")) {
    if (entry.is_regular_file()) {
      EXPECT_EQ(listed.count(entry.path().filename()), 1U) << entry.path();
    }
  }
  EXPECT_GE(listed.size(), 60U);
}

}  // namespace
}  // namespace orrery
