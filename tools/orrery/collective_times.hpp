#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hw/catalog.hpp"
#include "models/collective/collective.hpp"
#include "models/nccl/deepep.hpp"
#include "models/nccl/reckoning.hpp"
#include "tools/orrery/builtins.hpp"

namespace orrery {

/// One collective alone on the first ranks of a cluster.
struct CollectiveQuestion {
  CollectiveKind kind = CollectiveKind::all_reduce;
  std::string cluster;  // a cluster or a node of the catalogue, or a file
  int ranks = 0;        // 0: all
  std::string algorithm = "auto";
  std::string protocol = "auto";
  std::string library = "auto";  // one of collective_libraries(), "plain" or "predicted"; "auto":
                                 // nccl on devices of NVIDIA's, else predicted
  bool floats = true;            // what is reduced; switches add nothing else
  NcclGraphs graphs{};           // of NCCL between nodes
  DeepEpOptions deepep{};        // for the library of that name
};

/// What came of one size.
struct CollectiveTime {
  Bytes size;
  Duration time;
  std::string algorithm;
  std::string protocol;
  int channels = 0;  // cores of each member; 0: unknown
  std::string reason;
  std::string warning;  // of links that it leaves idle; "" where it does not
};

/// Times collectives as NCCL would run them (models/nccl/library.hpp), the way `orrery run` does:
/// each is a task graph of one op. Devices that do not run NCCL take the algorithm of least
/// predicted time, over links as the catalogue has them, unless a library is named. Ranks that are
/// alike are simulated once.
class CollectiveTimes {
 public:
  /// Throws ScenarioError for mistakes in the cluster, UsageError when it has fewer devices than
  /// ranks. `builtins` must outlive this.
  CollectiveTimes(CollectiveQuestion question, const Builtins& builtins, const Catalog& catalog);
  /// The same of a cluster that was read already.
  CollectiveTimes(CollectiveQuestion question, ClusterSpec cluster, const Builtins& builtins);
  ~CollectiveTimes();

  int ranks() const;
  /// Which one runs: that of the question, and never "auto".
  const std::string& library() const;
  /// Where its constants are from.
  std::string provenance() const;
  CollectiveTime time_of(Bytes size) const;
  /// Those of `orrery run` that do not depend on the size. Where the cluster was read already they
  /// lack that of assumed figures.
  std::vector<std::string> warnings() const;

 private:
  CollectiveTimes(CollectiveQuestion question, JsonValue resolved, const Builtins& builtins);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery
