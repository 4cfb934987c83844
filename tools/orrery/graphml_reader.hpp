#pragma once

#include "sim/base/json_value.hpp"

namespace orrery {

class Diagnostics;

/// Writes graphs that stand in GraphML files into a scenario: every object {"kind": "graph",
/// "file": "net.graphml", "link": DEFAULT} gets the "switches" and "links" of its file, so that the
/// resolved scenario needs it no more. DEFAULT, which may be left out, is resolved already. Paths
/// are relative to the file that names them.
///
///   a node   "endpoint": its number (device, or NIC k of node n as n·NICs + k), or "name": a
///   switch an edge  "bandwidth" ("400 Gbit/s") or "bandwidth_Bps" (400e9/8), "latency" ("1 us") or
///            "latency_s", "efficiency", "kind" (a name for results), "count" (links side by side),
///            "link" (an entry of the catalogue). What an edge does not say is that of its "link",
///            or of DEFAULT
///
/// Edges of a directed graph lead one way, of an undirected one both. `orrery topology --graphml`
/// writes such files. Other attributes are left alone. Mistakes go to `diagnostics`, at the key
/// "file". True when there was such a graph.
bool inline_graphml(JsonValue& document, Diagnostics& diagnostics);

}  // namespace orrery
