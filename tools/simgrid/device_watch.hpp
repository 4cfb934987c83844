#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/message_flows.hpp"

namespace orrery::simgrid_program {

/// Kernels run on orrery's sharing and messages on SimGrid's. That is exact as long as no math and
/// no memory of a device is short of what the kernels and messages on it could take together at the
/// greatest rate that each can reach: such a resource constrains nobody, so that neither side needs
/// to know of the other. This watches over it.
class DeviceWatch {
 public:
  DeviceWatch(const Activities& activities, const MachineResources& resources)
      : activities_(&activities), resources_(&resources) {}

  /// Throw UnmappableError, naming both, where a kernel and a message meet at a resource that can
  /// be short. `name` is free for reuse after the end.
  void kernel_begins(std::uint32_t name, const KernelLoad& load, Time now);
  void message_begins(std::uint32_t name, const MessageFlow& flow, Time now);
  void kernel_ends(std::uint32_t name) { end(kernels_, name); }
  void message_ends(std::uint32_t name) { end(messages_, name); }

 private:
  struct Part {  // what one could take of a resource
    std::size_t resource = 0;
    double rate = 0;
  };
  struct User {
    std::string who;
    std::vector<Part> parts;
  };
  struct Load {  // of all users of one side at a resource
    std::uint32_t users = 0;
    double rate = 0;
  };
  struct Side {
    std::vector<User> users;  // by name
    std::vector<Load> loads;  // by resource

    const Load& load(std::size_t resource) {
      if (resource >= loads.size()) loads.resize(resource + 1);
      return loads[resource];
    }
  };

  void begin(Side& side, std::uint32_t name, User user, Time now);
  static void end(Side& side, std::uint32_t name);
  std::vector<Part> parts_of(std::span<const Usage> usages, double bound) const;
  [[noreturn]] void refuse(const User& newcomer, const Side& others, std::size_t resource,
                           Time now) const;

  const Activities* activities_;
  const MachineResources* resources_;
  Side kernels_;
  Side messages_;
};

}  // namespace orrery::simgrid_program
