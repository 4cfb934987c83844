#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "models/machine.hpp"
#include "sim/engine/engine.hpp"

namespace orrery {

/// How loaded each resource of a machine is over time: its mean utilisation in each of so many
/// equal stretches of a run whose length is known, from an earlier run of the same scenario. Adds
/// events of its own and changes no time.
class UtilisationLog final : private EventHandler {
 public:
  UtilisationLog(Duration length, int stretches) : length_(length), stretches_(stretches) {}
  UtilisationLog(const UtilisationLog&) = delete;
  UtilisationLog& operator=(const UtilisationLog&) = delete;

  /// Both outlive the run. Before it begins, after Machine::prepare.
  void follow(Engine& engine, const Machine& machine);

  struct Row {
    std::string name;  // as MachineResources::ResourceUse
    std::string kind;
    std::uint64_t alike = 1;
    std::vector<double> utilisation;  // by stretch
  };
  /// In the machine's order.
  const std::vector<Row>& rows() const { return rows_; }

 private:
  void handle_event(std::uint64_t stretch) override;
  Time end_of(std::uint64_t stretch) const;

  Duration length_;
  int stretches_;
  Engine* engine_ = nullptr;
  const Machine* machine_ = nullptr;
  std::vector<double> carried_;  // by row, up to the last stretch
  std::vector<Row> rows_;
};

}  // namespace orrery
