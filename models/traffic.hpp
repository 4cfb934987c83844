#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/fabric.hpp"
#include "models/faults.hpp"
#include "models/machine_resources.hpp"
#include "sim/engine/activity.hpp"

namespace orrery {

/// A fault, and what it did.
struct FaultRecord {
  const Fault* fault = nullptr;
  bool happened = false;       // before the end
  std::uint64_t rerouted = 0;  // messages that were on a link that went down
};

/// The messages that are on the links of a machine: kept where routings adapt to them, and where
/// links fail under them. Nothing may be folded.
///
/// When a link goes down, a message on it keeps what it has moved, and the rest goes on over the
/// way that is left, with that way's latency: as reliable transports send again what was not
/// acknowledged (InfiniBand Architecture Specification, volume 1, §9.7.5; that what was under way
/// is sent twice is left out, as is the time until the loss is noticed). A message whose last byte
/// has left is not lost. Throws ScenarioError, with the fault that did it, when no way is left for
/// a message.
class Traffic final : private EventHandler {
 public:
  /// Borrows all; faults at time 0 happen at once.
  Traffic(Engine& engine, Fabric& fabric, Activities& activities, MachineResources& resources,
          std::span<const Fault> faults);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  using Course = MachineResources::Course;
  /// What moves it, and whom to tell when its last byte has left.
  struct Flow {
    ShareId share;
    ShareTerms terms;
    EventHandler* handler = nullptr;
    std::uint64_t token = 0;
    Duration latency;
  };

  /// Before a message is given a way: throws where there is none.
  void require_way(const Course& course) const;
  /// `message`: a number that is free.
  void enter(std::uint32_t message, const Course& course, const Flow& flow,
             std::span<const Usage> usages);
  /// When its last byte has left. Returns the latency of the way it took last.
  Duration leave(std::uint32_t message);

  const std::vector<FaultRecord>& faults() const { return records_; }

 private:
  struct Message {
    bool live = false;
    std::uint64_t order = 0;  // of its start
    Course course;
    Flow flow;
    std::vector<ResourceId> links;
  };

  void handle_event(std::uint64_t token) override;
  void schedule_next();
  void share_both_ways(int link);
  void happen(FaultRecord& record);
  std::uint64_t reroute(const std::vector<int>& links);
  void reroute(Message& message);
  void occupy(Message& message, std::span<const Usage> usages);
  void release(const Message& message);
  [[noreturn]] void no_way(const Course& course) const;

  Engine* engine_;
  Fabric* fabric_;
  Activities* activities_;
  MachineResources* resources_;
  LinkLoads loads_;
  std::vector<std::uint32_t> on_;  // messages by resource
  std::vector<Message> messages_;  // by number
  std::uint64_t started_ = 0;
  std::vector<FaultRecord> records_;  // in order of time
  std::size_t next_ = 0;              // the first of them that has not happened
  std::vector<bool> down_;            // by link
  const Fault* last_down_ = nullptr;
};

}  // namespace orrery
