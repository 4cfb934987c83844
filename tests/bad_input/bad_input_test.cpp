// Every file of cases/ is wrong in its own way; cases.json says which lines it must get. Each time:
// exit code 2, a line for every mistake and no other, an empty standard output, nothing written.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
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

constexpr int kWrongInput = 2;
constexpr int kCannotStart = 127;
constexpr const char* kCases = ORRERY_SOURCE_DIR "/tests/bad_input/cases";
constexpr const char* kList = ORRERY_SOURCE_DIR "/tests/bad_input/cases.json";

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

/// cases.json: [{"file", "name" (else the file's), "set" (of --set), "says", "about"}]. Files whose
/// names begin with "sweep_" are sweeps, the others scenarios.
std::vector<Case> cases() {
  const JsonValue document = load_json(kList, "cases.json");
  Diagnostics diagnostics;
  std::vector<Case> result;
  for (JsonCursor& item : JsonCursor(document, diagnostics).items()) {
    const std::string file = item.at("file").as_string();
    const std::string name = item.find("name").as_string();
    result.push_back({.name = name.empty() ? fs::path(file).stem().string() : name,
                      .file = file,
                      .set = strings(item.find("set")),
                      .says = strings(item.at("says"))});
    item.at("about").as_string();
    item.reject_unknown_keys();
  }
  diagnostics.throw_if_any();
  return result;
}

/// A folder of its own, with an empty one inside for what the program must not write.
struct Scratch {
  Scratch() {
    std::string name = (fs::path(::testing::TempDir()) / "orrery_bad_input_XXXXXX").string();
    ORRERY_CHECK(mkdtemp(name.data()) != nullptr, "no folder for the test");
    path = name;
    fs::create_directory(path / "written");
  }
  ~Scratch() { fs::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  fs::path path;
};

struct Outcome {
  int exit_code;  // 128 + the signal when one ended it, as in a shell
  std::string output;
  std::string errors;
};

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::ptrdiff_t entries_below(const fs::path& folder) {
  return std::distance(fs::recursive_directory_iterator(folder), {});
}

/// Only calls that are safe between fork and exec.
[[noreturn]] void become(char* const* words, const char* output, const char* errors) {
  const int out = open(output, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  const int err = open(errors, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 && chdir(kCases) == 0) {
    execv(ORRERY_PROGRAM, words);
  }
  _exit(kCannotStart);
}

int wait_for(pid_t child) {
  constexpr int kPatience = 10'000;  // of 2 ms
  int status = 0;
  for (int waited = 0; waitpid(child, &status, WNOHANG) == 0; ++waited) {
    if (waited == kPatience) {
      kill(child, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Runs the program inside cases/; its output passes through `folder`.
Outcome start(const fs::path& folder, std::vector<std::string> words) {
  words.insert(words.begin(), ORRERY_PROGRAM);
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  const fs::path output = folder / "output";
  const fs::path errors = folder / "errors";
  const pid_t child = fork();
  if (child == 0) {
    become(pointers.data(), output.c_str(), errors.c_str());
  }
  return {child < 0 ? kCannotStart : wait_for(child), text_of(output), text_of(errors)};
}

/// A line for each mistake and no other: nothing is said twice or follows from what is said.
void expect_lines(const std::string& errors, const std::vector<std::string>& says) {
  for (const std::string& fragment : says) {
    EXPECT_NE(errors.find(fragment), std::string::npos) << "nobody says: " << fragment;
  }
  std::istringstream stream(errors);
  std::size_t lines = 0;
  for (std::string line; std::getline(stream, line); ++lines) {
    EXPECT_EQ(line.find("internal error"), std::string::npos) << line;
    const auto is_in_line = [&](const auto& text) { return line.find(text) != std::string::npos; };
    EXPECT_TRUE(std::any_of(says.begin(), says.end(), is_in_line)) << "nobody asked for: " << line;
  }
  EXPECT_EQ(lines, says.size());
}

class BadInput : public ::testing::TestWithParam<Case> {};

TEST_P(BadInput, IsRefused) {
  const bool sweeps = GetParam().file.starts_with("sweep_");
  const std::vector<std::string> commands = sweeps ? std::vector<std::string>{"sweep", "search"}
                                                   : std::vector<std::string>{"check", "run"};
  for (const std::string& command : commands) {
    const Scratch scratch;
    std::vector<std::string> words = {command, GetParam().file};
    for (const std::string& override_text : GetParam().set) {
      words.insert(words.end(), {"--set", override_text});
    }
    if (command == "run") {
      words.insert(words.end(), {"--trace", "--out", (scratch.path / "written/out").string()});
    }
    if (sweeps) words.insert(words.end(), {"--out", (scratch.path / "written/out").string()});
    const std::ptrdiff_t before = entries_below(kCases);
    const Outcome outcome = start(scratch.path, words);
    SCOPED_TRACE("orrery " + command + " says:\n" + outcome.errors);
    EXPECT_EQ(outcome.exit_code, kWrongInput);
    EXPECT_EQ(outcome.output, "");
    expect_lines(outcome.errors, GetParam().says);
    EXPECT_EQ(entries_below(kCases), before);
    EXPECT_EQ(entries_below(scratch.path / "written"), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Scenario, BadInput, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

/// Else the overrides of the corpus would be refused for another reason than theirs.
TEST(BadInputFiles, OverridesSpoilAValidScenario) {
  const Scratch scratch;
  EXPECT_EQ(start(scratch.path, {"check", "parts/valid.json"}).exit_code, 0);
}

TEST(BadInputFiles, AreAllListed) {
  std::set<std::string> listed;
  for (const Case& bad : cases()) {
    listed.insert(bad.file);
  }
  for (const auto& entry : fs::directory_iterator(kCases)) {
    EXPECT_EQ(listed.count(entry.path().filename()), entry.is_directory() ? 0U : 1U) << entry;
  }
  EXPECT_GE(listed.size(), 60U);
}

}  // namespace
}  // namespace orrery
