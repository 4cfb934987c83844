#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "models/nccl/reckoning.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {

/// NCCL's protocols, in the order of the arrays below.
inline constexpr std::array<const char*, 3> kNcclProtocols = {"LL", "LL128", "Simple"};
inline constexpr std::size_t kNcclSimple = 2;

/// How NCCL runs collectives over one kind of link, as fitted to measured times; one of the
/// "links" of hw/calibration/nccl.json. For a ring of k steps on n GPUs that moves b bytes over
/// each port, of a buffer of S bytes:
///
///   t = launch + min(S, ramp_bytes) / ramp_bytes · ramp + S/n / (copy · memory bandwidth)
///       + k · step + b / (efficiency · port), and with Simple min(b, fill.bytes) / (fill · port)
///
/// launch, step and efficiency are a protocol's (LL, LL128, Simple). `ramp` is the time it takes to
/// come to use all channels, `copy` the block of its own that a GPU moves at home, `fill` the
/// growth of chunks up to their full size. Of grouped sends and receives (all-to-all), one step:
///
///   t = ll_launch + peer · (n-1) + S/n / (copy · memory) + S/n / ll_rate
///                                                 up to point_to_point_ll a peer, else
///   t = launch + peer · (n-1) + S/n / (copy · memory) + b / (efficiency · port)
///       + min(b, fill.bytes) / (fill · port)
///
/// ll_rate is that of a peer's channel, whatever the port: the kernel's, who packs flags with data.
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
    double ll_rate = 0;  // bytes/s
    double efficiency = 0;
    double copy = 0;
    Fill fill;
  };
  struct Nvls {
    Duration launch;
    double efficiency = 0;
  };
  std::string device;      // that it was measured on; "" when it is assumed
  Protocol catalogue;      // what the catalogue says of that device and its link
  double tuning_port = 0;  // share of the port that NCCL reckons with, and with LL
  double tuning_ll = 0;
  std::array<Protocol, 3> protocols;
  // Share of a port that one channel carries with Simple, each way that it sends inside a node,
  // where it leaves nodes; none: its part of what all carry.
  std::optional<double> channel;
  Duration ramp;
  double copy = 0;
  Fill fill;
  PointToPoint p2p;
  std::optional<Nvls> nvls;
};

/// What NCCL itself reckons and decides with, the same for all links; "tuning" of the file, which
/// tools/fit_nccl reads too.
struct NcclTuning {
  struct Protocol {
    Duration launch;
    Duration step;     // from GPU to GPU inside a node
    Duration between;  // from node to node
    double wire = 1;   // bytes on a link for a byte of data: flags travel with it
    Bytes thread;      // of the buffer, that a thread of a channel must have to do
    Bytes chunk;       // of data, that follow each other along a chain
  };
  std::array<Protocol, 3> protocols;
  double ll128_share = 0;  // of what Simple reaches
  Bytes point_to_point_ll;
  Bytes ramp;
  int threads = 0;  // of a channel
  int ring_channels = 0;
  int nvls_channels = 0;
  int point_to_point_channels = 0;
  std::optional<NcclReckoning> between_nodes;  // none: as inside, a step of a protocol longer
};

struct NcclFits {
  NcclTuning tuning;
  std::map<std::string, NcclFit> links;  // by the name of the link
};
/// All of the file; mistakes go to the cursor's diagnostics.
NcclFits read_nccl_fits(JsonCursor cursor);

/// The fit of a link, else that of its nearest relative: later NVLinks take NVLink 4's, earlier
/// ones NVLink 3's, all that is no NVLink that of "pcie" (assumed).
const std::pair<const std::string, NcclFit>& nccl_fit_of(const NcclFits& fits,
                                                         const std::string& link);

/// Whether it, or a relative, was measured.
bool nccl_is_calibrated(const std::string& link);

}  // namespace orrery
