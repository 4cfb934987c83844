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

/// `counted`: bytes, for memories that are left out.
MachineResources::Way MachineResources::way_of(const Course& course, double counted) {
  if (course.copy != CopyKind::device_to_device) return host_way(course);
  const Rank source = course.source;
  const Rank destination = course.destination;
  // Achievable memory bandwidth is the same share of peak as for kernels.
  const double touch = 1 / device_.memory_efficiency;
  const double read = reads_at_source(course.movement) * touch;
  const double update = device_.op_and_store.value_or(2);
  const double written =
      course.reduces ? 2 * touch : (is_update(course.movement) ? update * touch : touch);
  const auto all = static_cast<double>(course.messages);
  const MessageTerms* terms = course.terms;
  usages_.clear();
  if (source == destination) {
    put_local(source, (read + touch) * all / static_cast<double>(alike(source)), counted);
    put_cores(course, kUnbounded);
    return {usages_, Duration(0)};
  }
  const Fabric::Route route = fabric_->route(source, destination);
  const bool both_ways = course.load.out == 1 && course.load.in == 1;
  const bool plain = route.shares.empty() && !counts_messages_ && terms == nullptr && both_ways;
  const std::size_t first = both_ways ? 0 : first_hop(route);
  const std::size_t last = route.links.size() - 1;
  const bool leaves = terms != nullptr && leaves_node(route);
  const auto taken = [&](std::size_t hop) {
    if (plain) return 1.0;
    double bytes = coefficient(route, hop, course.bytes.as_double());
    if (!both_ways && first < last) {
      bytes *= hop == first ? course.load.out : hop == last ? course.load.in : 1;
    }
    return terms == nullptr ? bytes : bytes * slowed(route.links[hop], leaves, *terms);
  };
  // A way back over a link, as detours have, meets what both of its directions share twice.
  const bool once_each = symmetry_ == nullptr && !has_parts_;
  // Folded, all of the class run at one rate; each device and link carries its part of them.
  put_memory(source, course.load.out * read * all / static_cast<double>(alike(source)), counted);
  for (std::size_t hop = 0; hop < route.links.size(); ++hop) {
    if (once_each) {
      usages_.push_back({links_[static_cast<std::size_t>(route.links[hop])], taken(hop)});
    } else {
      put_link(route.links[hop], all * taken(hop));
    }
  }
  put_memory(destination, course.load.in * written * all / static_cast<double>(alike(destination)),
             counted);
  put_cores(course, cores_apart_ > 0 ? capacity_of(route) : kUnbounded);
  if (terms == nullptr) return {usages_, route.latency};
  const Duration left =
      leaves ? route.latency : std::max(Duration(0), route.latency - terms->replaces);
  return {usages_, left + terms->step};
}

MachineResources::Way MachineResources::host_way(const Course& course) {
  const Rank rank = course.source;
  const auto all = static_cast<double>(course.messages);
  usages_.clear();
  put(devices_[static_cast<std::size_t>(rank)].memory,
      all / (device_.memory_efficiency * static_cast<double>(alike(rank))));
  Duration latency;
  for (const int link : course.copy == CopyKind::device_to_host ? fabric_->to_host(rank)
                                                                : fabric_->from_host(rank)) {
    put_link(link, all);
    latency += fabric_->links()[static_cast<std::size_t>(link)].latency;
  }
  return {usages_, latency};
}

/// Each link of a class carries its part of the messages.
void MachineResources::put_link(int link, double messages) {
  const auto index = static_cast<std::size_t>(link);
  const double alike = symmetry_ == nullptr ? 1 : symmetry_->links_in[symmetry_->link_class[index]];
  put(links_[index], messages / alike);
}

/// What a byte of a message takes of a link: its share of several ways, or, where messages are
/// counted, its part of one. A message without bytes ends at once and is not counted.
double MachineResources::coefficient(const Fabric::Route& route, std::size_t hop,
                                     double bytes) const {
  const auto link = static_cast<std::size_t>(route.links[hop]);
  if (counts_messages_ && fabric_->links()[link].counts_messages) return bytes > 0 ? 1 / bytes : 0;
  return route.shares.empty() ? 1 : route.shares[hop];
}

std::size_t MachineResources::first_hop(const Fabric::Route& route) const {
  std::size_t hop = 0;
  while (fabric_->links()[static_cast<std::size_t>(route.links[hop])].is_part) ++hop;
  return hop;
}

/// By links of its own; what messages share besides is of neither side.
bool MachineResources::leaves_node(const Fabric::Route& route) const {
  return std::any_of(route.links.begin(), route.links.end(), [this](int link) {
    return !fabric_->inside_node(link) && !fabric_->links()[static_cast<std::size_t>(link)].is_part;
  });
}

/// Bytes per second of its narrowest link.
double MachineResources::capacity_of(const Fabric::Route& route) const {
  double capacity = kUnbounded;
  for (std::size_t i = 0; i < route.links.size(); ++i) {
    const Fabric::Link& link = fabric_->links()[static_cast<std::size_t>(route.links[i])];
    if (link.counts_messages) continue;
    capacity = std::min(capacity, link.capacity / (route.shares.empty() ? 1 : route.shares[i]));
  }
  return capacity;
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

/// The messages that an adapter counts stay as many.
double MachineResources::slowed(int link, bool leaves, const MessageTerms& terms) const {
  const Fabric::Link& of = fabric_->links()[static_cast<std::size_t>(link)];
  if (of.counts_messages) return 1;
  return leaves ? terms.between : of.capacity / (of.raw_capacity * terms.share);
}

/// Of a copy on one device memory alone says how fast it is: it is never left out.
void MachineResources::put_local(Rank rank, double coefficient, double bytes) {
  const DeviceResources& device = devices_[static_cast<std::size_t>(rank)];
  if (device.messages.valid() && put_at_controller(device, coefficient, bytes)) return;
  put(device.memory, coefficient);
}

void MachineResources::put_memory(Rank rank, double coefficient, double bytes) {
  const DeviceResources& device = devices_[static_cast<std::size_t>(rank)];
  if (device.messages.valid() && put_at_controller(device, coefficient, bytes)) return;
  if (!device.scarce) {
    activities_->count(device.memory, coefficient * bytes);
  } else if (symmetry_ == nullptr) {
    usages_.push_back({device.memory, coefficient});
  } else {
    put(device.memory, coefficient);
  }
}

/// A resource may be named once, and several of a route may be in one class.
void MachineResources::put(ResourceId resource, double coefficient) {
  const auto known = std::find_if(usages_.begin(), usages_.end(),
                                  [&](const Usage& usage) { return usage.resource == resource; });
  if (known == usages_.end()) {
    usages_.push_back({resource, coefficient});
  } else {
    known->coefficient += coefficient;
  }
}

std::vector<MachineResources::ResourceUse> MachineResources::uses() const {
  std::vector<ResourceUse> result;
  std::vector<double> done = activities_->done();
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
