#pragma once

#include <map>
#include <memory>
#include <string>

#include "models/collective/library.hpp"
#include "models/nccl/library.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {

/// vLLM's custom all-reduce (csrc/custom_all_reduce.cuh) over one kind of link, as fitted to
/// measured times; one of the "links" of hw/calibration/custom_all_reduce.json. Of a buffer of S
/// bytes on n GPUs, in one shot and in two:
///
///   t = one.launch + n · one.member + (n-1) S / (one.efficiency · port)
///   t = two.launch + n · two.member + 2 (n-1)/n S / (two.efficiency · port)
///
/// `member` is for the flags by which GPUs wait for each other. Two GPUs always take one shot;
/// up to four do below `one_shot_4`, up to eight below `one_shot_8`.
struct CustomAllReduceFit {
  std::string device;  // that it was measured on
  struct Shots {
    Duration launch;
    Duration member;
    double efficiency = 0;
  };
  Shots one;
  Shots two;
};

struct CustomAllReduceFits {
  Bytes largest;  // from here on NCCL runs
  Bytes one_shot_4;
  Bytes one_shot_8;
  int cores = 0;  // thread blocks of the kernel
  std::map<std::string, CustomAllReduceFit> links;
};
/// All of the file; mistakes go to the cursor's diagnostics.
CustomAllReduceFits read_custom_all_reduce_fits(JsonCursor cursor);

/// It where it applies: all-reduces below `largest` among two to eight members of a node whose
/// link, or its neighbour's, was measured; `nccl` for everything else. Requires an NVLink.
std::shared_ptr<const CollectiveLibrary> make_custom_all_reduce(
    CustomAllReduceFits fits, const ClusterSpec& cluster, Fabric& fabric,
    std::shared_ptr<const CollectiveLibrary> nccl);

}  // namespace orrery
