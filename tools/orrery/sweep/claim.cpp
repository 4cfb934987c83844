#include "tools/orrery/sweep/claim.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "tools/orrery/command_line.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

constexpr std::time_t kSilence = 120;  // seconds

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// When the process started, in the kernel's ticks: a number is used again, this is not. Field 22
/// of /proc/PID/stat, proc(5); "" when there is none.
std::string start_of(const std::string& process) {
  std::ifstream stream("/proc/" + process + "/stat");
  std::string text;
  std::getline(stream, text);
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return fields ? field : "";
}

struct Holder {
  std::string host, process, start;
};

Holder read_holder(const fs::path& path) {
  std::ifstream stream(path);
  Holder holder;
  stream >> holder.host >> holder.process >> holder.start;
  return holder;
}

/// By the clock of the file system, which other hosts share: that of a file written now.
bool is_silent(const fs::path& path) {
  struct stat claim {};
  struct stat now {};
  const fs::path probe = path.parent_path() / (".clock" + std::to_string(::getpid()));
  std::ofstream(probe) << "now";
  const bool known = ::stat(path.c_str(), &claim) == 0 && ::stat(probe.c_str(), &now) == 0;
  std::error_code error;
  fs::remove(probe, error);
  return known && now.st_mtime - claim.st_mtime > kSilence;
}

bool is_alive(const fs::path& path) {
  const Holder holder = read_holder(path);
  if (holder.start.empty()) return !is_silent(path);  // it is being written, or was never finished
  if (holder.host != host_name()) return !is_silent(path);
  return start_of(holder.process) == holder.start;
}

/// Parts of one division do not touch one another.
bool overlap(const std::string& a, const std::string& b) {
  const auto parts = [](const std::string& name) { return name.substr(name.find("_of_") + 1); };
  if (a == "all" || b == "all" || a == b) return true;
  return parts(a) != parts(b);
}

}  // namespace

Claim::Claim(std::string folder, std::string name) {
  const fs::path claims = fs::path(folder) / "claims";
  std::error_code error;
  fs::create_directories(claims, error);
  for (const auto& entry : fs::directory_iterator(claims, error)) {
    const std::string other = entry.path().filename().string();
    if (other.starts_with(".") || !overlap(name, other)) continue;
    if (!is_alive(entry.path())) {
      fs::remove(entry.path(), error);
      continue;
    }
    const Holder holder = read_holder(entry.path());
    throw UsageError("another `orrery sweep` works on " + folder + " (process " + holder.process +
                     " on " + holder.host +
                     "); wait for it, or give this one another folder with --out");
  }
  const std::string path = (claims / name).string();
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0 && errno == EEXIST) {
    throw UsageError("another `orrery sweep` has just begun on " + folder);
  }
  const std::string process = std::to_string(::getpid());
  const std::string text = host_name() + " " + process + " " + start_of(process) + "\n";
  if (file < 0 || ::write(file, text.data(), text.size()) < 0) {
    throw IoError("cannot write " + path + ": " + std::strerror(errno));
  }
  ::close(file);
  path_ = path;
}

Claim::~Claim() {
  ::unlink(path_.c_str());
}

void Claim::touch() const {
  ::utimensat(AT_FDCWD, path_.c_str(), nullptr, 0);
}

}  // namespace orrery
