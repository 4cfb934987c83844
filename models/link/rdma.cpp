// Remote direct memory access over InfiniBand or RoCE: adapters move memory by queue pairs, without
// the host's processors.
//
//   efficiency       MTU / (MTU + header) for large messages (InfiniBand Architecture
//   Specification,
//                    volume 1, chapter 5; annex A17 for RoCE v2)
//   message rate     a port begins and ends so many messages a second, whatever their size
//   rendezvous       from the threshold on, a message asks first and gets the place for it: one
//                    round trip before the first byte (Liu, Wu and Panda 2004, High performance
//                    RDMA-based MPI implementation over InfiniBand, IJPP 32(3), section 3)
//   registration     memory that is not registered yet is pinned and told to the adapter first:
//                    latency + bytes / bandwidth (Mietke et al. 2006, Analysis of the memory
//                    registration process in the Mellanox InfiniBand software stack, Euro-Par)
//   queue pair       set up before the first message from a device to another
//   duplex           of an adapter whose way to memory both directions share (its slot, or a
//   virtual
//                    machine's): both carry together that share of both rates; 1 unless it is given
//   incast           when several adapters send into one port at once, priority flow control and
//                    DCQCN (Zhu et al. 2015, Congestion control for large-scale RDMA deployments,
//                    SIGCOMM) keep its queue short and lose a part of its rate: a share, given
//
// Left out: head-of-line blocking behind a paused port, and how long DCQCN takes to settle.
#include "models/link/builtin.hpp"

namespace orrery {
namespace {

class Rdma final : public LinkModel {
 public:
  using LinkModel::LinkModel;

  LinkTraits traits() const override {
    LinkTraits traits = LinkModel::traits();
    traits.duplex = facts().duplex;
    if (!facts().rdma) return traits;
    const RdmaFacts& rdma = *facts().rdma;
    traits.has_terms = traits.has_terms || rdma.rendezvous_threshold || rdma.registration ||
                       rdma.queue_pair_setup > Duration(0);
    traits.remembers_pairs = rdma.queue_pair_setup > Duration(0);
    traits.message_rate = rdma.message_rate;
    traits.incast_efficiency = rdma.incast_efficiency;
    return traits;
  }

  TransportTerms terms(const MessageSite& site) const override {
    TransportTerms terms = LinkModel::terms(site);
    if (!facts().rdma) return terms;
    const RdmaFacts& rdma = *facts().rdma;
    if (site.is_first) terms.head += rdma.queue_pair_setup;
    if (rdma.registration) {
      terms.head += rdma.registration->latency;
      terms.head += transfer_time(site.bytes, rdma.registration->bandwidth);
    }
    if (rdma.rendezvous_threshold && site.bytes >= *rdma.rendezvous_threshold) {
      terms.head += site.round_trip;
    }
    return terms;
  }
};

}  // namespace

std::unique_ptr<LinkModel> make_rdma(const LinkSpec& spec) {
  return std::make_unique<Rdma>(spec);
}

}  // namespace orrery
