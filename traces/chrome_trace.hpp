#pragma once

#include <string>

#include "traces/run_trace.hpp"

namespace orrery {

/// Writes a run as Chrome JSON trace events, which ui.perfetto.dev and chrome://tracing open: a
/// process for each rank, a thread for each stream, an event for each span, an event "wait" where a
/// rank stood ready before its partners came; counters of memory in use, of the tracker's entries
/// where something was tracked, and of utilisation; arrows to one-sided transfers from what starts
/// them (trigger_flows.hpp).
/// Times are microseconds with six decimals, so no picosecond is lost. A process has the number of
/// the first of them and says how many more it speaks for. The receiving end of a one-sided
/// transfer occupies no stream and is left out. The file appears whole or not at all; throws
/// IoError. Source: "Trace Event Format", Google, 2016, sections "Complete Events", "Counter
/// Events", "Flow Events", "Metadata Events".
void write_chrome_trace(const std::string& path, const RunTrace& run);

}  // namespace orrery
