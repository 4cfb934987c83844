// calibrate: times the kernels on the GPU at hand and writes what hw/calibration is made from.

#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/calibrate/cuda.hpp"
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/report.hpp"

namespace orrery::kernels {

namespace {

constexpr int kUsageError = 2;
constexpr int kNoDevice = 77;  // CTest's and automake's word for a test that cannot run here

constexpr const char* kUsage = R"(usage: calibrate [OPTION]... [FAMILY]...
Times the kernels of the families (all, when none is named) on a GPU. Each kernel is first compared with a
reference computed in double precision; a family with a wrong result is not timed.
  --list           the families, a line each
  --check          compare only, time nothing
  --out DIR        write DIR/<family>.json (default: calibration)
  --seconds N      time for everything together (default: 540); cases that find no time left are counted
  --device N       CUDA device number (default: 0)
  --revision TEXT  git hash to write down (default: that of the build's configuration)
Exit codes: 0 done; 1 a result is wrong or CUDA failed; 2 wrong usage; 77 there is no GPU.
)";

struct Arguments {
  bool list = false;
  bool help = false;
  bool checks_only = false;
  std::filesystem::path out = "calibration";
  int seconds = 540;
  int device = 0;
  std::string revision = ORRERY_REVISION;
  std::vector<Family> families;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int whole_number(std::string_view option, std::string_view words) {
  int value = 0;
  const auto [end, error] = std::from_chars(words.data(), words.data() + words.size(), value);
  if (error != std::errc{} || end != words.data() + words.size() || value < 0) {
    throw UsageError(std::string(option) + ": expected a whole number, got \"" +
                     std::string(words) + "\"");
  }
  return value;
}

Family family_named(std::string_view name) {
  std::string known;
  for (const Family& family : builtin_families()) {
    if (family.name == name) {
      return family;
    }
    known += " " + family.name;
  }
  throw UsageError("no family is named \"" + std::string(name) + "\"; there are" + known);
}

Arguments parse(const std::vector<std::string_view>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const auto value = [&] {
      if (i + 1 == words.size()) throw UsageError(std::string(word) + ": its value is missing");
      return words[++i];
    };
    if (word == "--list") {
      arguments.list = true;
    } else if (word == "--help" || word == "-h") {
      arguments.help = true;
    } else if (word == "--check") {
      arguments.checks_only = true;
    } else if (word == "--out") {
      arguments.out = value();
    } else if (word == "--seconds") {
      arguments.seconds = whole_number(word, value());
    } else if (word == "--device") {
      arguments.device = whole_number(word, value());
    } else if (word == "--revision") {
      arguments.revision = value();
    } else if (word.starts_with("-")) {
      throw UsageError("unknown option \"" + std::string(word) + "\"");
    } else {
      arguments.families.push_back(family_named(word));
    }
  }
  if (arguments.families.empty()) {
    arguments.families = builtin_families();
  }
  return arguments;
}

/// Checks and times one family, and writes its file. Returns how many results were wrong.
int run_family(const Family& family, const Arguments& arguments,
               std::chrono::duration<double> budget) {
  std::fprintf(stderr, "%s: %s\n", family.name.c_str(), family.about.c_str());
  Session session(arguments.device, {.checks_only = arguments.checks_only, .budget = budget});
  Provenance provenance{.device = arguments.device,
                        .revision = arguments.revision,
                        .sm_clock_before_Hz = measured_sm_clock_Hz(),
                        .sm_clock_after_Hz = 0};
  family.run(session);
  provenance.sm_clock_after_Hz = measured_sm_clock_Hz();
  if (!arguments.checks_only && session.wrong() == 0) {
    write_report(arguments.out, family, session, provenance);
  }
  if (session.left_out() > 0) {
    std::fprintf(stderr, "%s: %d cases left out for want of time\n", family.name.c_str(),
                 session.left_out());
  }
  return session.wrong();
}

/// Runs the families, each with an equal share of the time that is left; one that fails does not
/// keep the others from theirs. Returns the exit code.
int run(const Arguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  int wrong = 0, failed = 0;
  for (std::size_t i = 0; i < arguments.families.size(); ++i) {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    const auto families_left = static_cast<double>(arguments.families.size() - i);
    try {
      wrong += run_family(arguments.families[i], arguments,
                          (std::chrono::seconds(arguments.seconds) - spent) / families_left);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", arguments.families[i].name.c_str(), error.what());
      ++failed;
    }
  }
  if (wrong + failed > 0) {
    std::fprintf(stderr, "calibrate: %d results are wrong, %d families failed\n", wrong, failed);
  }
  return wrong + failed > 0 ? 1 : 0;
}

int program(const std::vector<std::string_view>& words) {
  const Arguments arguments = parse(words);
  if (arguments.help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (arguments.list) {
    for (const Family& family : builtin_families()) {
      std::printf("%-20s %s\n", family.name.c_str(), family.about.c_str());
    }
    return 0;
  }
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    std::fprintf(stderr, "calibrate: no GPU here (cudaGetDeviceCount: %s), nothing is measured\n",
                 status == cudaSuccess ? "none" : cudaGetErrorString(status));
    return kNoDevice;
  }
  if (arguments.device >= devices) {
    throw UsageError("--device: expected less than " + std::to_string(devices) + ", got " +
                     std::to_string(arguments.device));
  }
  return run(arguments);
}

}  // namespace

}  // namespace orrery::kernels

int main(int count, char** words) {
  try {
    return orrery::kernels::program({words + 1, words + count});
  } catch (const orrery::kernels::UsageError& error) {
    std::fprintf(stderr, "calibrate: %s\n%s", error.what(), orrery::kernels::kUsage);
    return orrery::kernels::kUsageError;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "calibrate: %s\n", error.what());
    return 1;
  }
}
