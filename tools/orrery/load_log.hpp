#pragma once

#include <vector>

#include "models/machine.hpp"
#include "traces/run_trace.hpp"

namespace orrery {

/// Keeps how much of each resource a run uses over time, as means over stretches. Where
/// stretches become too many, every second look is forgotten: memory does not grow with the run. A
/// mean is what went through the resource over what it could have carried; what constrains nobody
/// (MachineResources) is counted when a message begins.
class LoadLog final : public Observer {
 public:
  /// Must be called before the run.
  void watch(const Machine& machine);
  void on_span(const Span& span) override;
  void on_memory(Time, Rank, LabelId, std::int64_t) override {}
  /// Must be called when the run has ended, while the machine is there.
  void finish(Time end);

  /// Of resources that carried something; by name as Result has them.
  const std::vector<UtilisationTrack>& tracks() const { return tracks_; }
  /// So many others carried nothing.
  std::size_t idle() const { return idle_; }

 private:
  struct Look {
    Time time;
    std::vector<double> carried;  // by resource in the order of the machine, until then
  };

  void look(Time time);

  const Machine* machine_ = nullptr;
  std::vector<Look> looks_;
  std::size_t maximum_ = 0;
  Duration stretch_{1};  // between two looks, at least
  std::vector<UtilisationTrack> tracks_;
  std::size_t idle_ = 0;
};

}  // namespace orrery
