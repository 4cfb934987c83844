#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace orrery {

/// What is left of a port into which so many adapters send: what two of them leave of it is left
/// again by each doubling of their number. Fitted to all-to-alls among one, three and seven nodes
/// beside a receiver's (hw/catalog/clusters/a100_40gb_ib_400g.json), no more than that.
double incast_share(double efficiency, std::size_t senders);

/// Which ports several adapters send into at once.
class IncastPorts {
 public:
  explicit IncastPorts(std::size_t ports) : sources_(ports) {}

  /// A message from adapter `source` into `port` begins, or ends. True when the port has come to
  /// receive from more of them, or from fewer.
  bool begins(int port, int source);
  bool ends(int port, int source);
  /// How many adapters send into the port.
  std::size_t senders(int port) const { return sources_[static_cast<std::size_t>(port)].size(); }

 private:
  using Sources = std::vector<std::pair<int, int>>;  // adapter, its messages on the way
  std::vector<Sources> sources_;                     // by port
};

}  // namespace orrery
