#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sim/base/json_cursor.hpp"

namespace orrery {

/// A Hugging Face config.json, of which a reader takes the keys that it knows. A file as published
/// holds many others, which are let pass; what a scenario overrides is meant to matter, so that an
/// override which nobody read is a mistake. Borrows the cursor.
class PublishedConfig {
 public:
  explicit PublishedConfig(JsonCursor& cursor) : cursor_(cursor) {}

  JsonCursor at(std::string_view key);
  JsonCursor find(std::string_view key);
  bool has(std::string_view key) { return find(key).present(); }
  /// Neither absent nor null.
  bool is_given(std::string_view key);
  /// Keys that may be absent; a count may be null too.
  std::optional<std::int64_t> count(std::string_view key, CountRange range);
  bool boolean(std::string_view key, bool otherwise);
  void error(const std::string& message) { cursor_.error(message); }

  /// Reports members that were never asked for and stand in another file than the names of the
  /// architecture, with the key of this form that means the same as one of our own form
  /// (networks/README.md), else the nearest.
  void reject_unread_overrides();

 private:
  std::string hint_for(std::string_view key) const;

  JsonCursor& cursor_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace orrery
