// PCI Express moves transaction layer packets (TLP). A TLP of up to max_payload P brings H = 20 to
// 28 B: framing or start 4 (2 sequence number and 2 start), header 12 or 16, LCRC 4, optional ECRC
// 4 (PCI Express Base Specification 5.0, sections 2.1, 2.2.1 and 3.4.1), so that P / (P + H) of the
// rate after line coding is left.
//
// The two directions have lanes of their own, yet requests, completions and flow control credits of
// one travel on the other: "duplex" is the share of both directions' capacity that both reach when
// both are busy. They share 2 · duplex · capacity, and each alone has its own capacity. How much it
// is depends on root complex and endpoints (Neugebauer et al. 2018, Understanding PCIe performance
// for end host networking, SIGCOMM, section 3 and 6); left out (1) unless it is given.
#include "models/link/builtin.hpp"

namespace orrery {
namespace {

class Pcie final : public LinkModel {
 public:
  using LinkModel::LinkModel;

  LinkTraits traits() const override {
    LinkTraits traits = LinkModel::traits();
    traits.duplex = facts().duplex;
    return traits;
  }
};

}  // namespace

std::unique_ptr<LinkModel> make_pcie(const LinkSpec& spec) {
  return std::make_unique<Pcie>(spec);
}

}  // namespace orrery
