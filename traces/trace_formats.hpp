#pragma once

#include <string>
#include <string_view>

#include "traces/recorded_trace.hpp"

namespace orrery {

/// What a file holds, by its content: Chrome JSON (PyTorch's profiler's among it), Perfetto,
/// Chakra, GOAL, or our CSV of spans; packed by gzip or not.
enum class TraceFormat { chrome_json, perfetto, chakra, goal, csv };

/// Throws TraceError when it is none of them.
TraceFormat detect_format(const std::string& bytes, const std::string& file);

/// Stands in the name of a file for the rank whose trace it is: "step.{rank}.et".
inline constexpr std::string_view kRankMark = "{rank}";

/// Reads a file of any of these; where the name has kRankMark the files of ranks 0, 1, … up to the
/// last that is there, joined. Throws TraceError, or IoError when it cannot be read.
RecordedTrace load_trace(const std::string& path);

}  // namespace orrery
