#pragma once

#include <simgrid/kernel/routing/NetZoneImpl.hpp>
#include <simgrid/s4u.hpp>

#include <span>
#include <string>
#include <vector>

namespace orrery::simgrid_program {

/// Links between two hosts, and for every communication the route that it is to take. SimGrid asks
/// for routes of pairs of hosts, of which n devices have n²; here it asks when a communication
/// starts, and is told what set_route said before. A link that is named k times carries k times the
/// bytes.
class LinkZone final : public simgrid::kernel::routing::NetZoneImpl {
 public:
  using Policy = simgrid::s4u::Link::SharingPolicy;

  /// SimGrid owns every zone, as it does hosts and links.
  static LinkZone& create() { return *new LinkZone; }

  /// Numbers them from 0. Before seal.
  std::size_t add_link(double bytes_per_s, Policy policy) {
    links_.push_back(get_iface()
                         ->create_link(std::to_string(links_.size()), bytes_per_s)
                         ->set_latency(0)
                         ->set_sharing_policy(policy)
                         ->seal());
    return links_.size() - 1;
  }
  void seal() {
    constexpr double kUnused = 1e9;  // speed: nothing runs on them
    source_ = get_iface()->create_host("source", kUnused)->seal();
    target_ = get_iface()->create_host("target", kUnused)->seal();
    get_iface()->seal();
    for (simgrid::s4u::Link* link : links_) {
      impls_.push_back(get_link_list_impl({simgrid::s4u::LinkInRoute(link)}, false).front());
    }
  }

  simgrid::s4u::Link& link(std::size_t index) { return *links_[index]; }
  /// Of the communications that start until the next call.
  void set_route(std::span<const std::size_t> links, double latency_s) {
    route_.clear();
    for (const std::size_t link : links) route_.push_back(impls_[link]);
    latency_s_ = latency_s;
  }
  /// Starts one of so many bytes.
  simgrid::s4u::CommPtr start(std::uint64_t bytes) {
    const simgrid::s4u::CommPtr comm = simgrid::s4u::Comm::sendto_init();
    comm->set_payload_size(bytes);
    comm->set_source(source_);
    comm->set_destination(target_);  // the second end starts it
    return comm;
  }

 private:
  LinkZone() : NetZoneImpl("links") {}

  void get_local_route(const simgrid::kernel::routing::NetPoint*,
                       const simgrid::kernel::routing::NetPoint*,
                       simgrid::kernel::routing::Route* into, double* latency_s) override {
    into->link_list_.insert(into->link_list_.end(), route_.begin(), route_.end());
    *latency_s += latency_s_;
  }

  std::vector<simgrid::s4u::Link*> links_;
  std::vector<simgrid::kernel::resource::StandardLinkImpl*> impls_;
  std::vector<simgrid::kernel::resource::StandardLinkImpl*> route_;
  double latency_s_ = 0;
  simgrid::s4u::Host* source_ = nullptr;
  simgrid::s4u::Host* target_ = nullptr;
};

}  // namespace orrery::simgrid_program
