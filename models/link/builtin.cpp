#include "models/link/builtin.hpp"

namespace orrery {

// In alphabetical order.
Registry<LinkFactory> builtin_links() {
  return {{"nvlink", make_nvlink, "NVLink: packets of flits"},
          {"pcie", make_pcie, "PCI Express: transaction layer packets, two directions that meet"},
          {"rdma", make_rdma, "InfiniBand and RoCE: rendezvous, message rate, queue pairs, incast"},
          {"tcp", make_tcp, "TCP over Ethernet: windows, loss, sockets, the host's processors"},
          {"wire", make_wire, "latency, bandwidth and an overhead for each message"}};
}

}  // namespace orrery
