#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/orrery/builtins.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {

/// How a point ended. "ok" and "does_not_fit" were simulated; "invalid" is a scenario with
/// mistakes, "failed" one whose run could not end (a deadlock, a limit, no memory, a bug).
struct PointOutcome {
  std::string status;
  int exit_code = 0;  // what `orrery run` would have returned
  std::string error;  // of the last two
  std::vector<std::pair<std::string, double>> metrics;
  std::string result;  // result.json in one line; "" where nothing was simulated

  bool is_failure() const { return status == "failed" || status == "invalid"; }
};

/// Names a point's file: FNV-1a of the program's version, the resolved scenario, and the hashes of
/// the files that it was resolved from. Of a scenario with mistakes: of what was written.
std::string point_id(const Scenario& scenario);
std::string point_id(const JsonValue& unresolved);

/// Simulates in this thread, as `orrery run` does. Throws IoError alone: all else is an outcome.
/// The text is the same whoever calls, and however often.
PointOutcome run_point(JsonValue document, const Builtins& builtins, const Catalog& catalog);
PointOutcome run_point(const Scenario& scenario, const Builtins& builtins);

/// Everything short of simulating; nothing is said when there are no mistakes.
std::optional<std::string> mistakes_of(JsonValue document, const Builtins& builtins,
                                       const Catalog& catalog);

/// The figures of a result that a table has a column for: every number at its top, the peak of
/// memory over all device classes, communication as a sum and by category, facts of the workload.
std::vector<std::pair<std::string, double>> metrics_of(const JsonValue& result);

}  // namespace orrery
