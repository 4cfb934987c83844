#include "traces/trace_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include "sim/base/errors.hpp"
#include "traces/trace_error.hpp"

#ifdef ORRERY_HAS_ZLIB
#include <zlib.h>
#endif

namespace orrery {
namespace {

std::string whole_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  if (stream) content << stream.rdbuf();
  // An empty file sets failbit of `content` alone.
  if (!stream || stream.bad()) {
    throw IoError("cannot read " + path + ": " + std::strerror(errno != 0 ? errno : EIO));
  }
  return std::move(content).str();
}

bool is_gzip(const std::string& bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

#ifdef ORRERY_HAS_ZLIB
constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::size_t kMaximumBytes = std::size_t{16} << 30;
constexpr int kGzipWindow = 15 + 16;  // zlib.h: 16 more for gzip instead of zlib

class Inflater {
 public:
  explicit Inflater(const std::string& path) : path_(&path) {
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) throw IoError("zlib does not start");
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  std::string unpack(std::string& packed) {
    std::string text;
    std::size_t read = 0;
    for (int status = Z_OK; status != Z_STREAM_END || read < packed.size();) {
      if (status == Z_STREAM_END) inflateReset(&stream_);  // another member follows
      const std::size_t part = std::min(packed.size() - read, kPiece);
      stream_.next_in = reinterpret_cast<Bytef*>(packed.data() + read);
      stream_.avail_in = static_cast<uInt>(part);
      status = unpack_piece(text);
      read += part - stream_.avail_in;
      if (status != Z_OK && status != Z_STREAM_END) {
        throw TraceError(*path_, read,
                         std::string("broken gzip: ") +
                             (stream_.msg != nullptr ? stream_.msg : "the file is cut off"));
      }
    }
    return text;
  }

 private:
  int unpack_piece(std::string& text) {
    const std::size_t before = text.size();
    if (before > kMaximumBytes) throw TraceError(*path_ + ": holds more than 16 GiB");
    text.resize(before + kPiece);
    stream_.next_out = reinterpret_cast<Bytef*>(text.data() + before);
    stream_.avail_out = static_cast<uInt>(kPiece);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    text.resize(before + kPiece - stream_.avail_out);
    return status;
  }

  const std::string* path_;
  z_stream stream_{};
};
#endif

}  // namespace

std::string read_trace_file(const std::string& path) {
  std::string bytes = whole_file(path);
  if (!is_gzip(bytes)) return bytes;
#ifdef ORRERY_HAS_ZLIB
  return Inflater(path).unpack(bytes);
#else
  throw TraceError(path + ": is packed by gzip, and this orrery was built without zlib");
#endif
}

std::string gzip(const std::string& text) {
#ifdef ORRERY_HAS_ZLIB
  z_stream stream{};
  constexpr int kLevel = 6;
  constexpr int kMemory = 8;  // zlib's defaults; the header that they write holds no time
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw IoError("zlib does not start");
  }
  ORRERY_CHECK(text.size() < std::numeric_limits<uInt>::max(), "a text is too long to be packed");
  std::string source = text;
  std::string packed(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(source.data());
  stream.avail_in = static_cast<uInt>(source.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  ORRERY_CHECK(status == Z_STREAM_END, "zlib has no room in what it asked for");
  return packed;
#else
  static_cast<void>(text);
  throw TraceError("gzip is not to be had: this orrery was built without zlib");
#endif
}

}  // namespace orrery
