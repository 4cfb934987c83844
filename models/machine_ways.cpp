// The ways that messages take: what of memories, links and cores.
#include <algorithm>
#include <utility>

#include "models/machine_resources.hpp"
#include "models/usages.hpp"

namespace orrery {

MachineResources::Way MachineResources::way(const Course& course) {
  const auto source = static_cast<std::size_t>(course.source);
  if (source >= known_.size()) known_.resize(devices_.size());
  KnownWay& known = known_[source];
  if (ways_change_ || std::exchange(known.destination, course.destination) != course.destination) {
    const Way way = way_of(course);
    count(counted_, 1);
    return way;
  }
  if (known.times == 0 || known.course != course) {
    count(known.counted, std::exchange(known.times, 0));
    const Way way = way_of(course);
    known.course = course;
    known.usages.assign(way.usages.begin(), way.usages.end());
    known.counted.assign(counted_.begin(), counted_.end());
    known.latency = way.latency;
  }
  ++known.times;
  return {known.usages, known.latency};
}

void MachineResources::count(std::span<const Counted> counted, double times) {
  for (const Counted& of : counted) activities_->count(of.resource, times * of.amount);
}

MachineResources::Way MachineResources::way_of(const Course& course) {
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
  const double counted = course.bytes.as_double();
  usages_.clear();
  counted_.clear();
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
  counted_.clear();
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
    counted_.push_back({device.memory, coefficient * bytes});
  } else if (symmetry_ == nullptr) {
    usages_.push_back({device.memory, coefficient});
  } else {
    put(device.memory, coefficient);
  }
}

/// Several of a route may be in one class.
void MachineResources::put(ResourceId resource, double coefficient) {
  add_usage(usages_, resource, coefficient);
}

}  // namespace orrery
