#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/json_value.hpp"
#include "tools/orrery/reproduction.hpp"

namespace orrery {

/// A published figure beside the simulated one.
struct Comparison {
  std::size_t of_case = 0;  // index into Reproduction::cases
  std::size_t figure = 0;   // index into Reproduction::figures
  double published = 0;
  double simulated = 0;

  /// (simulated - published) / published.
  double difference() const { return (simulated - published) / published; }
};

/// Mean and largest of |difference| over some comparisons.
struct Agreement {
  std::size_t count = 0;
  double mean = 0;
  double maximum = 0;
};

/// What became of a reproduction: plain data, METRICS.md defines it.
struct ReproductionReport {
  std::vector<Comparison> comparisons;  // case by case
  std::vector<std::vector<std::optional<double>>>
      simulated;                       // by case and figure, where there is one
  std::vector<std::size_t> over_full;  // cases that do not fit in memory, which they did
  std::size_t verdicts = 0;            // cases of which it is published whether they fit
  std::vector<std::size_t> wrong_verdicts;

  Agreement agreement(const Reproduction& reproduction, std::size_t figure, CaseRole role) const;
  /// Whether both limits of the figure hold for the given cases.
  bool holds(const Reproduction& reproduction, std::size_t figure) const;
  bool holds(const Reproduction& reproduction) const;
};

/// Takes the figures of one case from its result.json. Throws ScenarioError at the figure's pointer
/// when there is no number.
void compare(const Reproduction& reproduction, std::size_t of_case, const JsonValue& result,
             ReproductionReport& report);

/// For people: figure by figure, the cases that were fitted or held out below the others.
std::string to_text(const Reproduction& reproduction, const ReproductionReport& report);
JsonValue to_json(const Reproduction& reproduction, const ReproductionReport& report);

}  // namespace orrery
