#pragma once

#include <string>

#include "models/collective/collective.hpp"
#include "models/nccl/fits.hpp"

namespace orrery {

/// What fits are applied to.
struct NcclPlace {
  std::string link;   // inside a node
  double port = 0;    // bytes/s into a device inside its node, raw
  double memory = 0;  // bytes/s of a device's memory, peak
  int cores = 0;      // of a device
  bool switch_adds = false;
  double adapter = 0;             // bytes/s of one adapter, for large transfers; 0: none
  Duration between;               // latency of a route between nodes
  NcclFit::Protocol catalogue{};  // what the catalogue says of this device and link: figures of a
                                  // fit for another are scaled by the ratio
};

/// What an algorithm does for a call, as far as its time depends on it.
struct NcclWork {
  int steps = 0;          // one after the other, inside nodes
  int steps_between = 0;  // and between nodes
  double moved = 0;       // bytes that each member receives
  double port = 0;        // of these, over links inside nodes, of the busiest member
  double adapter = 0;     // bytes through the busiest adapter
};

/// How a collective is to be simulated: the algorithm's own steps are its messages, everything else
/// is in the launch.
struct NcclPlan {
  std::size_t protocol = kNcclSimple;
  int channels = 0;
  double launch = 0;    // seconds before the first message
  double step = 0;      // seconds of latency of a message
  double share = 1;     // of a link's raw bandwidth inside a node
  double between = 1;   // bytes on a link between nodes for one of a message
  double transfer = 0;  // seconds in which bytes flow, of `seconds`
  double seconds = 0;   // the whole, with nothing beside it
  std::string why;      // this protocol
};

/// The formulas of NcclFit at a place.
class NcclFormulas {
 public:
  /// Borrows fits; it outlives this.
  NcclFormulas(const NcclFits& fits, const NcclPlace& place);

  /// Of a ring or tree. `protocol`: "ll", "ll128" or "simple"; "auto" chooses as NCCL does, by
  /// launch + steps · latency of a step + bytes / bandwidth of its own tables.
  NcclPlan ring(const CollectiveCall& call, const NcclWork& work,
                const std::string& protocol) const;
  NcclPlan point_to_point(const CollectiveCall& call, const NcclWork& work) const;
  /// Requires that the fit has it.
  NcclPlan nvls(const CollectiveCall& call) const;

  const NcclFit& fit() const { return *fit_; }
  const std::string& fitted_link() const { return *fitted_link_; }

 private:
  /// How much longer, or better, than where the fit was measured.
  struct Scale {
    double launch = 1;
    double step = 1;
    double efficiency = 1;
  };
  std::size_t choose(const NcclWork& work, std::string& why) const;
  int channels(Bytes size, int members, std::size_t protocol) const;
  NcclPlan finish(NcclPlan plan, const NcclWork& work) const;

  const NcclTuning* tuning_;
  NcclPlace place_;
  const NcclFit* fit_;
  const std::string* fitted_link_;
  Scale scale_;
};

}  // namespace orrery
