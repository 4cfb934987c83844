#pragma once

#include <string>

namespace orrery {

/// Says to others that somebody works on a sweep's folder, so that a second program there stops
/// with a clear message. It is a courtesy and no lock: results are written so that two programs at
/// once do no harm (SweepFolder), so that nothing is lost where a claim cannot be trusted.
///
/// A file claims/NAME, made with O_EXCL (NFS since version 3 does this right), with the host, the
/// process and its start. It is void when that process of this host is gone, or, from another host,
/// when nobody has touched it for two minutes by the clock of the file system.
class Claim {
 public:
  /// `name`: "all" or "2_of_8". Throws UsageError when a live claim overlaps: the same, or "all"
  /// with any other, or parts of different divisions.
  Claim(std::string folder, std::string name);
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim();  // withdraws it

  /// Call more often than every two minutes.
  void touch() const;

 private:
  std::string path_;
};

}  // namespace orrery
