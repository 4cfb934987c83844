#pragma once

#include <string>
#include <string_view>

namespace orrery {

/// A file that appears whole or not at all: it is written under a temporary name in the same
/// folder, synced, and renamed by commit(). Without commit() nothing is left behind. Every failure
/// throws IoError with the path and the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::string_view text);
  /// Replaces what stood at the path. At most once; nothing may be written afterwards.
  void commit();

 private:
  void flush();
  [[noreturn]] void fail(const char* doing) const;

  std::string path_;
  std::string temporary_;
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace orrery
