#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace orrery {

/// Where a JSON value was written: the file as the user named it, and the pointer inside that file.
struct Origin {
  std::shared_ptr<const std::string> file;
  std::string pointer;
};

/// A JSON value that remembers its origin through includes and overrides. Objects keep the order of
/// their keys. Plain data: parse_json makes it, JsonCursor reads it strictly.
struct JsonValue {
  enum class Kind { null, boolean, integer, real, string, array, object };
  struct Member;

  Kind kind = Kind::null;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string string;
  std::vector<JsonValue> items;
  std::vector<Member> members;
  Origin origin;
  std::shared_ptr<const Origin> used_at;  // of what replaced a reference: where that was written

  /// nullptr when this is no object or has no such key.
  const JsonValue* find(std::string_view key) const;
  JsonValue* find(std::string_view key);
  /// Short description for messages: `"text"`, `7`, `an object`, …
  std::string describe() const;
};

struct JsonValue::Member {
  std::string key;
  JsonValue value;
};

/// Limits of what is accepted as input; beyond them parse_json throws ScenarioError.
inline constexpr int kMaximumJsonDepth = 64;
inline constexpr std::size_t kMaximumJsonBytes = std::size_t{64} << 20;

/// Parses strict JSON (RFC 8259; no comments, no NaN). Throws ScenarioError naming `file`, with
/// line and column for a syntax error, and with the pointer for a duplicate key, too deep nesting
/// or a number outside the range of int64/double.
JsonValue parse_json(std::string_view text, const std::string& file);
/// Reads and parses. Throws IoError when the file cannot be read; errors name it as `shown_as`.
JsonValue load_json(const std::string& path, const std::string& shown_as);
/// The text of one value, two-space indented when `pretty`. Doubles are written shortest-round-trip
/// and stay reals ("4.0"). Always valid JSON: bytes that are no UTF-8 become U+FFFD.
std::string to_text(const JsonValue& value, bool pretty);

/// Convenience constructors for values made by the program (origin stays empty).
JsonValue json_string(std::string text);
JsonValue json_integer(std::int64_t number);
JsonValue json_real(double number);
JsonValue json_boolean(bool truth);
JsonValue json_array(std::vector<JsonValue> items);
JsonValue json_object(std::vector<std::pair<std::string, JsonValue>> members);

/// RFC 7396 merge patch, keeping origins: objects merge key by key, null deletes, all else
/// replaces.
void merge_patch(JsonValue& target, const JsonValue& patch);
/// Sets the value at `pointer` (RFC 6901), making missing objects on the way. Returns a message
/// when the pointer is malformed, leads through something that is no object or array, names an
/// element that does not exist ("-" appends one) or goes deeper than kMaximumJsonDepth; "" when
/// done. The value keeps its origin; objects made on the way stand in the value's file at their own
/// pointer.
std::string set_at(JsonValue& root, std::string_view pointer, JsonValue value);
/// Gives `value`, and all that it holds, an origin at and below `origin`.
void set_origin(JsonValue& value, const Origin& origin);
/// nullptr when the pointer leads nowhere.
const JsonValue* value_at(const JsonValue& root, std::string_view pointer);
/// Escapes one reference token of a JSON pointer ("~" and "/").
std::string pointer_token(std::string_view key);

}  // namespace orrery
