#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/message_flows.hpp"
#include "sim/base/json_cursor.hpp"
#include "tools/orrery/builtins.hpp"

namespace orrery {

struct Scenario;

/// The section "fabric": who moves messages, and how. It has its defaults.
FlowChoice read_fabric_section(JsonCursor section);
/// Messages that change their way, by faults or a routing that adapts, need the native engine:
/// reported at the faults, or at `section`, where it chose another.
void refuse_changing_ways(const Scenario& scenario, const JsonValue& section,
                          Diagnostics& diagnostics);

/// Those of the engine that the section names; of "native" when it names none.
JsonValue fabric_defaults(const JsonValue& section);

/// The name and configuration of an engine, as result.json gives it.
JsonValue fabric_engine_json(const FlowChoice& choice,
                             const std::vector<std::pair<std::string, std::string>>& configuration);

/// Throws `what` as the mistake of the scenario's choice of engine.
[[noreturn]] void refuse_engine(const Scenario& scenario, const std::string& what);

/// Throws the same where this program has no such engine, in what is done without another process.
void require_engine(const Scenario& scenario, const Builtins& builtins);

/// Has `program`, which lies beside this one, run the same words in place of this process: its
/// output and exit code are those of this one. Returns where this program runs the engine itself.
/// Throws ScenarioError at /fabric/engine where nothing does.
void hand_over_to_engine(const Scenario& scenario, const Builtins& builtins,
                         std::span<const std::string> words);

}  // namespace orrery
