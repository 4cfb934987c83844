#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw/catalog.hpp"
#include "tools/orrery/sweep/sweep_file.hpp"

namespace orrery {

/// One point of a sweep: a value on each axis, and which of the repeated seeds.
struct SweepPoint {
  std::vector<SweepAxis::Value> values;  // by axis
  std::int64_t repeat = 0;
};

/// More points than this leave folders of more than a thousand entries (SweepFolder).
inline constexpr std::size_t kMaximumPoints = 200'000;
/// So many combinations are looked at, most of which "where" may turn away.
inline constexpr std::size_t kMaximumCombinations = 20'000'000;

/// All points for which every "where" holds. A grid: the last axis varies fastest, then the seeds.
/// Random samples: distinct points, drawn until there are as many as asked for. A Latin hypercube:
/// each axis is cut into as many equal parts as points are asked for, each part is used once
/// (McKay, Beckman, Conover 1979); "where" takes points away. Throws ScenarioError, LimitError.
std::vector<SweepPoint> points_of(const SweepFile& file, const Catalog& catalog);

/// The scenario of a point, unresolved; its places are those of the scenario and of the sweep.
JsonValue document_of(const SweepFile& file, const SweepPoint& point);

/// By axis, for tables; with the seed at the end where seeds are repeated.
std::vector<std::string> labels_of(const SweepFile& file, const SweepPoint& point);
std::vector<std::string> columns_of(const SweepFile& file);

}  // namespace orrery
