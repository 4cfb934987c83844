#pragma once

#include <memory>
#include <span>

#include "models/collective/collective.hpp"
#include "models/fabric.hpp"

namespace orrery {

/// What algorithms would take on a fabric, reckoned and not simulated, to choose one by.
///
/// Of each step every message takes the latency of its route and what its transport holds it back
/// (Hockney 1994, Parallel Computing 20(3): alpha + beta m), and in place of one beta the time of
/// the busiest link on its way: the bytes of the step's messages over it, over its capacity. With
/// these the members walk through their steps, each when its sends have left and what it waits for
/// has come (CollectiveProgram), so that only what is in the way of the last counts: of a ring with
/// one long link the average latency, of a chain of pieces the latency once.
///
/// Steps that are alike are looked at once, of more than 64 kinds 64 or so, and a repeated one is
/// walked through until its pace is known; of a step with very many messages some are looked at,
/// drawn evenly, and a link has the load of those of its kind, as far from the ends of routes.
/// Where members drift apart, so that messages of different steps meet, a program of few messages
/// is simulated instead (rehearsal.hpp); of others that is left out. Left out are further launches,
/// equal for all; memories of devices; what else is on the links.
class CollectivePrediction {
 public:
  /// Borrows the fabric, and leaves routes in its store.
  explicit CollectivePrediction(Fabric& fabric);
  ~CollectivePrediction();

  /// Seconds of a program among the ranks of a group that has the fabric for itself; infinite where
  /// a step has more messages than 1024 members that send each other one.
  double seconds(const CollectiveProgram& program, std::span<const Rank> group);

  /// Equal for groups that are reached alike: by the routes from the first member to those 1, 2, 4,
  /// … places on, and back from the last.
  std::uint64_t reach(std::span<const Rank> group);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery
