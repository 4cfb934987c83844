#pragma once

#include <memory>
#include <string>

#include "hw/spec.hpp"
#include "models/collective/library.hpp"
#include "models/fabric.hpp"
#include "models/nccl/formulas.hpp"

namespace orrery {

struct NcclOptions {
  std::string protocol = "auto";  // "ll", "ll128", "simple": for all but all-to-all
  bool floats = true;             // what is reduced; switches add nothing else
  bool nvls = true;               // whether switches may add
  NcclGraphs graphs{};            // of rings and trees between nodes
};

/// What a node has inside, for its fit; "" when it has one device.
std::string link_inside(const ClusterSpec& cluster, Fabric& fabric);

/// What a cluster has for these formulas: links that end in the first device, and the longest way
/// to it inside its node.
NcclPlace place_of(const ClusterSpec& cluster, Fabric& fabric);

/// NCCL on a cluster: for each collective its algorithm (that with the least predicted time of the
/// list in library.cpp) and its protocol (as NCCL itself chooses), with the launch, latency and
/// share of bandwidth that they were measured to have; see NcclFit. In a node the prediction is the
/// formula there. Over nodes, where nothing was fitted, it is what NCCL itself reckons, and what
/// the transport adds to each message that an adapter sends one after the other.
std::shared_ptr<const CollectiveLibrary> make_nccl(NcclFits fits, const ClusterSpec& cluster,
                                                   Fabric& fabric, const NcclOptions& options = {});

}  // namespace orrery
