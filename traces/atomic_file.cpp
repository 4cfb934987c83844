#include "traces/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

/// Makes a rename durable. Not every file system can sync a folder; the file itself is safe then.
void sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

}  // namespace

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)), temporary_(path_ + ".tmp" + std::to_string(::getpid())) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    fail("create");
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::write(std::string_view text) {
  ORRERY_CHECK(descriptor_ >= 0, "nothing is written to a file that was committed");
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) {
    flush();
  }
}

void AtomicFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      fail("write");
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  if (::fsync(descriptor_) != 0) {
    fail("sync");
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail("rename");
  }
  ::close(std::exchange(descriptor_, -1));
  sync_folder_of(path_);
}

void AtomicFile::fail(const char* doing) const {
  throw IoError("cannot " + std::string(doing) + " " + path_ + ": " + std::strerror(errno));
}

}  // namespace orrery
