#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/orrery/simulated_job.hpp"
#include "traces/run_trace.hpp"

namespace orrery {

/// What `orrery run --trace…` asks for.
struct TraceRequest {
  std::string format;       // "chrome", "perfetto", "csv"
  std::vector<Rank> ranks;  // of the job; empty: all
  Duration from{};
  Duration until = Duration::max();

  /// "trace.json", "trace.pftrace", "trace.csv".
  std::string file_name() const;
  /// Throws UsageError for a rank that a job of so many does not have.
  void check_ranks(Rank world_size) const;
};

void add_trace_options(boost::program_options::options_description& options);

/// Nothing without --trace. Throws UsageError.
std::optional<TraceRequest> trace_request(const boost::program_options::variables_map& values);

/// "0,8-15". Throws UsageError that names `option`.
std::vector<Rank> ranks_from(const std::string& text, const std::string& option);

/// Writes what is asked for; `run.selection` is made here. A rank that others stand for shows the
/// one that is simulated.
void write_run_trace(const std::string& path, const TraceRequest& request, RunTrace run,
                     const SimulatedJob& job);

}  // namespace orrery
