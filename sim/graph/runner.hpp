#pragma once

#include <cstdint>
#include <span>

#include "sim/graph/task_graph.hpp"

namespace orrery {

/// One instance of an op: a compute or delay on one rank, one pair of a transfer, one group of a
/// collective; `instance` counts them within the op.
struct InstanceId {
  OpId op;
  std::uint32_t instance = 0;
};

/// Hears from the runner how an instance goes on.
class RunListener {
 public:
  /// A transfer's payload has left the source: its stream is free again. Comes before `delivered`.
  virtual void sent(InstanceId instance) = 0;
  /// A transfer's payload has arrived.
  virtual void delivered(InstanceId instance) = 0;
  /// A compute has ended.
  virtual void computed(InstanceId instance) = 0;
  /// A collective has ended for its member at this position in the group.
  virtual void member_done(InstanceId instance, std::size_t position) = 0;

 protected:
  ~RunListener() = default;
};

/// What runs ops: the machine. The graph knows nothing else of it. Calls back through the engine's
/// events, never from inside a start_ call.
class Runner {
 public:
  /// A member of a collective has come to it: what runs it there may wait for the others, who come
  /// now or later. start_collective follows when all have.
  virtual void join_collective(InstanceId /*instance*/, const Op& /*op*/,
                               std::span<const Rank> /*group*/, Rank /*member*/) {}
  virtual void start_compute(InstanceId instance, const Op& op, Rank rank) = 0;
  virtual void start_transfer(InstanceId instance, const Op& op, Rank source, Rank destination) = 0;
  virtual void start_collective(InstanceId instance, const Op& op, std::span<const Rank> group) = 0;

 protected:
  ~Runner() = default;
};

}  // namespace orrery
