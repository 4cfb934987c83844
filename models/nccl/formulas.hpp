#pragma once

#include <functional>
#include <string>

#include "models/link/link_model.hpp"
#include "models/nccl/fits.hpp"
#include "models/nccl/work.hpp"

namespace orrery {

/// What fits are applied to.
struct NcclPlace {
  std::string link;   // inside a node
  double port = 0;    // bytes/s into a device inside its node, raw
  int links = 1;      // by which they come there
  double memory = 0;  // bytes/s of a device's memory, peak
  bool switch_adds = false;
  bool network_adds = false;             // so do the switches between the nodes
  double adapter = 0;                    // bytes/s of one adapter, for large transfers; 0: none
  int bonded = 1;                        // of these, that carry each message of a device together
  NcclGraphs graphs{};                   // of channels between nodes
  Duration between;                      // latency of a route between nodes
  const LinkModel* transport = nullptr;  // of messages between nodes, borrowed; null: it adds
                                         // nothing
  NcclFit::Protocol catalogue{};  // what the catalogue says of this device and link: figures of a
                                  // fit for another are scaled by the ratio
};

/// How a collective is to be simulated: the algorithm's own steps are its messages, everything else
/// is in the launch.
struct NcclPlan {
  std::size_t protocol = kNcclSimple;
  int channels = 0;
  int adapters = 0;      // of each node that it takes; 0: all
  double launch = 0;     // seconds before the first message
  double step = 0;       // seconds of latency of a message
  double share = 1;      // of a link's raw bandwidth inside a node
  double between = 1;    // bytes on a link between nodes for one of a message
  Bytes chunk;           // largest message of a chain; 0 for others
  double transfer = 0;   // seconds in which bytes flow
  double held_back = 0;  // seconds that the transport between nodes holds messages back
  double seconds = 0;  // by which algorithms are compared: in a node the whole, with nothing beside
                       // it; over nodes NCCL's own estimate, and held_back
  std::string why;     // this protocol
};

/// The formulas of NcclFit at a place.
class NcclFormulas {
 public:
  /// Borrows fits; it outlives this.
  NcclFormulas(const NcclFits& fits, const NcclPlace& place);

  /// What is done, with the chunk of a protocol.
  using WorkOf = std::function<NcclWork(Bytes chunk)>;
  /// Of a ring or tree. `protocol`: "ll", "ll128" or "simple"; "auto" chooses as NCCL does, by
  /// launch + steps · latency of a step + bytes / bandwidth of its own tables.
  NcclPlan ring(const CollectiveCall& call, const WorkOf& work, const std::string& protocol) const;
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
  double estimate(std::size_t protocol, const NcclWork& work, Bytes size) const;
  std::size_t choose(const WorkOf& work, Bytes size, std::string& why) const;
  int channels(Bytes size, int members, std::size_t protocol) const;
  int graph_channels(const NcclWork& work) const;
  double channel_share(std::size_t protocol, const NcclWork& work) const;
  NcclPlan finish(NcclPlan plan, const NcclWork& work) const;

  const NcclTuning* tuning_;
  NcclPlace place_;
  const NcclFit* fit_;
  const std::string* fitted_link_;
  Scale scale_;
};

}  // namespace orrery
