#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "models/message_flows.hpp"

namespace orrery::simgrid_program {

/// Where kernels, which run on orrery's sharing, meet messages, which run on SimGrid's: at the math
/// and the memory of devices. There the messages get what SimGrid gives them, and the kernels share
/// what is left.
///
/// That is the max–min fair allocation of all of them together as long as no message is faster than
/// the level to which kernels fill what is left, weight for weight: then each message is held back
/// elsewhere, and each kernel either elsewhere or where no other is above it, which characterises
/// that allocation (Bertsekas and Gallager 1992, Data Networks, §6.5.2). Else, and where a kernel
/// has another priority than a message, it is refused.
class DeviceShares {
 public:
  /// What messages take of a resource at present, in units of its capacity per second.
  using Usage = std::function<double(std::size_t resource)>;

  DeviceShares(Activities& activities, const MachineResources& resources, Usage usage);

  /// Names are free for reuse after the end.
  void kernel_begins(std::uint32_t name, const KernelLoad& load);
  void kernel_ends(std::uint32_t name);
  void message_begins(std::uint32_t name, const MessageFlow& flow);
  void message_ends(std::uint32_t name);

  /// Then any change of messages changes what is left to kernels: those that share a link with one
  /// at a memory have a part in what it takes there.
  bool has_kernels() const { return kernels_running_ > 0; }
  /// Gives kernels what is left; to be called when SimGrid has shared its links anew. Throws
  /// UnmappableError.
  void settle();

 private:
  struct Part {  // of one kernel or message, at one resource
    std::size_t resource = 0;
    double demand = 0;  // coefficient × weight
    double most = 0;    // coefficient × the greatest rate that it can reach
  };
  struct Party {
    std::string who;
    double reach = 0;  // greatest rate / weight
    int priority = 0;
    std::vector<Part> parts;
  };
  struct Meeting {  // at one resource
    double capacity = 0;
    bool reduced = false;
    std::vector<std::uint32_t> kernels;  // names
    std::vector<std::uint32_t> messages;
  };
  using Names = std::vector<std::uint32_t> Meeting::*;

  Party party(std::string who, std::span<const orrery::Usage> usages, const ShareTerms& terms);
  void enter(std::vector<Party>& parties, Names names, std::uint32_t name, Party party);
  void leave(const std::vector<Party>& parties, Names names, std::uint32_t name);
  void settle(std::size_t resource);
  bool is_slack(std::size_t resource) const;
  const Part& part(const Party& party, std::size_t resource) const;

  Activities* activities_;
  const MachineResources* resources_;
  Usage usage_;
  std::vector<Meeting> meetings_;  // by resource that is not a link
  std::vector<Party> kernels_;     // by name
  std::vector<Party> messages_;
  std::size_t kernels_running_ = 0;
};

}  // namespace orrery::simgrid_program
