#pragma once

#include <string>

#include "traces/recorded_trace.hpp"

namespace orrery {

/// Reads Chrome JSON trace events: those that write_chrome_trace writes, those of PyTorch's
/// profiler (Kineto), and what else has complete ("X"), begin and end ("B", "E"), counter ("C") and
/// metadata ("M") events. The text is gone through once, event by event. Times are read as the
/// decimal numbers that they are, to the picosecond, and begin with the first event.
///
/// Of Kineto's events those of the device ("kernel", "gpu_memcpy", "gpu_memset") are work, all
/// others `host`; a kernel of NCCL brings its collective along. Source: "Trace Event Format",
/// Google, 2016; pytorch/kineto, libkineto/src/output_json.cpp (names of args, as remembered).
/// Throws TraceError with the byte at which the JSON is broken.
RecordedTrace read_trace_events(const std::string& text, const std::string& file);

}  // namespace orrery
