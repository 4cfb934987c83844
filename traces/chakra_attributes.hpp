#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/graph/op_kind.hpp"
#include "traces/chakra.hpp"

namespace orrery::chakra {

/// The attributes of a node as a reader needs them: of whatever type of integer, also a real or a
/// text that is one; what is missing or of another type throws TraceError with file and node.
class Attributes {
 public:
  Attributes(const Node& node, const std::string& path) : node_(&node), path_(&path) {}

  [[noreturn]] void fail(const std::string& what) const;

  std::int64_t integer(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  /// Not negative.
  std::int64_t amount(std::string_view name) const;
  std::int64_t amount(std::string_view name, std::int64_t otherwise) const;
  /// A text, or an integer as such; "" when it is not there.
  std::string name(std::string_view name) const;
  /// "comm_type": the number of a CollectiveCommType, or its name.
  CollectiveKind collective() const;

 private:
  const Value& required(std::string_view name) const;
  std::int64_t integer_of(std::string_view name, const Value& value) const;

  const Node* node_;
  const std::string* path_;
};

}  // namespace orrery::chakra
