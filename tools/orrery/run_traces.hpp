#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/orrery/load_log.hpp"
#include "tools/orrery/run.hpp"
#include "tools/orrery/simulated_job.hpp"
#include "traces/perfetto_recorder.hpp"

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

/// Writes the trace of one run: in Perfetto's format while it runs, in others when it is over. A
/// rank that others stand for shows the one that is simulated.
class RunTracer {
 public:
  /// `job` must outlive this. Throws IoError.
  RunTracer(std::string path, TraceRequest request, const SimulatedJob& job);

  /// Must see the run.
  Observer& observer();
  LoadLog& load() { return load_; }
  /// The file is there then; without it there is none.
  void finish(const Run& run);

 private:
  RunTrace described() const;

  std::string path_;
  TraceRequest request_;
  const SimulatedJob* job_;
  MemoryLog memory_;
  LoadLog load_;
  std::optional<PerfettoRecorder> recorder_;
};

}  // namespace orrery
