#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/json_cursor.hpp"
#include "sim/base/registry.hpp"
#include "sim/graph/task_graph.hpp"

namespace orrery {

/// A figure about the work itself, whatever machine runs it; printed and stored as it is.
struct WorkloadFact {
  std::string key;  // ends in its unit when it has one: "parameters", "tokens_per_step"
  double value = 0;
  std::string about;  // one sentence that defines it
};

/// A time that the run shows: between the ends of two ops, each on its last rank.
struct TimedFigure {
  std::string key;  // "time_to_first_token_s"
  OpId from;        // none: the start of the run
  OpId to;
  std::int64_t parts = 1;  // the time is divided by these, say steps from one to the other
};

/// What a key-value cache takes, from which and from the devices' memory a run says what would fit.
/// Everything but static memory grows in proportion to the batch.
struct KvCacheDemand {
  LabelId category;             // of its memory in the graph
  Bytes per_token_on_rank;      // of one token of one sequence, on each rank
  Bytes per_token;              // on all ranks of a replica
  std::int64_t batch = 0;       // sequences of a replica
  std::int64_t batch_step = 1;  // which must divide the batch
};

/// What is asked, ready to run: the graph and what its results mean.
struct Job {
  TaskGraph graph;
  std::string headline = "step_time_s";        // what the makespan is called
  double tokens = 0;                           // processed per run; 0: no such notion
  double model_operations = 0;                 // what the model itself needs, all ranks; for MFU
  double model_operations_full_attention = 0;  // the same with attention counted as if not causal
  Precision precision = Precision::bf16;       // whose peak MFU is measured against
  bool pipelined = false;                      // ranks wait for other pipeline stages: a bubble
  std::vector<WorkloadFact> facts;
  std::vector<TimedFigure> timed_figures = {};
  std::optional<KvCacheDemand> kv_cache = {};
};

/// Parameters in, task graph out: pure, deterministic, without hardware.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual Job build() const = 0;
  /// All keys of the "workload" object but "kind" and "network", with what was left out at its
  /// default or as derived. Read in place of the original, they give an equal workload.
  virtual JsonValue resolved() const = 0;
};

/// What a workload may know of the cluster it is checked against.
struct WorkloadContext {
  std::int64_t devices = 0;
  std::uint64_t seed = 0;
  std::int64_t cores = 0;  // of a device, and its last-level cache: what kernels are written for
  Bytes cache{};
  bool trigger = false;       // whether devices have a track-and-trigger unit
  bool op_and_store = false;  // whether their memory adds
  bool host_memory = false;   // whether nodes have memory beside that of their devices
};

/// Reads all keys of the "workload" object but "kind" (the network is resolved in place); mistakes
/// go to the cursor's diagnostics, and then the result may be null.
using WorkloadFactory = std::unique_ptr<Workload> (*)(JsonCursor parameters,
                                                      const WorkloadContext& context);

Registry<WorkloadFactory> builtin_workloads();

}  // namespace orrery
