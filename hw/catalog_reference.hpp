#pragma once

#include <string_view>

#include "sim/base/json_value.hpp"

namespace orrery {

// What stands in a document where an entry of the catalogue is used, and how overrides change it.

/// The kind that a key refers to; "" for a key that refers to nothing.
std::string_view kind_of_key(std::string_view key);

/// Whether a value, under such a key, names an entry.
bool is_reference(const JsonValue& value);

JsonValue empty_object(const Origin& origin);

/// A name in place of an object, as the object that says the same.
JsonValue spelled_out(JsonValue name);

void erase(JsonValue& object, std::string_view key);

/// Whether both say a "kind", and not the same.
bool is_of_another_kind(const JsonValue& old, const JsonValue& patch);

/// RFC 7396, but for three places where merging key by key would mix two things: a reference
/// replaces what stood there (else the old overrides would apply to the new entry), and so do a
/// fact with its "value" (else it would be given the old one's source) and a fabric or link of
/// another "kind" (else it would be given keys of the old kind). Overrides of a reference join it,
/// and there a null is kept until the entry is known that it deletes a key of (`pending`). An
/// object that lost a key, or was given one, stands where that was asked for: a complaint about the
/// whole, or about what is missing from it, goes there.
void merge_override(JsonValue& target, const JsonValue& patch, bool pending = false);

/// Puts "name" first; `name` is for a value that has none or, with `replace`, another.
void set_name(JsonValue& value, JsonValue name, bool replace);

}  // namespace orrery
