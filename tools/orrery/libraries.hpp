#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hw/catalog.hpp"
#include "models/collective/collective_calls.hpp"
#include "models/nccl/deepep.hpp"
#include "models/nccl/library.hpp"
#include "tools/orrery/data_folders.hpp"

namespace orrery {

/// "nccl", "nccl_older": with the constants of an older version and its choices between nodes, and
/// "vllm": its custom all-reduce where that applies, and "deepep": its all-to-alls of experts; NCCL
/// for everything else.
const std::vector<std::string>& collective_libraries();

/// Whether an algorithm runs by NCCL's Simple protocol alone.
bool has_one_protocol(const std::string& algorithm);

/// One of them on a cluster, with the shipped constants. `deepep`: for the library of that name.
/// Throws IoError, or ScenarioError for mistakes in their files.
std::shared_ptr<const CollectiveLibrary> make_library(const std::string& name,
                                                      const ClusterSpec& cluster, Fabric& fabric,
                                                      const NcclOptions& options,
                                                      const DataFolders& folders,
                                                      const DeepEpOptions& deepep = {});

/// Why it cannot run there; "" when it can.
std::string library_refusal(const std::string& name, const ClusterSpec& cluster, Fabric& fabric);

/// What is wrong with the cores that these kernels are told to take; "" when nothing is.
std::string deepep_cores_refusal(const DeepEpOptions& deepep, const DeviceSpec& device);

/// Reads "library", "protocol", "graphs", "deepep" and "cores" of a scenario's "collectives" into
/// `choice`, and adds the files that this took to `sources`. "auto" is NCCL where it, or a near
/// relative, was measured over the links inside the nodes, else "predicted": none, and the
/// algorithm of least predicted time; "plain" is none, and the first algorithm of its kind.
/// `fabric`: null where the cluster has mistakes.
void read_library(JsonCursor& collectives, const ClusterSpec& cluster, Fabric* fabric,
                  CollectiveChoice& choice, std::vector<Catalog::SourceFile>& sources);

}  // namespace orrery
