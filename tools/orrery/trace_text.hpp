#pragma once

#include <string>

#include "sim/base/json_value.hpp"
#include "traces/recorded_trace.hpp"
#include "traces/trace_summary.hpp"

namespace orrery {

/// What `orrery trace summary` prints: for people, with so many ops at most, and as JSON.
std::string summary_text(const RecordedTrace& trace, const TraceSummary& summary, std::size_t ops);
JsonValue summary_json(const RecordedTrace& trace, const TraceSummary& summary);

/// A trace with what it is called and where its time went.
struct NamedTrace {
  std::string name;
  const RecordedTrace& trace;
  TraceSummary summary;
};

/// What `orrery trace compare` prints.
std::string comparison_text(const NamedTrace& first, const NamedTrace& second,
                            const TraceComparison& comparison, std::size_t ops);
JsonValue comparison_json(const NamedTrace& first, const NamedTrace& second,
                          const TraceComparison& comparison);

}  // namespace orrery
