#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "hw/spec.hpp"
#include "models/collective/collective.hpp"
#include "models/collective/library.hpp"
#include "models/cost/cost_model.hpp"
#include "models/fabric.hpp"
#include "models/incast.hpp"
#include "models/symmetry.hpp"
#include "models/variability.hpp"
#include "sim/engine/activity.hpp"

namespace orrery {

/// What is shared in a machine, as resources of the engine, and what kernels and messages take of
/// it.
///
/// Memory takes part in the sharing where it can be short. Where messages alone use it and it
/// serves all that the device's links can bring and fetch, leaving it out changes no rate.
///
/// Folded by a symmetry, a resource stands for all of a class, with the capacity of one.
class MachineResources {
 public:
  /// What uses the devices' memory.
  enum class MemoryUse { messages, kernels };
  /// Whether anything is copied from or to hosts; else what is there for that is left out.
  enum class HostUse { none, copies };
  /// `symmetry` may be null, and must outlive this otherwise. Ranks are device indices.
  MachineResources(Activities& activities, const DeviceSpec& device, Fabric& fabric,
                   const Symmetry* symmetry, MemoryUse use, HostUse host,
                   const Variability& variability = {});

  /// So many cores of each device are communication kernels' alone. Once, before anything runs.
  void set_cores_apart(std::int64_t cores);
  /// A communication kernel begins to hold so many of a device's cores, or ends (negative): other
  /// kernels have what is left, a core at least. Nothing where the device says itself what cores
  /// move (collective_core_rate): there it is the bytes that take them.
  void hold_cores(Rank rank, std::int64_t cores);

  /// What a message takes while it leaves: both memories, and every link of its route.
  struct Way {
    std::span<const Usage> usages;  // valid until the next call
    Duration latency;
  };
  /// Who moves a message: an engine, or cores of the source, which then does less other math.
  enum class Mover : unsigned char { engine, cores };
  /// How a message goes.
  struct Course {
    Rank source = 0;
    Rank destination = 0;  // of a copy from or to the host: the same
    bool reduces = false;  // cores of the destination add it
    Mover mover = Mover::engine;
    CopyKind copy = CopyKind::device_to_device;
    Movement movement = Movement::copy;
    std::uint64_t messages = 1;  // so many alike, of which this is one; 1 without a symmetry
    Bytes bytes;
    const MessageTerms* terms = nullptr;  // what a library makes of it; null for none
    CollectiveProgram::Load load{};       // of one that ends in a switch
    bool operator==(const Course&) const = default;
  };
  /// Counts the bytes that go through memories that are left out. A copy from or to the host takes
  /// both memories and the way between, each once; with HostUse::copies and MemoryUse::kernels.
  Way way(const Course& course);
  /// The same for what is left of a message that had another way: its memories have counted it.
  Way way_on(const Course& course) { return way_of(course); }
  /// From now on the way of a course need not be what it was: links fail, routings adapt.
  void let_ways_change() { ways_change_ = true; }

  /// Whether messages have terms beyond what they take.
  bool has_terms() const { return has_terms_; }
  /// Of a message that begins now; each is asked about once, as it may be the first of its pair.
  TransportTerms terms(const Course& course);
  /// What its transport lets it have on the way of now, bytes/s.
  double bound(const Course& course) const { return terms_now(course, false).bound; }
  /// Whether ports are watched for incast, and hear of every message.
  bool watches_incast() const { return incast_.has_value(); }
  void message_begins(Rank source, Rank destination) { count_incast(source, destination, true); }
  void message_ends(Rank source, Rank destination) { count_incast(source, destination, false); }

  /// What a link is shared as. Those that are there only for hosts may be left out.
  bool has_link(int link) const { return static_cast<std::size_t>(link) < links_.size(); }
  ResourceId link(int link) const { return links_[static_cast<std::size_t>(link)]; }

  /// What a kernel takes, as an activity of work 1.
  struct Load {
    Usage usages[3];
    std::size_t count = 2;  // of usages
    double work = 1;
    ShareTerms terms;
  };
  Load load(Rank rank, const KernelCost& price, int priority) const;

  /// Else it is a device's math or memory.
  bool is_link(ResourceId resource) const { return resource.index() >= 2 * devices_.size(); }
  /// What messages take of it is a whole multiple of this, unless they are spread. Without a
  /// symmetry, as is_link.
  double unit(ResourceId resource) const;
  /// Ranks that `rank` stands for, itself among them.
  std::uint64_t alike(Rank rank) const;
  /// Everything that is shared, with what went through it.
  struct ResourceUse {
    std::string name;  // "device 3 memory", "node 0, device 3 -> switch": of the first of its class
    std::string kind;  // "math", "memory", or the link's kind
    double capacity = 0;  // without faults
    double carried = 0;   // by now, in capacity-seconds; utilisation = carried / (capacity · s)
    std::uint64_t alike = 1;  // so many in its class
  };
  std::vector<ResourceUse> uses() const;

 private:
  struct DeviceResources {
    ResourceId math;    // capacity: seconds of a nominal device per second; 1, less when it is slow
    ResourceId memory;  // capacity: bytes per second
    bool scarce = true;    // memory can be short
    double speed = 1;      // capacity of math
    double bandwidth = 0;  // capacity of memory
    ResourceId messages;   // of memory, what messages may take; as Arbitration says
    ResourceId queue;      // of requests to memory: seconds of a kernel per second
    ResourceId cores;      // set apart for communication kernels: seconds of a device per second
  };

  struct Held {  // cores of a device, by communication kernels
    std::int64_t cores = 0;
    double taken = 0;  // of math
    double done = 0;   // math-seconds taken until `since`
    Time since;
    double until(Time now) const { return done + taken * to_seconds(now - since); }
  };

  struct Counted {  // work of a resource that nobody competes for
    ResourceId resource;
    double amount;
  };
  struct KnownWay {
    Rank destination = -1;  // of its last message
    double times = 0;       // so many messages on it that nobody has counted yet; 0: not known
    Course course;
    std::vector<Usage> usages;
    std::vector<Counted> counted;
    Duration latency;
  };

  Way way_of(const Course& course);
  void count(std::span<const Counted> counted, double times);
  Way host_way(const Course& course);
  double capacity_of(const Fabric::Route& route) const;
  void put_cores(const Course& course, double link);
  double coefficient(const Fabric::Route& route, std::size_t hop, double bytes) const;
  /// What a library makes of a byte on a link, of a message that leaves its node or does not.
  double slowed(int link, bool leaves, const MessageTerms& terms) const;
  bool leaves_node(const Fabric::Route& route) const;
  /// The first of its links that is no part.
  std::size_t first_hop(const Fabric::Route& route) const;
  TransportTerms terms_now(const Course& course, bool is_first) const;
  void count_incast(Rank source, Rank destination, bool begins);
  void put(ResourceId resource, double coefficient);
  void arbitrate_memory();
  bool put_at_controller(const DeviceResources& device, double coefficient, double bytes);
  void arbitrate(const DeviceResources& on, double alone, Load& load) const;
  void put_link(int link, double messages);
  void put_memory(Rank rank, double coefficient, double bytes);
  void put_local(Rank rank, double coefficient, double bytes);
  bool can_be_short(int device, double memory_bandwidth) const;

  Activities* activities_;
  DeviceSpec device_;
  Fabric* fabric_;
  const Symmetry* symmetry_;
  double core_seconds_ = 0;               // of all cores, for a byte that cores copy
  std::int64_t cores_apart_ = 0;          // of each device
  std::vector<DeviceResources> devices_;  // by device
  std::vector<Held> held_;                // by resource; empty: none ever were
  std::vector<ResourceId> links_;         // by link
  std::vector<Usage> usages_;
  std::vector<Counted> counted_;  // of the way at hand, as usages_
  std::vector<KnownWay> known_;   // by source; one that sends twice to one other goes on with it
  bool ways_change_ = false;
  bool has_terms_ = false;
  bool counts_messages_ = false;           // some links do
  bool has_parts_ = false;                 // messages share more than links
  std::unordered_set<std::uint64_t> met_;  // pairs that have sent; only looked up
  std::optional<IncastPorts> incast_;
};

}  // namespace orrery
