#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/fabric.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {

/// The links of a fabric by name, without what messages share besides (SharedParts); several may
/// have one name.
class LinkNames {
 public:
  /// Borrows the fabric.
  explicit LinkNames(const Fabric& fabric);
  /// Empty, and reported with the nearest name, when there is none.
  std::vector<int> find(JsonCursor name) const;
  /// The links of a switch, adapter or device, both directions; `name` is what the names of its
  /// links begin with: "leaf 0", "node 2, NIC 1". Empty and reported when there is none.
  std::vector<int> find_vertex(JsonCursor name) const;

 private:
  const Fabric* fabric_;
  std::unordered_map<std::string_view, std::vector<int>> by_name_;  // only looked up
};

}  // namespace orrery
