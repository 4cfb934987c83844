#pragma once

#include <string>

#include "traces/recorded_trace.hpp"

namespace orrery {

/// What a file holds, by its content: Chrome JSON (PyTorch's profiler's among it), Perfetto,
/// Chakra, GOAL, or our CSV of spans; packed by gzip or not.
enum class TraceFormat { chrome_json, perfetto, chakra, goal, csv };

/// Throws TraceError when it is none of them.
TraceFormat detect_format(const std::string& bytes, const std::string& file);

/// Reads a file of any of these. Throws TraceError, or IoError when it cannot be read.
RecordedTrace load_trace(const std::string& path);

}  // namespace orrery
