#pragma once

#include <string>

#include "traces/rank_programs.hpp"
#include "traces/recorded_trace.hpp"

namespace orrery {

/// GOAL schedules in their text form: for each rank `calc` (nanoseconds), `send` and `recv`
/// (bytes, a peer, a tag), and which of them `requires` the end, or `irequires` the start, of
/// which. Source: T. Hoefler, C. Siebert, A. Lumsdaine, "Group Operation Assembly Language, a
/// Flexible Way to Express Collective Communication", ICPP 2009; T. Hoefler, T. Schneider, A.
/// Lumsdaine, "LogGOPSim", HPDC 2010, section 3; ATLAHS (SC 2025) takes the same. The order of
/// words on a line is that of LogGOPSim's txt2bin, as remembered.
///
/// A `cpu` runs one `calc` at a time, whichever is ready first; sends and receives occupy no CPU
/// (the o of LogGOPS is for the transport to say), and `nic` is passed over. What irequires an op
/// waits for what that op waits for: one that waits for its CPU alone counts as begun. Throws
/// TraceError with the line.
RankPrograms read_goal(const std::string& text, const std::string& file);

/// Writes programs of computes and delays with their durations, of sends and of receives;
/// collectives must be expanded, and the order of streams stated (order_streams). Each stream of a
/// rank has a cpu of its own; times are rounded to nanoseconds. Throws TraceError for what the
/// format has no word for.
void write_goal(const std::string& path, const RankPrograms& programs);

/// A schedule as spans: durations of what is computed, bytes of what is sent.
RecordedTrace read_goal_trace(const std::string& text, const std::string& file);

}  // namespace orrery
