#include "models/machine_resources.hpp"

#include <algorithm>
#include <cmath>

#include "models/transports.hpp"

namespace orrery {

MachineResources::MachineResources(Activities& activities, const DeviceSpec& device, Fabric& fabric,
                                   const Symmetry* symmetry, MemoryUse use, HostUse host,
                                   const Variability& variability)
    : activities_(&activities), device_(device), fabric_(&fabric), symmetry_(symmetry) {
  if (device.collective_core_rate) {
    core_seconds_ =
        1 / (static_cast<double>(device.cores) * device.collective_core_rate->as_double());
  }
  const auto count = static_cast<std::size_t>(fabric.devices());
  devices_.resize(count);
  std::vector<DeviceResources> by_class(symmetry == nullptr ? 0 : symmetry->ranks_in.size());
  for (std::size_t d = 0; d < count; ++d) {
    // Devices beyond the ranks of a symmetry are idle: nothing ever asks for them.
    const bool folded = symmetry != nullptr && d < symmetry->rank_class.size();
    DeviceResources own;
    DeviceResources& of = folded ? by_class[symmetry->rank_class[d]] : own;
    if (!of.math.valid() && (folded || symmetry == nullptr)) {
      const Variability::DeviceSpeed speed = variability.speed(static_cast<Rank>(d));
      const double bandwidth = device.memory_bandwidth.as_double() * speed.memory;
      of.math = activities.add_resource(speed.math);
      of.memory = activities.add_resource(bandwidth);
      of.speed = speed.math;
      of.bandwidth = bandwidth;
      of.scarce = use == MemoryUse::kernels || can_be_short(static_cast<int>(d), bandwidth);
    }
    devices_[d] = of;
  }
  const std::span<const Fabric::Link> links = fabric.links().first(
      host == HostUse::none ? fabric.first_host_link() : fabric.links().size());
  links_.resize(links.size());
  std::vector<ResourceId> link_of(symmetry == nullptr ? 0 : symmetry->links_in.size());
  for (std::size_t l = 0; l < links.size(); ++l) {
    ResourceId own;
    ResourceId& of = symmetry == nullptr ? own : link_of[symmetry->link_class[l]];
    if (!of.valid()) of = activities.add_resource(links[l].capacity);
    links_[l] = of;
  }
  const Transports& transports = fabric.transports();
  has_terms_ = transports.has_terms();
  counts_messages_ = transports.counts_messages();
  arbitrate_memory();
  has_parts_ = transports.parts().any;
  ORRERY_CHECK(symmetry == nullptr || !transports.remembers(), "a transport that remembers folds");
  if (transports.watches_incast()) incast_.emplace(static_cast<std::size_t>(transports.nics()));
}

std::uint64_t MachineResources::alike(Rank rank) const {
  if (symmetry_ == nullptr) return 1;
  return symmetry_->ranks_in[symmetry_->rank_class[static_cast<std::size_t>(rank)]];
}

double MachineResources::unit(ResourceId resource) const {
  if (is_link(resource)) return 1;
  const bool is_math = resource.index() % 2 == 0;  // as the constructor adds them
  if (is_math) return core_seconds_ > 0 ? core_seconds_ : 1;
  return 1 / device_.memory_efficiency;
}

/// Bytes leave a device and come to it over its links, and are touched as often as `way` says.
bool MachineResources::can_be_short(int device, double memory_bandwidth) const {
  const Fabric::Port port = fabric_->port(device);
  const double touched = (port.out + 2 * port.in) / device_.memory_efficiency;
  return touched > memory_bandwidth;
}

TransportTerms MachineResources::terms(const Course& course) {
  const auto pair =
      static_cast<std::uint64_t>(course.source) << 32U | static_cast<unsigned>(course.destination);
  return terms_now(course, fabric_->transports().remembers() && met_.insert(pair).second);
}

TransportTerms MachineResources::terms_now(const Course& course, bool is_first) const {
  if (course.source == course.destination) return {};
  const Fabric::Route route = fabric_->route(course.source, course.destination);
  const std::span<const Fabric::Link> links = fabric_->links();
  const int last = links[static_cast<std::size_t>(route.links.back())].model;
  const bool leaves = leaves_node(route);
  const LinkModel* model = fabric_->transports().of(leaves, last);
  if (model == nullptr) return {};
  // What a library adds on links between nodes travels by the transport too.
  const double carried = leaves && course.terms != nullptr ? course.terms->between : 1;
  TransportTerms terms =
      model->terms({.bytes = Bytes(std::llround(course.bytes.as_double() * carried)),
                    .round_trip = 2 * route.latency,
                    .capacity = capacity_of(route),
                    .is_first = is_first});
  terms.bound /= carried;
  return terms;
}

/// A port into which several adapters send carries less, as long as they do.
void MachineResources::count_incast(Rank source, Rank destination, bool begins) {
  const Fabric::Place from = fabric_->place(source);
  const Fabric::Place to = fabric_->place(destination);
  if (from.node == to.node) return;
  const Transports& transports = fabric_->transports();
  const Transports::Receiving ports = transports.receiving(from, to);
  for (int port = ports.first; port < ports.first + ports.count; ++port) {
    const bool changed =
        begins ? incast_->begins(port, ports.source) : incast_->ends(port, ports.source);
    if (!changed) continue;
    const auto link = static_cast<std::size_t>(transports.parts().incast + port);
    const double share = incast_share(transports.incast_efficiency(), incast_->senders(port));
    activities_->set_capacity(links_[link], share * fabric_->links()[link].capacity);
  }
}

std::vector<MachineResources::ResourceUse> MachineResources::uses() const {
  std::vector<ResourceUse> result;
  std::vector<double> done = activities_->done();
  for (const KnownWay& way : known_) {
    for (const Counted& of : way.counted) done[of.resource.index()] += way.times * of.amount;
  }
  for (std::size_t r = 0; r < held_.size(); ++r) done[r] += held_[r].until(activities_->now());
  std::vector<bool> listed(activities_->sharing().resource_count(), false);
  const auto add = [&](const std::string& name, const std::string& kind, ResourceId id,
                       double capacity, std::uint64_t count) {
    if (!id.valid() || listed[id.index()]) return;
    listed[id.index()] = true;
    result.push_back({name, kind, capacity, done[id.index()], count});
  };
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    const std::string device = "device " + std::to_string(d);
    const bool idle = symmetry_ != nullptr && d >= symmetry_->rank_class.size();
    const std::uint64_t count = idle ? 1 : alike(static_cast<Rank>(d));
    if (!devices_[d].math.valid()) continue;  // idle, beside a symmetry
    add(device + " math", "math", devices_[d].math, devices_[d].speed, count);
    add(device + " memory", "memory", devices_[d].memory,
        activities_->sharing().capacity(devices_[d].memory), count);
  }
  for (std::size_t l = 0; l < links_.size(); ++l) {
    const Fabric::Link& link = fabric_->links()[l];
    const std::uint64_t count =
        symmetry_ == nullptr ? 1 : symmetry_->links_in[symmetry_->link_class[l]];
    add(link.name, link.kind, links_[l], link.capacity, count);
  }
  return result;
}

}  // namespace orrery
