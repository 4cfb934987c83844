#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

/// What orrery-simgrid reads and writes: a platform and independent activities on it, as JSON.
///
///   { "orrery_simgrid": 1,
///     "links": [ { "bytes_per_s": 1e9, "latency_s": 1e-6 }, … ],
///     "hosts": [ { "flops_per_s": 1e12 }, … ],
///     "transfers": [ { "links": [0, 3], "bytes": 1000000, "start_s": 0.5,
///                      "bound_bytes_per_s": 2e8 }, … ],
///     "computes": [ { "host": 0, "flops": 1e9, "start_s": 0, "bound_flops_per_s": 5e11 }, … ] }
///
/// A transfer holds a share of every link it names, each once. It waits for their latencies first,
/// and where it has any, its share weighs the inverse of their sum: so does CM02. A compute
/// holds a share of its host's only core. "bound_…" caps the rate and may be left out, as may a
/// latency (0) and a list. The answer is { "completion_s": […] }: the transfers in order, then the
/// computes.
namespace orrery::simgrid_program {

/// Cap of an activity that has none.
inline constexpr double kNoBound = std::numeric_limits<double>::infinity();

struct Transfer {
  std::vector<std::size_t> links;  // at least one, none twice
  std::uint64_t bytes = 0;         // SimGrid counts whole bytes
  double start_s = 0;
  double bound_bytes_per_s = kNoBound;
};

struct Compute {
  std::size_t host = 0;
  double flops = 0;
  double start_s = 0;
  double bound_flops_per_s = kNoBound;
};

struct Input {
  std::vector<double> links_bytes_per_s;
  std::vector<double> links_latency_s;  // of as many, or none: 0
  std::vector<double> hosts_flops_per_s;
  std::vector<Transfer> transfers;
  std::vector<Compute> computes;
};

/// Throws IoError when the file cannot be read and ScenarioError with all its mistakes.
Input read_input(const std::string& path);
/// The answer, one line of JSON.
std::string answer_text(const std::vector<double>& completion_s);

}  // namespace orrery::simgrid_program
