#pragma once

#include "models/collective/collective_calls.hpp"
#include "traces/rank_programs.hpp"

namespace orrery {

/// Writes every collective as the messages that its algorithm sends, so that formats without
/// collectives can hold it: between an op that all of a member's messages follow and one that
/// follows them all. The order that streams keep is written as dependencies first. Throws
/// TraceError for what switches do.
void expand_collectives(RankPrograms& programs, const TaskGraph& graph, CollectiveCalls& calls);

}  // namespace orrery
