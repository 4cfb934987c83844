#include "tools/orrery/output_folder.hpp"

#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

/// What a run and its report may write beside result.json.
constexpr std::array<std::string_view, 5> kOtherFiles = {"run.json", "trace.json", "trace.pftrace",
                                                         "trace.csv", "report.html"};

/// The first folder on the way to `path` that is not there.
fs::path first_missing(const fs::path& path) {
  fs::path walked;
  std::error_code error;
  for (const fs::path& part : path) {
    walked /= part;
    if (!fs::exists(walked, error)) {
      return walked;
    }
  }
  return {};
}

}  // namespace

OutputFolder::OutputFolder(std::string path) : path_(std::move(path)) {
  made_ = first_missing(path_).string();
  std::error_code error;
  fs::create_directories(path_, error);
  if (error || !fs::is_directory(path_)) {
    throw IoError("cannot create the folder " + path_ + ": " +
                  (error ? error.message() : "a file stands there"));
  }
  try {
    result_ = std::make_unique<AtomicFile>(path_of("result.json"));
  } catch (...) {
    remove_what_was_made();
    throw;
  }
}

OutputFolder::~OutputFolder() {
  if (!finished_) {
    result_.reset();
    remove_what_was_made();
  }
}

/// Folders that are not empty stay.
void OutputFolder::remove_what_was_made() const {
  std::error_code error;
  for (fs::path folder = path_; !made_.empty() && fs::remove(folder, error);
       folder = folder.parent_path()) {
    if (folder == fs::path(made_)) {
      break;
    }
  }
}

/// Of a folder that happens to have such a name nothing is removed.
void OutputFolder::remove_what_is_old() const {
  for (const std::string_view file : kOtherFiles) {
    std::error_code error;
    const std::string path = path_of(file);
    if (written_.contains(file) || fs::is_directory(fs::symlink_status(path, error))) {
      continue;
    }
    fs::remove(path, error);
    if (error) {
      throw IoError("cannot remove " + path + " of an earlier run: " + error.message());
    }
  }
}

std::string OutputFolder::path_for(std::string_view file) {
  written_.emplace(file);
  return path_of(file);
}

std::string OutputFolder::path_of(std::string_view file) const {
  return (fs::path(path_) / file).string();
}

void OutputFolder::finish(std::string_view result) {
  result_->write(result);
  result_->commit();
  finished_ = true;
  remove_what_is_old();
}

void write_file(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace orrery
