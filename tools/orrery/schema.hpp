#pragma once

#include "hw/catalog.hpp"
#include "sim/base/json_value.hpp"
#include "tools/orrery/builtins.hpp"

namespace orrery {

/// JSON Schema (draft 2020-12) of a scenario file, for editors: completion and first mistakes. It
/// names the implementations and catalogue entries that are there now. What it accepts, `orrery
/// check` may still refuse: relations between values are beyond a schema.
JsonValue scenario_schema(const Builtins& builtins, const Catalog& catalog);

/// The same of a sweep file, which holds a scenario or names one.
JsonValue sweep_schema(const Builtins& builtins, const Catalog& catalog);

}  // namespace orrery
