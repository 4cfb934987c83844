#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "models/collective/collective.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {

/// How NCCL runs collectives over one kind of link, as fitted to measured times; an entry of
/// hw/calibration/nccl.json. For a ring of k steps on n GPUs that moves b bytes over each port, of
/// a buffer of S bytes:
///
///   t = launch + min(S, 32 KiB) / 32 KiB · ramp + S/n / (copy · memory bandwidth)
///       + k · step + b / (efficiency · port), and with Simple min(b, fill.bytes) / (fill · port)
///
/// launch, step and efficiency are a protocol's (LL, LL128, Simple). `ramp` is the time it takes to
/// come to use all channels, `copy` the block of its own that a GPU moves at home, `fill` the
/// growth of chunks up to their full size. Of grouped sends and receives (all-to-all), one step:
///
///   t = ll_launch + peer · (n-1) + S/n / (copy · memory) + S/n / (ll_efficiency · port)
///                                                           up to 16 KiB a peer, else
///   t = launch + peer · (n-1) + S/n / (copy · memory) + b / (efficiency · port)
///       + min(b, fill.bytes) / (fill · port)
///
/// And where the switch adds (NVLS): t = launch + S (n+1)/n / (efficiency · port). The form of each
/// term is chosen by what NCCL does; its constants are fitted. Ports and memory are raw bandwidths.
struct NcclFit {
  struct Protocol {
    Duration launch;
    Duration step;
    double efficiency = 0;
  };
  struct Fill {
    Bytes bytes;
    double efficiency = 0;
  };
  struct PointToPoint {
    Duration ll_launch;
    Duration launch;
    Duration peer;
    double ll_efficiency = 0;
    double efficiency = 0;
    double copy = 0;
    Fill fill;
  };
  struct Nvls {
    Duration launch;
    double efficiency = 0;
  };
  std::string device;      // that it was measured on
  Protocol catalogue;      // what the catalogue says of that device and its link
  double tuning_port = 0;  // share of the port that NCCL reckons with, and with LL
  double tuning_ll = 0;
  std::array<Protocol, 3> protocols;  // LL, LL128, Simple
  Duration ramp;
  double copy = 0;
  Fill fill;
  PointToPoint p2p;
  std::optional<Nvls> nvls;
};

/// By the name of the link.
using NcclFits = std::map<std::string, NcclFit>;
NcclFits read_nccl_fits(JsonCursor cursor);

/// The fit of a link, else that of its nearest measured relative: NVLink 5 takes NVLink 4's, all
/// others NVLink 3's (assumed).
const NcclFits::value_type& nccl_fit_of(const NcclFits& fits, const std::string& link);

/// What a fit is applied to.
struct NcclPlace {
  using Protocol = NcclFit::Protocol;
  double port = 0;       // bytes/s into a member inside its node, raw
  double memory = 0;     // bytes/s of a device's memory, peak
  Protocol catalogue{};  // what the catalogue says of this device and link: figures of a fit for
                         // another are scaled by the ratio
};

/// How a collective is to be simulated: the ring's own steps are its messages, everything else is
/// in the launch.
struct NcclPlan {
  std::string protocol;   // "LL", "LL128", "Simple", "NVLS"
  Duration launch;        // before the first message
  Duration step;          // latency of a message
  double efficiency = 1;  // share of a link's raw bandwidth
  std::string reason;     // why this protocol
};

/// Protocol names as they are asked for: "ll", "ll128", "simple"; "" or "auto" chooses as NCCL
/// does, by latency + steps · latency of a step + bytes / bandwidth of its own table.
NcclPlan nccl_plan(const NcclFit& fit, const NcclPlace& place, const CollectiveCall& call,
                   int steps, const std::string& protocol);
/// Requires fit.nvls.
NcclPlan nvls_plan(const NcclFit& fit, const NcclPlace& place, const CollectiveCall& call);

}  // namespace orrery
