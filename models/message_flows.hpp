#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/machine_resources.hpp"
#include "sim/base/errors.hpp"
#include "sim/base/registry.hpp"
#include "sim/engine/activity.hpp"

namespace orrery {

/// A message from its first byte to its last.
struct MessageFlow {
  Activity activity;   // its work: bytes; usages, valid during the call: of MachineResources::way
  Duration latency{};  // of its route
  Rank source = 0;
  Rank destination = 0;  // the source, when it stays on one device or goes to or from its host
};

/// A kernel, as far as messages may meet it.
struct KernelLoad {
  Rank rank = 0;
  std::string_view kind;
  std::span<const Usage> usages;
  ShareTerms terms;
};

/// The machine asked for something that the engine of its messages does not have. The message names
/// it.
class UnmappableError : public Error {
 public:
  explicit UnmappableError(const std::string& what) : Error(what, 2) {}
};

/// Who moves messages: shares links among them and lets them progress. All else (routes,
/// collectives, kernels, streams) is the machine's, whoever it is.
class MessageFlows {
 public:
  virtual ~MessageFlows() = default;
  /// `on_left` hears of it in the Complete phase of a later event, when the last byte has left.
  /// Returns the activity, where the engine's own sharing moves it, else an invalid id. Throws
  /// UnmappableError.
  virtual ShareId start(const MessageFlow& message, EventHandler& on_left, std::uint64_t token) = 0;
  /// What is still to be waited of a route's latency after that.
  virtual Duration latency_after(Duration latency) const { return latency; }
  /// Kernels run on Activities. `kernel` names one until it ends. Throws UnmappableError where that
  /// is wrong beside the messages.
  virtual void kernel_begins(std::uint32_t /*kernel*/, const KernelLoad& /*load*/) {}
  virtual void kernel_ends(std::uint32_t /*kernel*/) {}
  /// Messages that were moved outside of Activities.
  virtual std::uint64_t started() const { return 0; }
  /// What a result says of it: names and values.
  virtual std::vector<std::pair<std::string, std::string>> configuration() const = 0;
};

/// How the native engine shares links.
///   max_min       equal weights
///   rtt_weighted  a message weighs the inverse of its route's latency, as SimGrid's CM02 has it
enum class SharePolicy { max_min, rtt_weighted };
std::string_view to_string(SharePolicy policy);

/// The section "fabric" of a scenario.
struct FlowChoice {
  std::string engine = "native";
  SharePolicy share_policy = SharePolicy::max_min;  // of native
  std::string model = "CM02";                       // of simgrid
};

/// What an engine of messages is made for. Everything outlives it.
struct FlowSite {
  Engine& engine;
  Activities& activities;
  const MachineResources& resources;
  const Fabric& fabric;
};

using MessageFlowsFactory = std::unique_ptr<MessageFlows> (*)(const FlowChoice& choice,
                                                              const FlowSite& site);

std::unique_ptr<MessageFlows> make_native_flows(const FlowChoice& choice, const FlowSite& site);
/// By the name of the engine. Other programs add theirs.
Registry<MessageFlowsFactory> builtin_fabric_engines();

}  // namespace orrery
