#pragma once

#include "workloads/heterogeneous_settings.hpp"

namespace orrery {

/// What a workload that has a plan says of it besides its graph: `orrery plan` shows it.
class PlannedSequences {
 public:
  virtual ~PlannedSequences() = default;
  virtual const HeterogeneousSettings& settings() const = 0;
  /// Of the batch that the settings name.
  virtual const SequencePlan& plan() const = 0;
};

}  // namespace orrery
