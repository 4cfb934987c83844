#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/json_value.hpp"
#include "tools/orrery/sweep/axis.hpp"
#include "tools/orrery/sweep/expression.hpp"

namespace orrery {

/// A sweep file, read: a scenario and what varies in it.
struct SweepFile {
  /// Axes that go together: an axis alone, or those of one "zip", whose i-th values are one choice.
  struct Dimension {
    std::vector<std::size_t> axes;
    std::size_t count = 0;  // of choices; 0: drawn from a range
  };
  struct Sample {
    enum class Kind { random, latin_hypercube };
    Kind kind = Kind::random;
    std::int64_t points = 0;
    std::uint64_t seed = 0;
  };
  struct Condition {
    std::string text;
    Expression expression;
    JsonValue place;
  };

  std::string path;
  std::string name;
  JsonValue base;  // the scenario, unresolved
  std::vector<SweepAxis> axes;
  std::vector<Dimension> dimensions;
  std::vector<Condition> where;
  std::optional<Sample> sample;
  std::int64_t seeds = 1;       // each point so often,
  std::int64_t first_seed = 0;  // with seeds that follow the scenario's
  JsonValue whole;  // the document with the scenario in it: what makes two sweeps the same
};

/// Throws ScenarioError with all mistakes, but for those of single points. `overrides`, as `--set`
/// takes them, go into the scenario.
SweepFile load_sweep(const std::string& path, const std::vector<std::string>& overrides);

/// Whether the file has a section "sweep"; else it is a scenario. Throws as load_json.
bool is_sweep(const std::string& path);

/// The same of a scenario to which the program brings what varies: `sweep`, in the form of that
/// section without its base. `path`: where the scenario was read.
SweepFile sweep_over(const std::string& path, JsonValue scenario, JsonValue sweep);

}  // namespace orrery
