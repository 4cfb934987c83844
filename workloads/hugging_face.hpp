#pragma once

#include <optional>

#include "sim/base/json_cursor.hpp"
#include "workloads/network.hpp"

namespace orrery {

/// Whether this object looks like a config.json.
bool is_hugging_face(JsonCursor& cursor);

/// Reads the shape that a Hugging Face config.json gives, by its "model_type", else by the first
/// known name among its "architectures"; keys that do not matter are ignored, but for overrides
/// (published_config.hpp), absent ones have the default of that family's configuration class in
/// transformers. Mistakes, such as a family that is
/// not known, go to the diagnostics; then the result is empty or harmless.
std::optional<NetworkShape> read_hugging_face(JsonCursor& cursor);

}  // namespace orrery
