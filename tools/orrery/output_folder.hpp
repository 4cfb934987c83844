#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "traces/atomic_file.hpp"

namespace orrery {

/// The folder of `--out`. It is made, and a file in it is begun, before anything is simulated, so
/// that a place that cannot be written is known at once; without finish() the folder that was made
/// goes again. Throws IoError.
class OutputFolder {
 public:
  explicit OutputFolder(std::string path);
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();

  /// The path of a file that this run writes.
  std::string path_for(std::string_view file);
  /// Writes result.json, the file that says that the folder is complete: call it last. Then the
  /// other files of an earlier run go, unless this run has written them anew.
  void finish(std::string_view result);

 private:
  std::string path_of(std::string_view file) const;
  void remove_what_was_made() const;
  void remove_what_is_old() const;

  std::string path_;
  std::string made_;  // the outermost folder that had to be made; "" for none
  std::set<std::string, std::less<>> written_;  // files of this run
  std::unique_ptr<AtomicFile> result_;
  bool finished_ = false;
};

/// Writes one whole file atomically.
void write_file(const std::string& path, std::string_view text);

}  // namespace orrery
