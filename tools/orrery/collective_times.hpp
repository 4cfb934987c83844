#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hw/catalog.hpp"
#include "models/nccl.hpp"
#include "tools/orrery/builtins.hpp"

namespace orrery {

/// One collective alone on the first ranks of a cluster.
struct CollectiveQuestion {
  CollectiveKind kind = CollectiveKind::all_reduce;
  std::string cluster;  // a cluster or a node of the catalogue, or a file
  int ranks = 0;        // 0: all
  std::string algorithm = "auto";
  std::string protocol = "auto";
  bool floats = true;  // what is reduced; switches add nothing else
};

/// What came of one size.
struct CollectiveTime {
  Bytes size;
  Duration time;
  std::string algorithm;
  std::string protocol;
  std::string reason;
};

/// Times collectives as NCCL would run them: its choice of algorithm and protocol, and what
/// hw/calibration says of the links inside the nodes; links between nodes are the catalogue's.
class CollectiveTimes {
 public:
  /// Throws ScenarioError for mistakes in the cluster, UsageError when it has fewer devices than
  /// ranks. `builtins` must outlive this.
  CollectiveTimes(CollectiveQuestion question, const Builtins& builtins, const Catalog& catalog,
                  NcclFits fits);
  ~CollectiveTimes();

  int ranks() const;
  /// Where the constants are from: "nvlink4, measured on h100_sxm".
  std::string provenance() const;
  CollectiveTime time_of(Bytes size) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery
