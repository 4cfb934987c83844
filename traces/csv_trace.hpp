#pragma once

#include <string>

#include "traces/recorded_trace.hpp"
#include "traces/run_trace.hpp"

namespace orrery {

/// The columns of a CSV of spans: start and duration in picoseconds, the wait before the start, the
/// bytes of a transfer or collective. Texts are quoted where RFC 4180 asks for it.
inline constexpr const char* kCsvHeader =
    "rank,stands_for,stream,op,kind,category,ready_ps,start_ps,duration_ps,bytes";

/// A line for each span. The file appears whole or not at all; throws IoError.
void write_csv_trace(const std::string& path, const RunTrace& run);

/// Reads such a file. Throws TraceError with the line that is wrong.
RecordedTrace read_csv_trace(const std::string& text, const std::string& file);

}  // namespace orrery
