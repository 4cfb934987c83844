#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/fabric.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {

/// Something that happens to links at a time: they carry less, fail, or come back.
struct Fault {
  enum class Kind : std::uint8_t { capacity, down, up };
  Time at;
  Kind kind = Kind::down;
  double capacity = 1;     // of Kind::capacity: share of the nominal one that is left, (0, 1]
  std::vector<int> links;  // indices in Fabric::links()
  std::string what;        // "link \"leaf 0 -> spine 1\"", "node 3"
  std::string file;        // where it is written
  std::string pointer;
};

/// "capacity", "down", "up".
std::string to_string(Fault::Kind kind);

/// In order of time, as written where times are equal.
using Faults = std::vector<Fault>;

/// Reads the section "faults" strictly, a list of
///
///   {"at": "2 ms", "link": NAME | "switch": NAME | "node": N,
///    "down": true | "up": true | "capacity": SHARE, "both_directions": true}
///
/// A link is one direction, both with "both_directions" (left out: false); a switch (or adapter, or
/// device) stands for all its links (an adapter for its port: its devices leave by others), a node
/// for those inside it and of its adapters. The last fault of a link counts; "up" leaves its
/// capacity as it was, "capacity" whether it is up. `fabric`: null when the cluster could not be
/// read; names are not checked then.
Faults read_faults(JsonCursor section, const Fabric* fabric);

/// "device 0", "devices 0-3, 7" of numbers in order; of more than eight pieces the first.
std::string range_text(const std::string& noun, const std::vector<int>& numbers);

/// Why no way is left from one device to another: the links that are down and the devices on
/// either side. Requires !fabric.joins(from, to).
std::string cut_text(const Fabric& fabric, int from, int to, const std::vector<bool>& down);

}  // namespace orrery
