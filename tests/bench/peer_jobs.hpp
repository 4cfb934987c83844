#pragma once

#include <functional>
#include <map>
#include <string>

#include "hw/spec.hpp"
#include "sim/graph/task_graph.hpp"

namespace orrery::jobs {

struct Job {
  ClusterSpec cluster;
  TaskGraph graph;
  Bytes chunk{};  // largest message of a collective
};
using JobMaker = std::function<Job()>;

/// Devices on one crossbar, or with another kind of fabric, whose memory and math are so fast that
/// only links and computes take time.
ClusterSpec star(int devices, std::int64_t hop_picoseconds, const std::string& kind = "crossbar");
/// Of all ranks, on one stream.
Op collective(TaskGraph& graph, CollectiveKind kind, Bytes size);

/// The jobs of which times of ASTRA-sim 2.0 are known (see compare): collectives in as many chunks
/// as it had, and a graph like that of a language model in training.
std::map<std::string, JobMaker> peer_jobs();

}  // namespace orrery::jobs
