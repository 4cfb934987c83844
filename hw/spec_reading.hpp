#pragma once

#include "sim/base/json_cursor.hpp"

namespace orrery {

// What the readers of specs have in common.

/// True for a reference that the catalogue could not resolve. It has said why, so that nothing is
/// added here; only a caller that forgot to resolve hears of it.
bool is_unresolved(JsonCursor& cursor);

/// An achievable share of a peak, in (0, 1].
double read_share(JsonCursor cursor);

/// A size above 0. What cannot be read is not also called too small; its mistakes are collected
/// apart, as one that was reported before would not be counted.
Bytes read_capacity(const JsonCursor& cursor);

/// Of a link that carries bytes for others' messages, as that between a device and its adapter:
/// what it says of a message as a whole would not count.
void refuse_transport(JsonCursor link);

}  // namespace orrery
